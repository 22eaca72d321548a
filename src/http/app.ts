import { MonoblocError } from '../errors.ts'
import type { Diagnostics, Logger } from '../observe/index.ts'
import { AnswerTags } from './answer-tags.ts'
import { HandlerContext } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import type { HttpHost } from './host.ts'
import type { HttpLimits } from './limits.ts'
import type { ErrorMapper } from './problem.ts'
import { compileRoute, type Route } from './route.ts'
import { RouteTree } from './route-tree.ts'

export interface HttpAppOptions {
  host: HttpHost<any>
  limits: HttpLimits
  log: Logger
  diagnostics: Diagnostics
  errors: ErrorMapper | undefined
  /** Whether problems may show the private side of errors. */
  expose: boolean
}

/** What all requests of one server share. */
export class HttpApp {
  readonly host: HttpHost<any>
  readonly limits: HttpLimits
  readonly log: Logger
  readonly diagnostics: Diagnostics
  readonly errors: ErrorMapper | undefined
  readonly expose: boolean
  readonly tree = new RouteTree<Route>()
  readonly tags = new AnswerTags()
  readonly Context: typeof HandlerContext
  /** Of answers that may be asked for again: whether what they show depends on who asks decides who may keep them. */
  readonly cacheControl: string
  /** Set when the server stops: connections are then closed after their answer. */
  draining = false

  constructor(options: HttpAppOptions) {
    this.host = options.host
    this.limits = options.limits
    this.log = options.log
    this.diagnostics = options.diagnostics
    this.errors = options.errors
    this.expose = options.expose
    this.cacheControl = options.host.identify ? 'private, no-cache' : 'no-cache'
    this.Context = class extends HandlerContext {}
    Object.assign(this.Context.prototype, options.host.tools)
  }

  /** @throws MonoblocError `definition_invalid` */
  add(endpoint: Endpoint): void {
    this.tree.add(endpoint.method, endpoint.path, (names) => compileRoute(endpoint, names, this.limits))
  }

  /** Answers a request for which there is no route. */
  unrouted(exchange: Exchange, path: string): void {
    const method = exchange.request.method!
    const allowed = this.allowed(path)
    if (allowed.length === 0) throw new MonoblocError('not_found')
    const allow = allowed.join(', ')
    if (method !== 'OPTIONS') throw new MonoblocError('method_not_allowed', { headers: { allow } })
    exchange.answer({
      status: 204,
      headers: ['allow', allow, ...this.#acceptFields(path, allowed)],
      body: null,
      tag: null,
    })
  }

  /** The methods of a path, with those that come by themselves; of the whole server for `*`. */
  allowed(path: string): string[] {
    const own = path === '*' ? [...new Set(this.tree.all.map(({ method }) => method))] : this.tree.methodsOf(path)
    if (own.length === 0) return []
    const head = own.includes('GET') && !own.includes('HEAD') ? ['HEAD'] : []
    return [...own, ...head, 'OPTIONS']
  }

  /** Which media types the methods of a path read (`Accept-Patch`, RFC 5789; `Accept-Query`, RFC 10008). */
  #acceptFields(path: string, methods: string[]): string[] {
    return methods
      .filter((method) => method === 'POST' || method === 'PATCH' || method === 'QUERY')
      .flatMap((method) => {
        const route = this.tree.find(method, path, [])?.value
        return route?.bodySchema ? [`accept-${method.toLowerCase()}`, route.accepts.join(', ')] : []
      })
  }
}
