import type { Definition } from '../access/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import type { StandardSchemaV1 } from '../schema/index.ts'
import type { EndpointOptions, Method, OutputOf, PathParams, Returns } from './endpoint-types.ts'
import { FormBody, formType } from './form.ts'
import { type Use, type Used, useInto } from './middleware.ts'
import type { Level } from './middleware-stack.ts'
import type { OperationDetails } from './openapi-details.ts'
import { RawBody } from './raw-body.ts'
import { streamsIn } from './returns.ts'
import type { KnownVersion } from './version-list.ts'

export type AnyEndpointOptions = EndpointOptions<
  any,
  any,
  any,
  any,
  any,
  StandardSchemaV1 | undefined,
  StandardSchemaV1 | undefined,
  StandardSchemaV1 | undefined,
  any,
  boolean,
  any
>

/** One method of one path, and what it does: pure data until a server serves it. */
export interface Endpoint<Route extends string = string, P = any, Q = any, B = any, R = any> {
  readonly kind: 'endpoint'
  readonly route: Route
  readonly method: Method
  readonly path: string
  /** Media types of the body. Default: JSON. */
  readonly accepts?: readonly string[]
  readonly options: AnyEndpointOptions & { params?: P; query?: Q; body?: B; returns?: R }
  /** What it was defined with; undefined for one without models. */
  readonly definition?: Definition
  /** What the OpenAPI document says of it beside what follows from its options. */
  readonly openapi?: OperationDetails
  readonly middleware: readonly Used[]
  /** Adds middleware that runs before it, after that of the app and its groups. Paths are below those of its groups. */
  use: Use<Endpoint<Route, P, Q, B, R>>
  /** The groups that it is in, from the outermost on. */
  readonly groups?: readonly Level[]
  /** It serves files, of which a path that nothing else serves may be one or not. */
  readonly files?: true
  /** The model of the resource that it is part of. */
  readonly resource?: string
  /** `fields` may ask it for a part of its rows. */
  readonly sparse?: boolean
  /** What it is in a version of the API, where it knows better than by its changes. */
  readonly at?: (version: KnownVersion) => Endpoint
  /** What its path begins with under the address of a version, and without it: `/api/v1`, `/api`. */
  readonly addressed?: readonly [whole: string, unversioned: string]
}

/** The function that `define` gives: it knows the types of `db` (in `Tools`) and of the user. */
export type EndpointFunction<Tools, User> = <
  const Route extends `${Method} /${string}`,
  P extends StandardSchemaV1 | undefined = undefined,
  Q extends StandardSchemaV1 | undefined = undefined,
  B extends StandardSchemaV1 | undefined = undefined,
  const R extends Returns | undefined = undefined,
  Anyone extends boolean = false,
  Prepared = undefined,
  C extends object = object,
>(
  route: Route,
  options: EndpointOptions<
    Tools,
    Anyone extends true ? User | null : User,
    OutputOf<P, PathParams<Route>>,
    OutputOf<Q, Record<string, string | string[]>>,
    OutputOf<B, undefined>,
    P,
    Q,
    B,
    R,
    Anyone,
    Prepared,
    C
  >,
) => Endpoint<Route, P, Q, B, R>

const known = {
  anyone: true,
  params: true,
  query: true,
  body: true,
  returns: true,
  transaction: true,
  deadline: true,
  bodyLimit: true,
  idempotency: true,
  summary: true,
  description: true,
  tags: true,
  operationId: true,
  deprecated: true,
  changes: true,
  cors: true,
  compress: true,
  cache: true,
  reference: true,
  prepare: true,
  handle: true,
  before: true,
  after: true,
} satisfies Record<keyof AnyEndpointOptions, true>

const routePattern = /^(GET|HEAD|POST|PUT|PATCH|DELETE|QUERY) (\/\S*)$/
const withBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY'])

/**
 * The typed `endpoint` of one definition.
 *
 * @typeParam Tools what contexts hold besides the request: `{ db: Db<Ms, U>, auth: … }`
 * @typeParam User the row of the user model; null in an app without one
 */
export function createEndpoint<Tools, User>(): EndpointFunction<Tools, User> {
  return ((route: string, options: AnyEndpointOptions): Endpoint => {
    const parts = typeof route === 'string' && routePattern.exec(route)
    if (!parts) throw invalid(route, 'write a method and a path, such as "GET /articles/:slug"')
    const method = parts[1] as Method
    checkOptions(`endpoint("${route}")`, options, known)
    if (typeof options.handle !== 'function') throw invalid(route, 'handle is the function that answers')
    checkCache(route, method, options)
    if (options.body && !withBody.has(method)) throw invalid(route, `${method} has no body`)
    const middleware: Used[] = []
    return {
      kind: 'endpoint',
      route,
      method,
      path: parts[2]!,
      ...formed(withoutTransaction(route, options)),
      middleware,
      use: useInto<Endpoint>(middleware),
    }
  }) as EndpointFunction<Tools, User>
}

function checkCache(route: string, method: Method, { cache, transaction, prepare, returns }: AnyEndpointOptions): void {
  if (!cache) return
  if (typeof cache === 'object') checkOptions(`endpoint("${route}") cache`, cache, { ttl: true, reads: true })
  if (method !== 'GET') throw invalid(route, 'only answers to GET are kept: leave cache out')
  if (transaction === false || transaction === 'write' || (returns && streamsIn(returns)))
    throw invalid(route, 'an answer is kept with one snapshot that it has read: leave transaction out')
  if (prepare)
    throw invalid(route, 'what prepare reads is not seen: an endpoint that keeps its answers has only handle')
}

/** What is made while it is sent outlives every transaction of its request. */
function withoutTransaction(route: string, options: AnyEndpointOptions): AnyEndpointOptions {
  if (!options.returns || !streamsIn(options.returns)) return options
  if (options.transaction || options.idempotency)
    throw invalid(route, 'a stream outlives its transaction and is never kept: leave transaction and idempotency out')
  return { ...options, transaction: false, idempotency: false }
}

/** A form is read as such, up to what its fields may have together; a raw body comes in the types that it names. */
function formed(options: AnyEndpointOptions): Pick<Endpoint, 'options' | 'accepts'> {
  if (options.body instanceof RawBody) return { options, accepts: options.body.types }
  if (!(options.body instanceof FormBody)) return { options }
  return { options: { ...options, bodyLimit: options.bodyLimit ?? options.body.limit }, accepts: [formType] }
}

function invalid(route: string, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: route, detail: `endpoint("${route}"): ${detail}.` })
}
