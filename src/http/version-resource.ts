import { MonoblocError } from '../errors.ts'
import { describeAs, type JsonSchema, type StandardSchemaV1 } from '../schema/index.ts'
import type { HandlerContext } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import type { Returned, Returns } from './endpoint-types.ts'
import type { MaybePromise } from './host.ts'
import type { OperationDetails } from './openapi-details.ts'
import { inputSchema } from './openapi-parameters.ts'
import { listSchema } from './returns-list.ts'
import type { Asked } from './version-answer.ts'
import type { Change, Changes, ResourceChanges } from './version-types.ts'

/** What each operation of a resource answers with, out of what one row is. */
const returnsOf: Record<string, (row: Returned) => Returns> = {
  list: (row) => ({ 200: [row as never] }),
  query: (row) => ({ 200: [row as never] }),
  read: (row) => ({ 200: row }),
  create: (row) => ({ 201: row, 204: null }),
  createMany: (row) => ({ 201: [row as never], 204: null }),
  replace: (row) => ({ 200: row, 204: null }),
  update: (row) => ({ 200: row, 204: null }),
}

const taking = new Set(['create', 'createMany', 'replace', 'update'])
const asking = new Set(['list', 'read'])

/** What the changes of a resource, which speak of one row, are to one of its operations. */
export function changesOf(operation: string, changes: ResourceChanges): Changes {
  return Object.fromEntries(Object.entries(changes).map(([name, change]) => [name, changeOf(operation, change)]))
}

function changeOf(operation: string, change: ResourceChanges[string]): Change {
  const { note, added, removed, body, request, query, requestQuery, returns, response } = change
  const list = operation === 'list' || operation === 'query' || operation === 'createMany'
  const batch = operation === 'createMany'
  return {
    note,
    ...(added && { added }),
    ...(removed && { removed }),
    ...(asking.has(operation) && { query, requestQuery }),
    ...(taking.has(operation) && {
      body: body && (batch ? listOf(body) : operation === 'update' ? partOf(body) : body),
      request: request && (batch ? (rows: object[], asked) => rows.map((row) => request(row, asked)) : request),
    }),
    ...(operation !== 'delete' && {
      returns: returns && returnsOf[operation]!(returns),
      response: response && (list ? (rows: unknown[], answer) => rows.map((row) => response(row, answer)) : response),
    }),
  }
}

/** A merge patch holds any part of a row. Only Zod can say what that is; what others check is the whole. */
function partOf(schema: StandardSchemaV1): StandardSchemaV1 | undefined {
  const { partial } = schema as { partial?: () => StandardSchemaV1 }
  return typeof partial === 'function' ? partial.call(schema) : undefined
}

function listOf(schema: StandardSchemaV1): StandardSchemaV1 {
  type Result = Awaited<ReturnType<StandardSchemaV1['~standard']['validate']>>
  const together = (results: readonly Result[]): Result => {
    const issues = results.flatMap((result, at) =>
      (result.issues ?? []).map((issue) => ({ ...issue, path: [at, ...(issue.path ?? [])] })),
    )
    return issues.length > 0 ? { issues } : { value: results.map((result) => (result as { value: unknown }).value) }
  }
  const validate = (value: unknown): MaybePromise<Result> => {
    if (!Array.isArray(value)) return { issues: [{ message: 'must be a list' }] }
    const results = value.map((one) => schema['~standard'].validate(one))
    return results.some((result) => result instanceof Promise)
      ? Promise.all(results).then(together)
      : together(results as Result[])
  }
  const list = { '~standard': { version: 1, vendor: 'monobloc', validate } } as const
  return describeAs(list, listSchema(inputSchema(schema)))
}

/**
 * Takes `fields` out of what is asked: the older form is made of whole rows, and cut down in the end.
 *
 * @param known the fields of the older form; undefined where nothing describes it
 * @throws MonoblocError `invalid_query`
 */
export function takeAsked(endpoint: Endpoint, known: readonly string[] | undefined, context: HandlerContext): Asked {
  const place = endpoint.method === 'QUERY' ? 'body' : 'query'
  const { fields, ...rest } = (context[place] ?? {}) as { fields?: Listed; include?: Listed }
  const included = [...new Set(listed(rest.include).map((path) => path.split('.')[0]!))].sort()
  if (fields === undefined) return { fields, included }
  Object.assign(context, { [place]: rest })
  const names = listed(fields)
  const unknown = known && names.find((name) => !known.includes(name))
  if (unknown === undefined) return { fields: new Set([...names, ...included]), included }
  const message = `has no field "${unknown}"; allowed: ${known!.join(', ')}`
  throw new MonoblocError('invalid_query', {
    violations: [{ path: ['query', 'fields'], code: 'unknown_field', message }],
  })
}

type Listed = string | string[]

function listed(given: Listed | undefined): string[] {
  return given === undefined ? [] : Array.isArray(given) ? given : given.split(',')
}

const notFields = new Set(['sort', 'limit', 'after', 'include', 'search'])

/** Its parameters without those that filter by fields which the older form does not have. */
export function olderDetails(
  { openapi }: Endpoint,
  known: readonly string[] | undefined,
): OperationDetails | undefined {
  if (!openapi?.parameters || !known) return openapi
  const parameters = openapi.parameters.flatMap((parameter) => {
    if (typeof parameter === 'string' || notFields.has(parameter.name)) return parameter
    if (parameter.name === 'fields')
      return { ...parameter, description: `Only these fields, with commas: ${known.join(', ')}` }
    return known.includes(parameter.name) ? parameter : []
  })
  return { ...openapi, parameters }
}

/** The names of a row's fields, in a schema of it. */
export function fieldsOf(item: JsonSchema | null | undefined): string[] | undefined {
  return item ? Object.keys((item.properties as object | undefined) ?? {}) : undefined
}
