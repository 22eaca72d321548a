import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AnyMiddleware, Used } from './middleware.ts'
import type { Chain, ChainEngine, Done } from './middleware-chain.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, next: Done) => void

interface ExpressRouter {
  use(...given: unknown[]): unknown
  handle(request: IncomingMessage, response: ServerResponse, done: Done): void
}

interface Express {
  (): ExpressRouter & { disable(setting: string): void }
  Router(options: { mergeParams: boolean }): ExpressRouter
}

/** Runs middleware in Express; undefined where it is not installed. */
export function expressEngine(): ChainEngine | undefined {
  const express = loadExpress()
  if (!express) return undefined
  return {
    first(used) {
      const app = express()
      // Said of apps that someone has written with Express; this one nobody sees.
      app.disable('x-powered-by')
      return chainOf(app, used, express)
    },
    further: (used) => chainOf(express.Router({ mergeParams: true }), used, express),
  }
}

function loadExpress(): Express | undefined {
  try {
    return createRequire(import.meta.url)('express') as Express
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function chainOf(router: ExpressRouter, used: readonly Used[], express: Express): Chain {
  const through = new Continuations()
  for (const { path, middleware } of used) useAt(router, path, middleware)
  router.use(through.handler)
  let errors: ExpressRouter | undefined
  const taken: { path: Used['path']; middleware: AnyMiddleware[] }[] = used
    .map(({ path, middleware }) => ({ path, middleware: middleware.filter((one) => one.length === 4) }))
    .filter(({ middleware }) => middleware.length > 0)
  const thrown = new WeakMap<IncomingMessage, unknown>()
  if (taken.length > 0) {
    errors = express.Router({ mergeParams: true })
    errors.use(((request, _response, next) => next(thrown.get(request))) satisfies Handler)
    for (const { path, middleware } of taken) useAt(errors, path, middleware)
  }
  return {
    run(request, response, done) {
      through.expect(request, done)
      router.handle(request, response, done)
    },
    fail(error, request, response, done) {
      if (!errors) {
        done(error)
        return
      }
      thrown.set(request, error)
      errors.handle(request, response, (later) => done(later ?? error))
    },
  }
}

function useAt(router: ExpressRouter, path: Used['path'], middleware: readonly AnyMiddleware[]): void {
  if (path === undefined) router.use(...middleware)
  else router.use(path, ...middleware)
}

/** The last middleware of a router goes on at once; a router that ends by itself does so a turn later. */
class Continuations {
  readonly #waiting = new WeakMap<IncomingMessage, Done>()

  expect(request: IncomingMessage, done: Done): void {
    this.#waiting.set(request, done)
  }

  readonly handler: Handler = (request) => {
    const done = this.#waiting.get(request)
    // Middleware that calls next() twice has let the request through once.
    this.#waiting.delete(request)
    done?.()
  }
}
