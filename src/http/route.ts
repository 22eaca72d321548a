import { closedInput, millisecondsOf, type StandardSchemaV1 } from '../schema/index.ts'
import type { RouteCache } from './answer-cache.ts'
import type { Endpoint } from './endpoint.ts'
import { FormBody } from './form.ts'
import { type AfterHook, type Hooks, withBefore } from './hooks.ts'
import type { HttpLimits } from './limits.ts'
import { jsonType } from './media-type.ts'
import { RawBody } from './raw-body.ts'
import { CompiledReturns } from './returns.ts'

/** An endpoint as the server runs it: every default filled in, everything compiled. */
export interface Route {
  readonly endpoint: Endpoint
  /** `GET /articles/:slug` */
  readonly label: string
  readonly method: string
  readonly path: string
  /** The parameters of the path, in order. */
  readonly names: readonly string[]
  readonly anyone: boolean
  readonly paramsSchema: StandardSchemaV1 | undefined
  readonly querySchema: StandardSchemaV1 | undefined
  readonly bodySchema: StandardSchemaV1 | undefined
  /** What the parts of a form are; undefined where the body is JSON. */
  readonly form: FormBody | undefined
  /** Its handler is given the bytes of the body. */
  readonly raw: boolean
  /** Media types of the body, the usual one first. */
  readonly accepts: readonly string[]
  readonly returns: CompiledReturns
  /** Undefined where its answers are made anew each time. */
  readonly cache: RouteCache | undefined
  readonly mode: 'read' | 'write' | false
  readonly deadline: number
  readonly bodyLimit: number
  readonly idempotent: boolean
  /** GET, HEAD, QUERY: an answer may be conditional and cached. */
  readonly safe: boolean
  readonly prepare: ((context: never) => unknown) | undefined
  readonly handle: (context: never) => unknown
  /** Runs when the answer is there: from the route's own to the app's. */
  readonly after: readonly AfterHook[]
}

const safeMethods = new Set(['GET', 'HEAD', 'QUERY'])

/**
 * @param app the app's own hooks
 * @throws MonoblocError `definition_invalid`
 */
export function compileRoute(
  endpoint: Endpoint,
  names: readonly string[],
  limits: HttpLimits,
  app: Hooks | undefined,
): Route {
  const { options, method, path } = endpoint
  const hooks: Hooks[] = [app ?? {}, ...(endpoint.groups ?? []), options]
  const safe = safeMethods.has(method)
  const mode = options.transaction ?? (safe ? 'read' : 'write')
  const prepare = withBefore(
    hooks.map(({ before }) => before),
    options.prepare as Route['prepare'],
  )
  return {
    endpoint,
    label: `${method} ${path}`,
    method,
    path,
    names,
    anyone: options.anyone ?? false,
    paramsSchema: options.params,
    querySchema: options.query,
    bodySchema: options.body && closedInput(options.body),
    form: options.body instanceof FormBody ? options.body : undefined,
    raw: options.body instanceof RawBody,
    accepts: endpoint.accepts ?? [jsonType],
    returns: new CompiledReturns(options.returns, mode === false || !endpoint.definition),
    // What runs before a handler may answer each request otherwise.
    cache: prepare ? undefined : cacheOf(options.cache),
    mode,
    deadline: options.deadline ?? limits.deadline,
    bodyLimit: options.bodyLimit ?? limits.body,
    idempotent: options.idempotency ?? method === 'POST',
    safe,
    prepare,
    handle: options.handle as Route['handle'],
    after: hooks.flatMap(({ after }) => after ?? []).toReversed(),
  }
}

function cacheOf(option: Endpoint['options']['cache']): RouteCache | undefined {
  if (!option) return undefined
  const { ttl, reads } = option === true ? {} : option
  return { ttl: ttl === undefined ? undefined : millisecondsOf(ttl), reads, asked: new Set() }
}
