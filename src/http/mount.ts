import type { IncomingMessage, ServerResponse } from 'node:http'
import { MonoblocError } from '../errors.ts'
import { usedOf } from './middleware.ts'
import type { ChainEngine, Done } from './middleware-chain.ts'
import { isBelow, runBelow } from './middleware-path.ts'
import { saveRequest } from './request-state.ts'

/** An Express app or router, a Connect app, or any function of a request and its response. */
export type Mountable = (req: any, res: any, next?: any) => unknown

/** By path: `{ '/legacy': expressApp }`. */
export type MountOptions = Readonly<Record<`/${string}`, Mountable>>

interface Mount {
  /** Without a slash at the end; empty for `/`. */
  path: string
  target: Mountable
  /** It could listen by itself, and answers whatever it is given: its 404 and its errors are its own. */
  whole: boolean
}

/** Apps that answer what Monobloc has no route for, the longest path first. */
export class Mounts {
  readonly #all: readonly Mount[]

  /**
   * @param engine gives a router what only an app has: Express's request and response
   * @throws MonoblocError `definition_invalid`
   */
  constructor(options: MountOptions, engine: () => ChainEngine) {
    this.#all = Object.entries(options)
      .map(([path, target]) => mountOf(path, target, engine))
      .sort((a, b) => b.path.length - a.path.length)
    const paths = new Set(this.#all.map(({ path }) => path.toLowerCase()))
    if (paths.size < this.#all.length) throw invalid(Object.keys(options).join(', '), 'two of these are the same path')
  }

  get size(): number {
    return this.#all.length
  }

  has(target: string): boolean {
    return this.#all.some(({ path }) => isBelow(target, path))
  }

  /** Whether something is mounted at the root, so that it answers `/`. */
  get atRoot(): boolean {
    return this.#all.some(({ path }) => path === '')
  }

  /** Lets the mounted ones answer, one after another. `done` is called when none has, or one has failed. */
  answer(request: IncomingMessage, response: ServerResponse, done: Done): void {
    const below = this.#all.filter(({ path }) => isBelow(request.url!, path))
    let at = 0
    const next: Done = (error) => {
      const mount = below[at++]
      if (error || !mount) done(error)
      else run(mount, request, response, next)
    }
    next()
  }
}

function run({ path, target, whole }: Mount, request: IncomingMessage, response: ServerResponse, next: Done): void {
  // At the root it sees the request as it came, and keeps what it wants to of it.
  if (path === '') call(target, request, response, whole ? undefined : next)
  else {
    runBelow(request, path, (leave) => {
      const goOn: Done = (error) => {
        leave()
        next(error)
      }
      call(target, request, response, whole ? undefined : goOn)
    })
  }
}

function call(target: Mountable, request: IncomingMessage, response: ServerResponse, next: Done | undefined): void {
  if (!next) {
    target(request, response)
    return
  }
  try {
    const result = target(request, response, next)
    if (result instanceof Promise) result.catch((error) => next(error ?? new Error('Rejected promise')))
  } catch (error) {
    next(error ?? new Error('Thrown'))
  }
}

function mountOf(path: string, target: Mountable, engine: () => ChainEngine): Mount {
  if (!/^(?:\/[\w.~!$&'()+,;=@-]+)*\/?$/.test(path) || !path.startsWith('/'))
    throw invalid(path, 'a path has fixed segments only, such as /legacy')
  if (typeof target !== 'function')
    throw invalid(path, 'mount takes an Express app, a router, or a function (req, res)')
  const { handle, listen } = target as { handle?: unknown; listen?: unknown }
  const at = path.replace(/\/$/, '')
  if (typeof handle !== 'function') return { path: at, target, whole: false }
  if (typeof listen === 'function') return { path: at, target, whole: true }
  return { path: at, target: asApp(target, engine()), whole: false }
}

function asApp(router: Mountable, engine: ChainEngine): Mountable {
  const chain = engine.first([usedOf([router])])
  return (request: IncomingMessage, response: ServerResponse, next: Done) => {
    const restore = saveRequest(request, response)
    chain.run(request, response, (error) => {
      restore()
      next(error)
    })
  }
}

function invalid(path: string, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: path, detail: `mount "${path}": ${detail}.` })
}
