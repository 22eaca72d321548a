import type { Definition } from '../access/index.ts'
import type { CacheCounters } from '../cache/index.ts'
import type { SystemDb } from '../commit/index.ts'
import type { EffectTools, Jobs, Schedules, Subscribers, WebhookControl } from '../effects/index.ts'
import type { MonoblocError } from '../errors.ts'
import type {
  ApiInfo,
  ApiVersions,
  CorsOptions,
  ErrorMapper,
  HeaderOptions,
  Hooks,
  HttpLimits,
  MountOptions,
  NodeRequest,
  StaticMount,
  Use,
  Used,
} from '../http/index.ts'
import type { LogDestination, Logger } from '../observe/index.ts'
import type { Schema } from '../schema/index.ts'
import type { Config, ConfigOptions } from './config.ts'
import type { Address } from './listening.ts'

/** What code says of a backend. Whatever operating it may change is a setting too: see `ConfigOptions`. */
export interface BackendOptions extends ConfigOptions {
  /** For logs, the reference and tokens. Default `app`. */
  name?: string
  /** Of the API, for the reference: `1.4.0`. Default `0.0.0`. */
  version?: string
  /** What the API is for, in the reference. */
  description?: string
  /**
   * Whether `GET /openapi.json` and `GET /docs` describe what is served, to anyone. Default: yes, in production too: a
   * description keeps nobody out, and what clients may do is no secret. Say `reference: false` on an endpoint to leave
   * it out. A route of the app's own at one of these addresses goes before.
   */
  reference?: boolean | ReferenceOptions
  /** Everything it serves, in any order: endpoints, resources, groups, and objects that hold some (`import * as articles`). */
  serve: readonly Served[]
  /**
   * Express apps and routers, and functions `(req, res, next)`, by path: they answer what nothing in `serve` does. An app
   * answers all that it is given; a router or function may call `next()`.
   *
   *     mount: { '/legacy': expressApp }
   */
  mount?: MountOptions
  /** Runs before each route. See `Hooks`. */
  before?: Hooks['before']
  /** Runs after each route. See `Hooks`. */
  after?: Hooks['after']
  auth?: AuthOptions
  /** The versions of the API. Endpoints and resources say in `changes` what each has changed. Default: it has one. */
  versions?: ApiVersions
  /**
   * Folders whose files are served, by path: `{ '/assets': './public' }`, or `{ '/': { from: './dist', fallback:
   * 'index.html' } }` for an app in the browser. What `serve` says at the same path goes before.
   */
  static?: Readonly<Record<`/${string}`, StaticMount>>
  /** Which pages of other origins may use what is served. Default: none, as browsers have it. */
  cors?: CorsOptions
  /**
   * Header fields of every answer: text sets one, null leaves one out that would come by itself, and what a handler says
   * goes before. Behind TLS say `{ 'strict-transport-security': 'max-age=31536000' }`.
   */
  headers?: HeaderOptions
  /**
   * Whether answers are compressed (zstd, br, gzip). Default: those of GET, HEAD and QUERY from 1 KiB, unless the request
   * came with cookies or the answer must not be stored. `true`: all; `false`: none, such as behind a proxy that does it.
   * `compress` of an endpoint goes before.
   */
  compress?: boolean
  /** The app's own form of errors. Default: problem details (RFC 9457). */
  errors?: ErrorMapper
  /** Fills a database that has just been made. Runs once, as the system, before the first request. */
  seed?: (db: SystemDb<any, any>) => Promise<void>
  /** Bounds of requests, beside the body's (`bodyLimit`), which is a setting. Each has a default. */
  limits?: Partial<Omit<HttpLimits, 'body'>>
  /** Milliseconds of a blocked event loop from which the log names what blocked it. Default 100. */
  blockedAfter?: number
}

/** What a run is made of: what code says, and what has been added since. */
export interface RunOptions extends BackendOptions {
  middleware?: readonly Used[]
}

/** What the OpenAPI document says beside name, version and description. */
export type ReferenceOptions = Pick<ApiInfo, 'contact' | 'license' | 'servers' | 'openapi'>

/** What `endpoint`, `resource` and `group` return, or an object that holds some among its values. */
export type Served = object

export interface AuthOptions {
  /** Words that may stand before a token in the Authorization header. Default: `['Bearer']`. */
  schemes?: readonly string[]
  /** Seconds that an access token lives. Default: a day. */
  lifetime?: number
  /**
   * The key of the user of a request without a token, as middleware knows it; nothing for nobody.
   *
   *     identify: (req) => req.session?.userId
   *
   * A cookie comes along whoever's page makes a browser ask: give it `SameSite`.
   */
  identify?(req: NodeRequest): unknown
}

