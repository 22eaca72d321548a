import { MonoblocError } from '../errors.ts'
import type { Diagnostics, Logger } from '../observe/index.ts'
import { onlyJson } from './answer.ts'
import { AnswerCache } from './answer-cache.ts'
import { BodyEncoder } from './answer-encoded.ts'
import { AnswerFields, type HeaderOptions } from './answer-fields.ts'
import { fieldsText } from './answer-head.ts'
import { AnswerTags } from './answer-tags.ts'
import { leastCompressed } from './compression.ts'
import { HandlerContext } from './context.ts'
import type { CorsOptions } from './cors.ts'
import { CorsRules, isPreflight } from './cors-rules.ts'
import type { Endpoint } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import type { HttpHost } from './host.ts'
import type { HttpLimits } from './limits.ts'
import type { MiddlewareStack } from './middleware-stack.ts'
import type { ErrorMapper } from './problem.ts'
import { compileRoute, type Route } from './route.ts'
import { RouteTree } from './route-tree.ts'
import type { StreamRegistry } from './stream-registry.ts'
import type { UploadFolder } from './upload-folder.ts'

export interface HttpAppOptions {
  host: HttpHost<any>
  limits: HttpLimits
  streams: StreamRegistry
  uploads: UploadFolder
  log: Logger
  diagnostics: Diagnostics
  errors: ErrorMapper | undefined
  /** Whether problems may show the private side of errors. */
  expose: boolean
  headers?: HeaderOptions | undefined
  cors?: CorsOptions | undefined
  compress?: boolean | undefined
  /** Absent in an app without middleware, hooks and mounted apps. */
  stack?: MiddlewareStack | undefined
  /** Others have set fields of the answer: Fastify's plugins, or who gives requests to the app of their version. */
  shared?: boolean
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
  readonly streams: StreamRegistry
  readonly uploads: UploadFolder
  readonly fields: AnswerFields
  /** Undefined where nobody has said anything of other origins: then browsers keep their pages out. */
  cors: CorsRules | undefined
  readonly compress: boolean | undefined
  /** Bytes from which an answer may be encoded. */
  compressFrom: number
  readonly encoder = new BodyEncoder()
  readonly stack: MiddlewareStack | undefined
  /** Absent where no route keeps its answers. */
  kept: AnswerCache | undefined
  readonly Context: typeof HandlerContext
  /** Of answers that may be asked for again: whether what they show depends on who asks decides who may keep them. */
  readonly cacheControl: string
  /** The version of the API that it serves, of an API that has some. */
  edition = ''
  /** The head of an answer in JSON that says nothing but its type, as far as it is always the same. */
  readonly usualHead: string
  #draining = false
  /** Every answer may be written in one call: nothing is to be added to its header, and nobody has a hand in it. */
  plain: boolean

  constructor(options: HttpAppOptions) {
    this.host = options.host
    this.limits = options.limits
    this.streams = options.streams
    this.uploads = options.uploads
    this.log = options.log
    this.diagnostics = options.diagnostics
    this.errors = options.errors
    this.expose = options.expose
    this.fields = new AnswerFields(options.headers)
    this.compress = options.compress
    this.compressFrom = options.compress === false ? Number.POSITIVE_INFINITY : leastCompressed
    if (options.cors) this.#setCors(new CorsRules(options.cors))
    this.cacheControl = options.host.identify ? 'private, no-cache' : 'no-cache'
    this.stack = options.stack
    this.plain = !options.stack && !options.shared && !this.cors
    this.usualHead = fieldsText([...onlyJson, ...this.fields.data, 'cache-control', this.cacheControl])
    this.Context = class extends HandlerContext {}
    Object.assign(this.Context.prototype, options.host.tools)
  }

  /** Set when the server stops: connections are then closed after their answer. */
  get draining(): boolean {
    return this.#draining
  }

  drain(): void {
    this.#draining = true
    this.plain = false
  }

  /** @throws MonoblocError `definition_invalid` */
  add(endpoint: Endpoint): void {
    this.tree.add(endpoint.method, endpoint.path, (names) => {
      const route = compileRoute(endpoint, names, this.limits, this.stack?.hooks)
      const { cors, compress, cache } = endpoint.options
      if (compress) this.compressFrom = leastCompressed
      if (cache) this.#keep(route)
      if (cors !== undefined) (this.cors ?? this.#setCors(new CorsRules(undefined))).add(route, cors)
      return route
    })
  }

  /** What runs before a route may answer each request otherwise: then it is asked each time. */
  #keep({ label, cache }: Route): void {
    const { keeping } = this.host
    if (!keeping) return
    if (this.stack)
      this.log.warn(`${label} keeps no answers: the app has middleware or hooks, which run for each request`)
    else if (!cache) this.log.warn(`${label} keeps no answers: it has before hooks, which run for each request`)
    else this.kept ??= new AnswerCache(this, keeping)
  }

  #setCors(rules: CorsRules): CorsRules {
    this.plain = false
    this.cors = rules
    return rules
  }

  /** The route of a method and a path; HEAD is GET's where it has none of its own. */
  find(method: string, path: string): Route | undefined {
    const found = this.tree.find(method, path, []) ?? (method === 'HEAD' ? this.tree.find('GET', path, []) : undefined)
    return found?.value
  }

  /** Answers a request for which there is no route. */
  unrouted(exchange: Exchange, path: string): void {
    const method = exchange.request.method!
    const allowed = this.allowed(path)
    if (allowed.length === 0) throw new MonoblocError('not_found')
    const allow = allowed.join(', ')
    // Whether a file is there takes a look: to whoever wants to change something, a path that only files may have is none.
    const files = this.#routeOf('GET', path)?.endpoint.files && this.tree.methodsOf(path).length === 1
    if (method !== 'OPTIONS')
      throw files ? new MonoblocError('not_found') : new MonoblocError('method_not_allowed', { headers: { allow } })
    if (this.cors && isPreflight(exchange.request.headers)) {
      exchange.answer(this.cors.preflight(exchange, allowed, (name) => this.#routeOf(name, path)))
      return
    }
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

  #routeOf(method: string, path: string): Route | undefined {
    const own = this.tree.find(method, path, [])
    return (own ?? (method === 'HEAD' ? this.tree.find('GET', path, []) : undefined))?.value
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
