import type { JsonSchema } from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import { rowSchema } from './model-schema.ts'
import { DocumentErrors, problemSchema } from './openapi-errors.ts'
import { operationIds, tagsOf, templateOf } from './openapi-names.ts'
import { headerComponents, type OperationContext, operationOf, sharedAnswers } from './openapi-operation.ts'
import { inputSchema, sharedComponents } from './openapi-parameters.ts'
import { DocumentSchemas } from './openapi-schemas.ts'
import type { Edition } from './openapi-version.ts'
import type { ErrorMapper } from './problem.ts'

/** What the document says of the API as a whole. */
export interface ApiInfo {
  /** The title. */
  name: string
  /** Of the API, not of OpenAPI. Default `0.0.0`. */
  version?: string
  /** CommonMark. */
  description?: string
  contact?: { name?: string; url?: string; email?: string }
  license?: { name: string; identifier?: string; url?: string }
  /** Where it is served. Default: where the document is. */
  servers?: readonly string[]
  /** Default `3.1`. In `3.2` the QUERY method is an operation like the others; in `3.1` it is under `x-query`. */
  openapi?: '3.1' | '3.2'
}

export interface DocumentOptions extends ApiInfo {
  endpoints: readonly Endpoint[]
  /** Words that may stand before a token in the Authorization header; undefined in an app without users. */
  schemes: readonly string[] | undefined
  /** The app's own form of errors. It is asked with an example of each. */
  errors?: ErrorMapper
  /** Bytes that a body may have. */
  bodyLimit: number
  /** Of an API that has several versions: the one that is described. */
  edition?: Edition
}

/** An OpenAPI document: JSON and nothing else. */
export type OpenApiDocument = Record<string, unknown> & { paths: Record<string, JsonSchema> }

const versions = { '3.1': '3.1.1', '3.2': '3.2.0' }

/**
 * Describes endpoints as OpenAPI 3.1 or 3.2, whose schemas are JSON Schema 2020-12. The same endpoints in any order give
 * the same text.
 *
 * @throws MonoblocError `definition_invalid` for a `returns` that can't be described
 */
export function openApiDocument(options: DocumentOptions): OpenApiDocument {
  const { name, version = '0.0.0', description, contact, license, servers = ['/'], openapi = '3.1' } = options
  const shown = options.endpoints.filter(
    (endpoint) => endpoint.options.reference !== false && endpoint.method !== 'HEAD',
  )
  const endpoints = shown.toSorted(byPath)
  const schemas = new DocumentSchemas(['ProblemDetails'])
  nameModels(schemas, endpoints)
  const errors = new DocumentErrors(options.errors)
  const scheme = options.schemes && (options.schemes.some(isBearer) ? 'bearer' : 'token')
  const context: OperationContext = {
    schemas,
    errors,
    sharedParameters: new Set(),
    headers: new Set(),
    scheme,
    models: endpoints.some(({ definition }) => definition !== undefined),
    bodyLimit: options.bodyLimit,
    edition: options.edition,
  }
  const paths = pathsOf(context, endpoints, openapi)
  const described = schemas.components()
  const responses = errors.components()
  const components = {
    schemas: { ...described, ...(errors.hasProblems && { ProblemDetails: problemSchema }) },
    responses: { ...(usesNotModified(endpoints) && sharedAnswers), ...responses },
    parameters: sharedComponents(context.sharedParameters),
    headers: headerComponents(context.headers),
    securitySchemes: scheme ? { [scheme]: securityScheme(options.schemes!) } : {},
  }
  const tags = [...new Set(endpoints.flatMap(tagsOf))].sort()
  return {
    openapi: versions[openapi],
    info: {
      title: name,
      version,
      description: description ?? `The API of ${name}.`,
      ...(contact && { contact }),
      ...(license && { license }),
      ...options.edition?.info,
    },
    servers: servers.map((url) => ({ url })),
    tags: tags.map((tag) => ({ name: tag })),
    paths: schemas.resolve(paths) as Record<string, JsonSchema>,
    components: Object.fromEntries(Object.entries(components).filter(([, members]) => Object.keys(members).length > 0)),
  }
}

const order = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'QUERY']

/** By the segments of the path, fixed ones first, and by method. */
function byPath(a: Endpoint, b: Endpoint): number {
  const own = a.path.split('/')
  const other = b.path.split('/')
  for (let at = 0; at < Math.min(own.length, other.length); at++) {
    const difference = compare(own[at]!.replace(/^[:*].*/, '\uffff'), other[at]!.replace(/^[:*].*/, '\uffff'))
    if (difference !== 0) return difference
  }
  return own.length - other.length || order.indexOf(a.method) - order.indexOf(b.method)
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function pathsOf(context: OperationContext, endpoints: readonly Endpoint[], openapi: '3.1' | '3.2') {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  // Two templates that differ in the names of parameters only are the same path to OpenAPI: the first ones are kept.
  const templates = new Map<string, string>()
  const ids = operationIds(endpoints)
  for (const endpoint of endpoints) {
    const own = templateOf(endpoint.path)
    const bare = own.replace(/\{[^}]*\}/g, '{}')
    const template = templates.get(bare) ?? own
    templates.set(bare, template)
    const names = [...template.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name!)
    const method = endpoint.method.toLowerCase()
    const item = (paths[template] ??= {})
    const key = method === 'query' && openapi === '3.1' ? 'x-query' : method
    item[key] = operationOf(context, endpoint, ids.get(endpoint)!, names)
  }
  return paths
}

function nameModels(schemas: DocumentSchemas, endpoints: readonly Endpoint[]): void {
  for (const definition of new Set(endpoints.map((endpoint) => endpoint.definition))) {
    for (const model of definition?.schema.models.values() ?? []) {
      schemas.name(rowSchema(model), model.name)
      schemas.name(inputSchema(model.input()), `${model.name}_input`)
      schemas.name(inputSchema(model.patch()), `${model.name}_patch`)
    }
  }
}

function usesNotModified(endpoints: readonly Endpoint[]): boolean {
  return endpoints.some(({ method }) => method === 'GET' || method === 'QUERY')
}

const isBearer = (scheme: string) => scheme.toLowerCase() === 'bearer'

function securityScheme(schemes: readonly string[]): JsonSchema {
  const written = schemes.map((scheme) => `\`Authorization: ${scheme} <token>\``).join(' or ')
  if (schemes.some(isBearer)) return { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: written }
  return { type: 'apiKey', in: 'header', name: 'Authorization', description: written }
}
