import { STATUS_CODES } from 'node:http'
import { closedInput, type JsonSchema, nothing, type StandardSchemaV1 } from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { Method } from './endpoint-types.ts'
import { FileField, FormBody, type FormFields } from './form.ts'
import { jobsIn } from './job-answer.ts'
import { jsonType } from './media-type.ts'
import { codesOf, type DocumentErrors } from './openapi-errors.ts'
import { type HeaderFieldName, headerFields, type SharedParameterName } from './openapi-headers.ts'
import { namingSegments, pascal, singular, summaryOf, tagsOf } from './openapi-names.ts'
import {
  inputSchema,
  isOwn,
  isShared,
  mergedParameters,
  pathParameters,
  queryParameters,
  sharedName,
} from './openapi-parameters.ts'
import type { DocumentSchemas, SchemaPlace } from './openapi-schemas.ts'
import type { Edition } from './openapi-version.ts'
import { shapesOf } from './returns.ts'

/** What the operations of one document share. */
export interface OperationContext {
  schemas: DocumentSchemas
  errors: DocumentErrors
  /** Filled as they are used. */
  sharedParameters: Set<SharedParameterName>
  headers: Set<HeaderFieldName>
  /** The app knows users, by this security scheme. */
  scheme: string | undefined
  /** The app has a database, and so transactions and idempotency keys. */
  models: boolean
  bodyLimit: number
  edition: Edition | undefined
}

const safeMethods = new Set(['GET', 'HEAD', 'QUERY'])

/** One endpoint as an operation, with schemas that are still to be resolved. */
export function operationOf(
  context: OperationContext,
  endpoint: Endpoint,
  id: string,
  names: readonly string[],
): JsonSchema {
  const { options, method, openapi: details = {} } = endpoint
  const safe = safeMethods.has(method)
  const mode = options.transaction ?? (safe ? 'read' : 'write')
  const key = context.models && mode !== 'read' && (options.idempotency ?? method === 'POST')
  const open = !context.scheme || isOpen(endpoint)
  const shared = new Set((details.parameters ?? []).filter(isShared))
  if (key) shared.add('Idempotency-Key')
  const parameters = mergedParameters(
    pathParameters(endpoint, names),
    queryParameters(endpoint),
    (details.parameters ?? []).filter(isOwn),
    context.edition?.parameters ?? [],
  )
  const query = parameters.some((parameter) => parameter.in === 'query')
  const body = bodyOf(context, endpoint, id)
  const codes = codesOf({
    parameters: names.length > 0,
    checked: options.params !== undefined,
    query,
    body: body !== undefined,
    key,
    users: context.scheme !== undefined,
    anyone: open,
    writes: context.models && mode !== 'read',
    deletes: method === 'DELETE',
  })
  for (const code of details.errors ?? []) codes.add(code)
  for (const code of context.edition?.errors ?? []) codes.add(code)
  if (mayBeBytes(endpoint)) codes.add('range_not_satisfiable')
  for (const code of details.never ?? []) codes.delete(code)
  const answers = answersOf(context, endpoint, id, safe)
  const stated = new Set(Object.keys(answers).map(Number))
  return {
    operationId: id,
    tags: [...tagsOf(endpoint)],
    summary: options.summary ?? summaryOf(endpoint),
    description: options.description ?? (open ? 'Open to anyone.' : 'Needs an identity.'),
    ...((options.deprecated || context.edition?.deprecated) && { deprecated: true }),
    ...parametersOf(context, parameters, shared),
    ...(body && { requestBody: body }),
    responses: { ...answers, ...context.errors.responses(codes, stated) },
    ...(context.scheme && { security: [...(open ? [{}] : []), { [context.scheme]: [] }] }),
  }
}

const actions: Partial<Record<Method, 'read' | 'create' | 'delete'>> = {
  GET: 'read',
  QUERY: 'read',
  POST: 'create',
  DELETE: 'delete',
}

/** Whether it needs no identity. Of a resource the model's policy says so. */
function isOpen({ options, definition, resource, method }: Endpoint): boolean {
  const model = resource === undefined ? undefined : definition?.schema.models.get(resource)
  if (!model) return options.anyone === true
  const guard = definition!.policies.guard(definition!.schema, null)
  return guard.rule(model, actions[method] ?? 'update') !== nothing
}

function parametersOf(
  context: OperationContext,
  own: ReturnType<typeof mergedParameters>,
  shared: ReadonlySet<SharedParameterName>,
): JsonSchema {
  for (const name of shared) context.sharedParameters.add(name)
  const place: SchemaPlace = { direction: 'request', names: [] }
  const all = [
    ...own.map(({ operators, schema, ...parameter }) => ({
      ...parameter,
      schema: context.schemas.add(schema, place),
      ...(operators && { 'x-operators': operators }),
    })),
    ...[...shared].map((name) => ({ $ref: `#/components/parameters/${sharedName(name)}` })),
  ]
  return all.length > 0 ? { parameters: all } : {}
}

