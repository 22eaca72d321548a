import type { Definition } from '../access/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import { type AnyModel, Model, type Relations, type Schema } from '../schema/index.ts'
import type { CacheOptions } from './answer-cache.ts'
import type { RouteCors } from './cors.ts'
import { type Endpoint, createEndpoint as endpointFunction } from './endpoint.ts'
import { capitalised, type ResourceEndpoint } from './resource-details.ts'
import type { Askable } from './resource-query.ts'
import { listEndpoint, queryEndpoint, readEndpoint } from './resource-read.ts'
import { batchEndpoint, createEndpoint, deleteEndpoint, patchEndpoint, replaceEndpoint } from './resource-write.ts'
import { changesOf } from './version-resource.ts'
import type { ResourceChanges } from './version-types.ts'

/** `list` is GET and QUERY of the collection, `create` POST of one and of a batch, `update` PUT and PATCH. */
export type ResourceAction = 'list' | 'read' | 'create' | 'update' | 'delete'

const known = {
  at: true,
  actions: true,
  include: true,
  limit: true,
  requireMatch: true,
  tags: true,
  cors: true,
  compress: true,
  cache: true,
  changes: true,
} satisfies Record<keyof ResourceOptions<any, any>, true>

const allActions: readonly ResourceAction[] = ['list', 'read', 'create', 'update', 'delete']

type RelationPath<Ms, M> = (keyof Relations<Ms, M> & string) | `${keyof Relations<Ms, M> & string}.${string}`

export interface ResourceOptions<Ms, M, C = any> {
  /** The path of the collection: `/articles`. A row is at `/articles/:id`. */
  at: `/${string}`
  /** Default: all of them. What they are granted is the policy's to say. */
  actions?: readonly ResourceAction[]
  /** Relations that clients may include, with dots for those of related rows. Default: none. */
  include?: readonly RelationPath<Ms, M>[]
  /** Rows of a page. Default: 20, and 100 at most. */
  limit?: { default?: number; max?: number }
  /** PUT, PATCH and DELETE must say `If-Match`, else 428. Default: they may. */
  requireMatch?: boolean
  /** Default: the first segment of the path. */
  tags?: readonly string[]
  /** Which pages of other origins may use it, where that is not what `backend({ cors })` says. `false`: none. */
  cors?: RouteCors
  /** Whether its answers are compressed, where that is not what `backend({ compress })` says. */
  compress?: boolean
  /**
   * Whether answers to GET, of lists and of rows, are kept, and given again until a row that they show, or by which they are
   * chosen, has changed. Default: no.
   */
  cache?: boolean | Pick<CacheOptions, 'ttl'>
  /** What versions of the API have changed in its rows, in words of one row: see `backend({ versions })`. */
  changes?: ResourceChanges<C>
}

/** A model over HTTP: REST endpoints whose rules are the model's policy. */
export interface Resource {
  readonly kind: 'resource'
  readonly model: AnyModel
  readonly endpoints: readonly Endpoint[]
  /** The same at a path below that of a group. */
  below(path: string): Resource
}

/** @throws MonoblocError `definition_invalid` */
export function createResource(definition: Definition, model: AnyModel, options: ResourceOptions<any, any>): Resource {
  if (!(model instanceof Model))
    throw new MonoblocError('definition_invalid', { detail: 'resource() takes a model first.' })
  checkOptions(`resource(${model.name})`, options, known)
  const { at, actions = allActions, requireMatch = false } = options
  const askable = askableOf(definition.schema, model, options)
  const make = endpointMaker(definition, model, options)
  const makers: Record<ResourceAction, () => Endpoint[]> = {
    list: () => [listEndpoint(make, askable, at), queryEndpoint(make, askable, at)],
    read: () => [readEndpoint(make, askable, at)],
    create: () => [createEndpoint(make, model, at), batchEndpoint(make, model, at)],
    update: () => [replaceEndpoint(make, model, at, requireMatch), patchEndpoint(make, model, at, requireMatch)],
    delete: () => [deleteEndpoint(make, model, at, requireMatch)],
  }
  for (const action of actions) {
    if (!allActions.includes(action)) throw invalid(model, `"${action}" is no action: ${allActions.join(', ')}.`)
  }
  return {
    kind: 'resource',
    model,
    endpoints: actions.flatMap((action) => makers[action]()),
    below: (path) => createResource(definition, model, { ...options, at: `${path}${at}` as `/${string}` }),
  }
}

function askableOf(schema: Schema, model: AnyModel, { at, limit, include = [] }: ResourceOptions<any, any>): Askable {
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(at)) throw invalid(model, `at: "${at}" is no path such as /articles.`)
  const limits = {
    default: limit?.default ?? Math.min(20, limit?.max ?? 20),
    max: limit?.max ?? Math.max(100, limit?.default ?? 100),
  }
  // 1,000: beyond that a page is a dump, and one answer holds the process for milliseconds.
  const inBounds = [limits.default, limits.max].every((rows) => Number.isInteger(rows) && rows >= 1 && rows <= 1000)
  if (!inBounds || limits.default > limits.max)
    throw invalid(model, 'limit: default and max are whole numbers from 1 to 1,000.')
  for (const path of include) checkInclude(schema, model, path)
  return { schema, model, limits, include }
}

function checkInclude(schema: Schema, model: AnyModel, path: string): void {
  let from = model
  for (const name of path.split('.')) {
    const relation = schema.relation(from, name)
    if (!relation) throw invalid(model, `include: ${from.name} leads to no "${name}".`)
    from = relation.to
  }
}

function endpointMaker(
  definition: Definition,
  model: AnyModel,
  { tags, at, changes, cors, compress, cache }: ResourceOptions<any, any>,
): ResourceEndpoint {
  const endpoint = endpointFunction<any, any>()
  return (route, { operation, openapi, accepts, ...options }) => {
    const made = endpoint(
      route as 'GET /',
      {
        // Whether an identity is needed, too, is the policy's to say.
        anyone: true,
        tags: tags ?? [at.split('/')[1]],
        operationId: operation + capitalised(model),
        ...(cors !== undefined && { cors }),
        ...(compress !== undefined && { compress }),
        ...(cache && keeping.has(operation) && { cache }),
        ...(changes && { changes: changesOf(operation, changes) }),
        ...options,
      } as never,
    )
    const errors = definition.user ? (['unauthenticated', ...(openapi.errors ?? [])] as const) : openapi.errors
    return {
      ...made,
      definition,
      openapi: { ...openapi, errors },
      resource: model.name,
      ...(accepts && { accepts }),
      ...(sparseOperations.has(operation) && { sparse: true }),
    }
  }
}

const keeping = new Set(['list', 'read'])
const sparseOperations = new Set(['list', 'query', 'read'])

function invalid(model: AnyModel, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail: `resource(${model.name}): ${detail}` })
}
