import type { Definition } from '../access/index.ts'
import {
  type DocumentOptions,
  type Endpoint,
  type OpenApiDocument,
  openApiDocumentOf,
  referenceEndpoints,
  VersionList,
} from '../http/index.ts'
import type { BackendOptions } from './backend-types.ts'
import { allServed } from './served.ts'

export interface Described {
  /** What serves the OpenAPI document and the reference. */
  reference: Endpoint[]
  links: [string, string][]
}

/** The reference of what an app serves, but for the addresses at which the app serves something else. */
export function describeServed(
  options: BackendOptions,
  endpoints: readonly Endpoint[],
  definition: Definition | undefined,
  bodyLimit: number,
  versions: VersionList | undefined,
): Described {
  if (options.reference === false) return { reference: [], links: [] }
  const made = referenceEndpoints(documentOptions(options, endpoints, definition, bodyLimit), versions)
  const taken = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
  const served = made.filter(({ method, path }) => !taken.has(`${method} ${path}`))
  const labels: [string, string][] = [
    ['reference', '/docs'],
    ['OpenAPI', '/openapi.json'],
  ]
  return { reference: served, links: labels.filter(([, path]) => served.some((endpoint) => endpoint.path === path)) }
}

function documentOptions(
  { name = 'app', version, description, reference, errors, auth }: BackendOptions,
  endpoints: readonly Endpoint[],
  definition: Definition | undefined,
  bodyLimit: number,
): DocumentOptions {
  return {
    ...(typeof reference === 'object' ? reference : {}),
    name,
    version,
    description,
    errors,
    endpoints: [...endpoints],
    schemes: definition?.user && (auth?.schemes ?? ['Bearer']),
    bodyLimit,
  }
}

// As the setting's default.
const usualBodyLimit = 1024 ** 2

/**
 * The OpenAPI document of an app, whether it serves one or not.
 *
 * @throws MonoblocError `definition_invalid` for a version that is not known
 */
export function openApiOf(
  options: BackendOptions,
  { bodyLimit = usualBodyLimit, version }: { bodyLimit?: number; version?: string },
): Promise<OpenApiDocument> {
  const { endpoints, definition } = allServed(options.serve)
  const versions = options.versions && new VersionList(options.versions)
  return openApiDocumentOf(documentOptions(options, endpoints, definition, bodyLimit), versions, version)
}
