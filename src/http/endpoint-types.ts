import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Enqueued, Job } from '../effects/index.ts'
import type { Logger } from '../observe/index.ts'
import type { AnyModel, InferInput, InferOutput, Row, StandardSchemaV1 } from '../schema/index.ts'
import type { JsonText } from './answer.ts'
import type { CacheOptions } from './answer-cache.ts'
import type { RouteCors } from './cors.ts'
import type { Hooks } from './hooks.ts'
import type { MaybePromise } from './host.ts'
import type { ServerEvent, StreamReturns } from './returns-stream.ts'
import type { Changes } from './version-types.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'QUERY'

type PathOf<Route extends string> = Route extends `${Method} ${infer Path}` ? Path : string
type NamesIn<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}`
  ? Name | NamesIn<`/${Rest}`>
  : Path extends `${string}/:${infer Name}`
    ? Name
    : Path extends `${string}/*`
      ? '*'
      : never

/** `'GET /articles/:slug'` has `{ slug: string }`; a trailing `*` is the rest of the path, under the name `*`. */
export type PathParams<Route extends string> =
  string extends PathOf<Route> ? Record<string, string> : { [Name in NamesIn<PathOf<Route>>]: string }

/** What one status can answer with: a row of a model, a value of a schema, a list or stream of either, or nothing. */
export type Returned =
  | AnyModel
  | StandardSchemaV1
  | readonly [AnyModel | StandardSchemaV1]
  | StreamReturns<'events' | 'lines', AnyModel | StandardSchemaV1>
  | Job<any>
  | null

/** What an endpoint answers with: one body (its status is 200, or 204 for null), or one per status. */
export type Returns = Returned | { readonly [status: number]: Returned }

/** A value as code has it for a place where JSON has text: instants become RFC 3339. */
export type Sendable<T> = T extends string
  ? string extends T
    ? string | Date
    : T
  : T extends readonly (infer Item)[]
    ? readonly Sendable<Item>[]
    : T extends Date | bigint | Uint8Array
      ? T
      : T extends object
        ? { [K in keyof T]: Sendable<T[K]> }
        : T

type ValueOfReturned<R> = R extends null
  ? null | undefined | void
  : R extends Job<any>
    ? Enqueued
    : R extends StreamReturns<infer Kind, infer Item>
      ? AsyncIterable<Kind extends 'events' ? ServerEvent<ValueOfReturned<Item>> : ValueOfReturned<Item>>
      : R extends readonly [infer Item]
        ? readonly ValueOfReturned<Item>[] | JsonText
        : R extends StandardSchemaV1
          ? Sendable<InferInput<R>> | JsonText
          : R extends AnyModel
            ? Row<R> | JsonText
            : unknown

/** What a handler may return. */
export type HandlerResult<R> = undefined extends R
  ? unknown
  : R extends Returned
    ? ValueOfReturned<R>
    : { [Status in keyof R]: ValueOfReturned<R[Status]> }[keyof R]

export type OutputOf<S, Otherwise> = S extends StandardSchemaV1 ? InferOutput<S> : Otherwise

/** The facts of a request that are not its content. */
export interface RequestFacts {
  /** Also the `instance` of problem details, the `X-Request-Id` of the answer and the cause in the commit log. */
  id: string
  method: string
  /** The request target as it came. */
  url: string
  /** The address of the peer; behind a trusted proxy, of the client. */
  address: string
  /** A W3C traceparent to send on to other services, or null when the request came without one. */
  trace: string | null
}

/** Members that are not Node's are whatever middleware has made them. */
export type NodeRequest = IncomingMessage & Record<string, any>

/** What a handler says of its answer besides the body. Each returns the reply. */
export interface Reply {
  /** The status of the answer, when `returns` leaves a choice or the default is not meant. */
  status(status: number): Reply
  /** One field of the answer's header; given twice, the last one stays. `set-cookie` adds. */
  header(name: string, value: string | number): Reply
  /** The `Location` header field, and status 201 unless another is said. */
  created(location: string): Reply
}

