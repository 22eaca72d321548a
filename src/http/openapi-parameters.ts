import { type JsonSchema, jsonSchemaOf, type StandardSchemaV1 } from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import { targetOf } from './openapi-closed.ts'
import type { ParameterDetails } from './openapi-details.ts'
import { type SharedParameterName, sharedParameters } from './openapi-headers.ts'

/** JSON Schema of what a validator takes; of anything, for a validator that can't tell. It checks all the same. */
export function inputSchema(schema: StandardSchemaV1): JsonSchema {
  try {
    return jsonSchemaOf(schema, 'input')
  } catch {
    return {}
  }
}

/** The parameters of a path, in order, under the names that its template gives them. */
export function pathParameters({ path, options }: Endpoint, names: readonly string[]): ParameterDetails[] {
  const own = path
    .split('/')
    .flatMap((segment) => (segment.startsWith(':') ? segment.slice(1) : segment === '*' ? '*' : []))
  const properties = options.params ? propertiesOf(inputSchema(options.params)) : {}
  return own.map((name, at) => {
    const { description, ...schema } = properties[name] ?? { type: 'string' }
    const rest = name === '*' ? 'The rest of the path, slashes included.' : undefined
    const text = (description as string | undefined) ?? rest
    return { name: names[at]!, in: 'path', required: true, ...(text && { description: text }), schema }
  })
}

/** Each property of a query's schema is a parameter. */
export function queryParameters({ options }: Endpoint): ParameterDetails[] {
  if (!options.query) return []
  const schema = inputSchema(options.query)
  const required = new Set((schema.required ?? []) as string[])
  return Object.entries(propertiesOf(schema)).map(([name, { description, ...property }]) => ({
    name,
    in: 'query',
    ...(required.has(name) && { required: true }),
    ...(description !== undefined && { description: description as string }),
    // As the query is read: a name that repeats is a list.
    ...(property.type === 'array' && { style: 'form' as const, explode: true }),
    schema: property,
  }))
}

/** The properties of an object, with references to its definitions followed: a parameter has no `$defs`. */
function propertiesOf(schema: JsonSchema): Record<string, JsonSchema> {
  const object = typeof schema.$ref === 'string' ? targetOf(schema, schema.$ref) : schema
  return Object.fromEntries(
    Object.entries((object.properties ?? {}) as Record<string, JsonSchema>).map(([name, property]) => [
      name,
      typeof property.$ref === 'string' ? targetOf(schema, property.$ref) : property,
    ]),
  )
}

/** Those of several sources: a later one of the same place and name takes the other's place. */
export function mergedParameters(...lists: (readonly ParameterDetails[])[]): ParameterDetails[] {
  const merged = new Map<string, ParameterDetails>()
  for (const parameter of lists.flat()) merged.set(`${parameter.in} ${parameter.name}`, parameter)
  return [...merged.values()]
}

export function isShared(parameter: ParameterDetails | SharedParameterName): parameter is SharedParameterName {
  return typeof parameter === 'string'
}

export function isOwn(parameter: ParameterDetails | SharedParameterName): parameter is ParameterDetails {
  return !isShared(parameter)
}

/** `Idempotency-Key` → `IdempotencyKey`. */
export function sharedName(name: string): string {
  return name.replaceAll('-', '')
}

/** The shared parameters that are used, as components. */
export function sharedComponents(names: ReadonlySet<SharedParameterName>): Record<string, JsonSchema> {
  const entries = [...names].sort().map((name) => [sharedName(name), { name, in: 'header', ...sharedParameters[name] }])
  return Object.fromEntries(entries)
}