function bodyOf(
  context: OperationContext,
  { options, accepts, openapi }: Endpoint,
  id: string,
): JsonSchema | undefined {
  if (!options.body) return undefined
  const schema = openapi?.body ?? inputSchema(closedInput(options.body))
  const place: SchemaPlace = { direction: 'request', names: [`${pascal(id)}Request`] }
  const content = {
    schema: context.schemas.add(schema, place),
    ...(options.body instanceof FormBody && encodingOf(options.body)),
  }
  return {
    description: `At most ${bytes(options.bodyLimit ?? context.bodyLimit)}.`,
    required: !takesNothing(options.body),
    content: Object.fromEntries((accepts ?? [jsonType]).map((type) => [type, content])),
  }
}

/** Which types each file of a form may be. */
function encodingOf({ fields }: FormBody): JsonSchema {
  const typed = Object.entries(fields as FormFields).flatMap(([name, field]) =>
    field instanceof FileField && field.types ? [[name, { contentType: field.types.join(', ') }] as const] : [],
  )
  return typed.length > 0 ? { encoding: Object.fromEntries(typed) } : {}
}

function bytes(count: number): string {
  if (count % 1_048_576 === 0) return `${count / 1_048_576} MiB`
  return count % 1024 === 0 ? `${count / 1024} KiB` : `${count} bytes`
}

/** Whether the body may be left out: the schema is asked, since only it knows. */
function takesNothing(schema: StandardSchemaV1): boolean {
  try {
    const result = schema['~standard'].validate(undefined)
    if (!(result instanceof Promise)) return result.issues === undefined
    result.catch(() => {})
  } catch {
    // A schema that can't do without a value needs one.
  }
  return false
}

function answersOf(
  context: OperationContext,
  endpoint: Endpoint,
  id: string,
  safe: boolean,
): Record<string, JsonSchema> {
  const answers: Record<string, JsonSchema> = {}
  for (const [status, content] of contentsOf(endpoint)) {
    const fields = new Set(endpoint.openapi?.headers?.[status])
    if (jobsIn(endpoint.options.returns)?.has(Number(status))) fields.add('Location').add('Retry-After')
    if (safe && status === 200) fields.add('ETag')
    if (status === 206 && content === 'any') fields.add('Content-Range')
    for (const name of fields) context.headers.add(name)
    const headers = [...fields].sort().map((name) => [name, { $ref: `#/components/headers/${name}` }])
    answers[status] = {
      description: status === 206 && content === 'any' ? partial : (STATUS_CODES[status] ?? 'Answered.'),
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
      ...(content && { content: contentOf(context, endpoint, id, content) }),
    }
  }
  if (safe && answers[200]) answers[304] ??= { $ref: '#/components/responses/NotModified' }
  return answers
}

/** By status: the schema of one, whether it is a list, and null for no body. `any` where the handler may answer what it likes. */
function contentsOf(endpoint: Endpoint): Map<number, Content | null> {
  const { options, openapi } = endpoint
  const contents = new Map<number, Content | null>()
  if (mayBeBytes(endpoint)) contents.set(206, 'any')
  if (options.returns === undefined) contents.set(200, 'any')
  else
    for (const [status, { item, list, type }] of shapesOf(options.returns))
      contents.set(status, item && { item, list, type })
  for (const [status, schema] of Object.entries(openapi?.answers ?? {}))
    contents.set(Number(status), schema && { item: schema, list: false })
  return new Map([...contents].sort(([a], [b]) => a - b))
}

/** Whether it may answer bytes or a file, of which a part can be asked for. */
function mayBeBytes({ method, options, openapi }: Endpoint): boolean {
  return method === 'GET' && options.returns === undefined && openapi?.answers === undefined
}

const partial = 'The part that Range asks for, where the answer is bytes or a file.'

type Content = { item: JsonSchema; list: boolean; type?: string | undefined } | 'any'

function contentOf(context: OperationContext, { path }: Endpoint, id: string, content: Content): JsonSchema {
  if (content === 'any') return { '*/*': {} }
  const noun = singular(namingSegments(path).findLast((segment) => !/^[:*]/.test(segment)) ?? 'root')
  const names = [pascal(noun), `${pascal(id)}${content.list ? 'Item' : 'Response'}`]
  const item = context.schemas.add(content.item, { direction: 'response', names })
  // Of a stream, what each line or the data of each event is.
  return { [content.type ?? jsonType]: { schema: content.list ? { type: 'array', items: item } : item } }
}

/** The answers that are no errors and that operations share. */
export const sharedAnswers: Record<string, JsonSchema> = {
  NotModified: { description: 'What the client has (If-None-Match) is current.' },
}

/** The header fields that are used, as components. */
export function headerComponents(names: ReadonlySet<HeaderFieldName>): Record<string, JsonSchema> {
  return Object.fromEntries([...names].sort().map((name) => [name, headerFields[name]]))
}