/** One route, as `monobloc routes` lists it. */
export interface RouteInfo {
  /** `*`: any, of a mounted app. */
  method: string
  path: string
  /** Who may ask: `anyone`, the name of the user model, or `policy` where the model's policy says. */
  access: string
  transaction: 'read' | 'write' | 'none'
  /** Where it comes from: `endpoint`, `resource article`, `static`, `mount`. */
  source: string
}

export interface Listening extends Address {
  /** Drains and stops: see `Backend.stop`. */
  stop(): Promise<void>
}

/** For programs that embed a backend, and for tests. */
export interface StartOptions {
  /** Stronger than PORT. 0: any free one. */
  port?: number
  /** False: it answers only what `toNodeHandler` is given. Default: it listens. */
  listen?: boolean
  /** Default: `process.env`. */
  environment?: NodeJS.ProcessEnv
  /** Where `.env` files are and relative paths begin. Default: the working folder. */
  folder?: string
  /** Where log lines go. Default: standard output. */
  logTo?: LogDestination
  /** Milliseconds since 1970, by which rows, ids, tokens, keys and the commit log are dated. Default: `Date.now`. */
  now?: () => number
}

export interface Inspection {
  /** The configuration, or the error that says every problem of it. */
  config: Config | MonoblocError
  /** Undefined in an app without models. */
  schema: Schema | undefined
  /** What `define` has made: models, policies, hooks. */
  definition: Definition | undefined
  seed: BackendOptions['seed']
}

/** Which request's key. */
export interface UnsettledClaim {
  key: string
  /** As it was declared: `POST /payments`. */
  route: string
  /** The key of the user who sent it, as text; null for nobody. */
  user: string | null
}

export interface SettledAnswer {
  status: number
  /** Sent as JSON. */
  body?: unknown
}

/** What is kept in this process, and counts since its start. */
export interface CacheReport extends CacheCounters {
  entries: number
  /** About what they take. */
  bytes: number
  /** Bytes at most. */
  capacity: number
}

/** A backend: what it serves, and how it starts and stops. */
export interface Backend {
  readonly name: string
  /**
   * Starts as a program: prints where it is, drains and exits 0 on SIGTERM and SIGINT, and prints every problem and
   * exits when it can't start (78: configuration, 69: port or database in use, 1: anything else). Under a test runner
   * (NODE_ENV=test) it leaves the process alone and throws instead.
   *
   * @param port as the option `port`: PORT is stronger. 0: any free one
   */
  listen(port?: number): Promise<Listening>
  /**
   * Starts inside a program that looks after itself: no signals, no exit, nothing printed but logs.
   *
   * @throws MonoblocError `configuration_invalid`, `schema_differs`, `port_taken`, `listen_refused`, …
   */
  start(options?: StartOptions): Promise<Listening>
  /** Finishes what is under way, closes the database, flushes the log. May be called at any time, any number of times. */
  stop(): Promise<void>
  /**
   * One transaction outside HTTP, as the system, while the backend runs: for scripts, tests and timers of one's own.
   * Resolves when it is on disk.
   *
   *     await app.transaction(async (db: SystemDb<typeof models, typeof User>, { emit, enqueue }) => { … })
   */
  transaction<D extends SystemDb<any, any>, T>(work: (db: D, tools: EffectTools) => Promise<T>): Promise<T>
  /**
   * Settles an `Idempotency-Key` that answers 409 `outcome_unknown`: with what it should answer from now on, or with
   * null to let the request run again.
   *
   * @throws MonoblocError `not_found` when no such key is unsettled
   */
  settle(claim: UnsettledClaim, answer: SettledAnswer | null): Promise<void>
  /**
   * Adds middleware of Connect or Express, which runs for every request before its route is looked for, in the order in
   * which it was added. Before the backend starts.
   *
   *     app.use(helmet()).use('/admin', requireAdmin)
   */
  use: Use<Backend>
  /** What answers and results are kept, and how often that was of use; undefined while it does not run, and where none are. */
  readonly cache: CacheReport | undefined
  /** Every route, without starting anything. */
  routes(): RouteInfo[]
  /** What it would start with, for tools: its configuration and its models. Nothing is opened or written. */
  inspect(options?: Pick<StartOptions, 'environment' | 'folder'>): Inspection
  /** Its jobs, while it runs: what became of them, cancel, retry, pause and resume. */
  readonly jobs: Jobs
  /** Its schedules, while it runs: the next ticks, the last ones, pause, resume, run now. */
  readonly schedules: Schedules
  /** Its subscribers, while it runs: how far each has come, what fails, pause, resume, replay, skip. */
  readonly subscribers: Subscribers
  /** The endpoints of its webhooks, while it runs: add, disable, rotate secrets; what was sent, replay, skip. */
  readonly webhooks: WebhookControl
  /** Where it listens, while it does. */
  readonly address: Address | undefined
  /** The logger of the running backend; before it has started, one that writes nothing. */
  readonly log: Logger
}
