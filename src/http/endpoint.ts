import type { Definition } from '../access/index.ts'
import { MonoblocError } from '../errors.ts'
import type { StandardSchemaV1 } from '../schema/index.ts'
import type { EndpointOptions, Method, OutputOf, PathParams, Returns } from './endpoint-types.ts'
import type { OperationDetails } from './openapi-details.ts'

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
  /** The model of the resource that it is part of. */
  readonly resource?: string
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
    Prepared
  >,
) => Endpoint<Route, P, Q, B, R>

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
    const parts = routePattern.exec(route)
    if (!parts) throw invalid(route, 'write a method and a path, such as "GET /articles/:slug"')
    const method = parts[1] as Method
    if (options.body && !withBody.has(method)) throw invalid(route, `${method} has no body`)
    return { kind: 'endpoint', route, method, path: parts[2]!, options }
  }) as EndpointFunction<Tools, User>
}

function invalid(route: string, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: route, detail: `endpoint("${route}"): ${detail}.` })
}
