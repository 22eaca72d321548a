import type { Definition } from '../access/index.ts'
import { type Endpoint, referenceEndpoints } from '../http/index.ts'
import type { BackendOptions } from './backend-types.ts'

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
): Described {
  const { name = 'app', version, description, reference = true, errors, auth } = options
  if (reference === false) return { reference: [], links: [] }
  const made = referenceEndpoints({
    ...(reference === true ? {} : reference),
    name,
    version,
    description,
    errors,
    endpoints: [...endpoints],
    schemes: definition?.user && (auth?.schemes ?? ['Bearer']),
    bodyLimit,
  })
  const taken = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
  const served = made.filter(({ method, path }) => !taken.has(`${method} ${path}`))
  const labels: [string, string][] = [
    ['reference', '/docs'],
    ['OpenAPI', '/openapi.json'],
  ]
  return { reference: served, links: labels.filter(([, path]) => served.some((endpoint) => endpoint.path === path)) }
}
