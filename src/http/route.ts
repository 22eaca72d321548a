import type { StandardSchemaV1 } from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { HttpLimits } from './limits.ts'
import { jsonType } from './media-type.ts'
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
  /** Media types of the body, the usual one first. */
  readonly accepts: readonly string[]
  readonly returns: CompiledReturns
  readonly mode: 'read' | 'write' | false
  readonly deadline: number
  readonly bodyLimit: number
  readonly idempotent: boolean
  /** GET, HEAD, QUERY: an answer may be conditional and cached. */
  readonly safe: boolean
  readonly prepare: ((context: never) => unknown) | undefined
  readonly handle: (context: never) => unknown
}

const safeMethods = new Set(['GET', 'HEAD', 'QUERY'])

/** @throws MonoblocError `definition_invalid` */
export function compileRoute(endpoint: Endpoint, names: readonly string[], limits: HttpLimits): Route {
  const { options, method, path } = endpoint
  const safe = safeMethods.has(method)
  return {
    endpoint,
    label: `${method} ${path}`,
    method,
    path,
    names,
    anyone: options.anyone ?? false,
    paramsSchema: options.params,
    querySchema: options.query,
    bodySchema: options.body,
    accepts: endpoint.accepts ?? [jsonType],
    returns: new CompiledReturns(options.returns),
    mode: options.transaction ?? (safe ? 'read' : 'write'),
    deadline: options.deadline ?? limits.deadline,
    bodyLimit: options.bodyLimit ?? limits.body,
    idempotent: options.idempotency ?? method === 'POST',
    safe,
    prepare: options.prepare as Route['prepare'],
    handle: options.handle as Route['handle'],
  }
}