/** What every function of an endpoint is given. `Tools` are `db`, `auth` and what other rooms add. */
export type Context<Tools, User, Params, Query, Body> = Tools & {
  params: Params
  query: Query
  body: Body
  /** Who asks. Never null unless the endpoint is for `anyone`. */
  user: User
  headers: IncomingHttpHeaders
  request: RequestFacts
  /**
   * The request as Node has it, with what middleware has added: `req.session`, `req.file`, `req.user`. One without a body
   * may be a stream that has ended already, as `req.readableEnded` says: do not wait for its `end`.
   */
  req: NodeRequest
  reply: Reply
  log: Logger
  /** Aborted when the client has gone or the deadline has passed. */
  signal: AbortSignal
  /** Of a client that connects again to a stream of events: the `id` of the last one it has seen. */
  lastEventId: string | null
}

/** What a group says for its routes; what a route says itself goes before. */
export type EndpointDefaults = Pick<
  EndpointOptions<any, any, any, any, any, any, any, any, any, any, any>,
  'deadline' | 'bodyLimit' | 'tags' | 'reference' | 'deprecated' | 'cors' | 'compress'
>

export interface EndpointOptions<Tools, User, Params, Query, Body, P, Q, B, R, Anyone, Prepared, C = any>
  extends Hooks<Context<Tools, User, Params, Query, Body>> {
  /** Without an identity too; `user` is then null. Credentials that are there must be valid all the same. */
  anyone?: Anyone
  /** Checks and converts the parameters of the path. A violation is 400 `invalid_params`. */
  params?: P
  /** Checks and converts the query string: text, or a list where a name repeats. A violation is 400 `invalid_query`. */
  query?: Q
  /**
   * Checks and converts the JSON body. A violation is 422 `validation_failed`, and so is a key that a `z.object` does not
   * name (`.loose()` lets it in). Without it a body is not read.
   */
  body?: B
  /**
   * What leaves: values are checked and written by it, and what is not in it stays. Without it any JSON leaves, or text
   * and bytes under the `content-type` that the handler says.
   */
  returns?: R
  /** Default: `read` for GET, HEAD and QUERY, `write` for the others. */
  transaction?: 'read' | 'write' | false
  /** Milliseconds that the request may take, from its header to its answer. Default: the server's, 10,000. */
  deadline?: number
  /** Bytes that the body may have. Default: the server's, 1 MiB. */
  bodyLimit?: number
  /** Whether `Idempotency-Key` is honoured. Default: for POST. */
  idempotency?: boolean
  summary?: string
  description?: string
  /** Default: the first segment of the path that is neither `api` nor a version. */
  tags?: readonly string[]
  /** The name of a generated client's function. Default: from method and path. */
  operationId?: string
  deprecated?: boolean
  /**
   * What versions of the API have changed in it, for requests of those before them. It speaks the newest itself: see
   * `backend({ versions })`.
   */
  changes?: Changes<C>
  /** Which pages of other origins may use it, where that is not what `backend({ cors })` says. `false`: none. */
  cors?: RouteCors
  /**
   * Whether its answers are compressed. Default: those of GET, HEAD and QUERY from 1 KiB, unless the request came with
   * cookies. `true`: all of them; not where a secret and what a stranger may choose are in one answer.
   */
  compress?: boolean
  /**
   * Whether its answers are kept, and given again until what they have read changes: rows through `db`, for the same user and
   * the same address. GET only. Not for what an answer takes from elsewhere: the time, chance, another server. Default: no.
   */
  cache?: boolean | CacheOptions
  /** Whether the reference and the OpenAPI document show it. Default: yes. Pages and other files are no API. */
  reference?: boolean
  /**
   * Runs after validation and before the transaction; may await anything, and reads only. What it returns is
   * `prepared` in `handle`.
   */
  prepare?(context: Context<Tools, User, Params, Query, Body>): Prepared
  handle(
    context: Context<Tools, User, Params, Query, Body> & { prepared: Awaited<Prepared> },
  ): MaybePromise<HandlerResult<R>>
}
