import type { IncomingMessage, ServerResponse } from 'node:http'
import { MonoblocError } from '../errors.ts'
import type { AnyMiddleware, ErrorMiddleware, Middleware, Used } from './middleware.ts'
import type { Chain, ChainEngine, Done } from './middleware-chain.ts'
import { runBelow } from './middleware-path.ts'

interface Layer {
  /** Without a slash at the end; empty: everywhere. */
  path: string
  middleware: AnyMiddleware
}

/** Runs middleware as Connect does: for apps that have no Express, and middleware that needs nothing of it. */
export const connectEngine: ChainEngine = { first: chainOf, further: chainOf }

function chainOf(used: readonly Used[]): Chain {
  const layers = used.flatMap(({ path, middleware }) => {
    const paths = pathsOf(path)
    return middleware.flatMap((one) => paths.map((at): Layer => ({ path: at, middleware: one })))
  })
  return {
    run: (request, response, done) => go(layers, request, response, done),
    fail: (error, request, response, done) => go(layers, request, response, (later) => done(later ?? error), error),
  }
}

function pathsOf(path: Used['path']): string[] {
  return [path ?? '/'].flat().map((one) => {
    if (typeof one === 'string' && /^\/[^:*?#{}()[\]\\+!]*$/.test(one)) return one.replace(/\/+$/, '')
    throw new MonoblocError('dependency_missing', {
      detail: `use(${one}, …): a path with parameters or patterns needs the package express: npm install express`,
    })
  })
}

function go(
  layers: readonly Layer[],
  request: IncomingMessage,
  response: ServerResponse,
  done: Done,
  first?: unknown,
): void {
  let at = 0
  const next: Done = (error) => {
    let layer: Layer | undefined
    while ((layer = layers[at++])) {
      const { path, middleware } = layer
      if ((middleware.length === 4) !== isError(error)) continue
      const ran = runBelow(request, path, (leave) => {
        const goOn: Done = (later) => {
          leave()
          next(later)
        }
        call(middleware, error, request, response, goOn)
      })
      if (ran) return
    }
    done(error)
  }
  next(first)
}

function isError(error: unknown): boolean {
  return error !== undefined && error !== null && error !== false
}

function call(
  middleware: AnyMiddleware,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: Done,
): void {
  const fail = (thrown: unknown): void => next(thrown ?? new Error('Rejected promise'))
  try {
    const result = isError(error)
      ? (middleware as ErrorMiddleware)(error, request, response, next)
      : (middleware as Middleware)(request, response, next)
    if (result instanceof Promise) result.catch(fail)
  } catch (thrown) {
    fail(thrown)
  }
}
