import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Endpoint } from './endpoint.ts'
import type { Hooks } from './hooks.ts'
import type { Used } from './middleware.ts'
import { type Chain, type ChainEngine, chainEngine, type Done } from './middleware-chain.ts'
import { runBelow } from './middleware-path.ts'
import { type MountOptions, Mounts } from './mount.ts'

/** What an app, a group or a route puts around its routes. */
export interface Level extends Hooks {
  /** The whole path of a group; empty for an app. */
  at: string
  used: readonly Used[]
}

/** The app's own level. */
export type Around = Partial<Omit<Level, 'at'>>

/** Undefined where nothing is around any route: then requests take the short way. */
export function stackOf(
  { used = [], before, after }: Around,
  mount: MountOptions,
  routes: readonly Endpoint[],
): MiddlewareStack | undefined {
  const stack = new MiddlewareStack({ at: '', used, before, after }, mount, routes)
  const isNeeded =
    used.length > 0 ||
    before ||
    after ||
    stack.mounts.size > 0 ||
    routes.some((one) => hasMiddleware(one) || isFollowed(one))
  return isNeeded ? stack : undefined
}

/** All middleware and mounted apps of a server, made to run once. */
export class MiddlewareStack {
  readonly hooks: Hooks
  readonly mounts: Mounts
  /** Runs for every request. */
  readonly first: Chain | undefined
  readonly #engine: ChainEngine | undefined
  readonly #app: Chain | undefined
  readonly #chains = new Map<readonly Used[], Map<string, Chain>>()

  /** @throws MonoblocError `definition_invalid`, `dependency_missing` */
  constructor(app: Level, mount: MountOptions, routes: readonly Endpoint[]) {
    this.hooks = app
    let engine: ChainEngine | undefined
    const engineOf = () => (engine ??= chainEngine())
    this.mounts = new Mounts(mount, engineOf)
    if (app.used.length === 0 && !routes.some(hasMiddleware)) return
    this.#engine = engineOf()
    this.#app = this.#engine.first(app.used)
    if (app.used.length > 0) this.first = this.#app
    // What can't run is refused now, not at the first request.
    for (const endpoint of routes) this.chainsOf(endpoint)
  }

  /** The middleware of a route's groups, from the outermost on, and its own. */
  chainsOf(endpoint: Endpoint): Chain[] {
    const { groups = [], middleware } = endpoint
    const at = groups.at(-1)?.at ?? ''
    const chains = [...groups, { at, used: middleware }]
      .filter(({ used }) => used.length > 0)
      .map((level) => this.#chainOf(level))
    // What the others expect of a request, the app's gives it, even where it has no middleware.
    return chains.length > 0 && !this.first ? [this.#app!, ...chains] : chains
  }

  #chainOf({ at, used }: Pick<Level, 'at' | 'used'>): Chain {
    const known = this.#chains.get(used)
    const byPath = known ?? new Map<string, Chain>()
    if (!known) this.#chains.set(used, byPath)
    let chain = byPath.get(at)
    if (!chain) byPath.set(at, (chain = below(at, this.#engine!.further(used))))
    return chain
  }
}

function hasMiddleware({ middleware, groups = [] }: Endpoint): boolean {
  return middleware.length > 0 || groups.some(({ used }) => used.length > 0)
}

function isFollowed({ options, groups = [] }: Endpoint): boolean {
  return [options, ...groups].some(({ after }) => after)
}

/** The same chain, which sees what follows the path of its group, as the routes of an Express router do. */
function below(path: string, chain: Chain): Chain {
  if (path === '') return chain
  const run =
    (go: (request: IncomingMessage, response: ServerResponse, done: Done) => void) =>
    (request: IncomingMessage, response: ServerResponse, done: Done): void => {
      const ran = runBelow(request, path, (leave) =>
        go(request, response, (error) => {
          leave()
          done(error)
        }),
      )
      if (!ran) go(request, response, done)
    }
  return {
    run: run((request, response, done) => chain.run(request, response, done)),
    fail: (error, request, response, done) =>
      run((_, __, left) => chain.fail(error, request, response, left))(request, response, done),
  }
}
