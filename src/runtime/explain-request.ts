import type { Definition } from '../access/index.ts'
import { MonoblocError } from '../errors.ts'
import { createResource, type Endpoint, RouteTree } from '../http/index.ts'

export interface ExplainedRequest {
  endpoint: Endpoint
  /** Path and query. */
  target: string
}

/**
 * Which endpoint is meant: `GET /articles?author=x`, `/articles?author=x` (a GET), or `article?author=x`: the rows of a
 * model as a list of it would show them, whether it is served or not.
 *
 * @throws MonoblocError `not_found`
 */
export function explainedRequest(
  endpoints: readonly Endpoint[],
  definition: Definition,
  what: string,
): ExplainedRequest {
  const request = /^(?:([A-Z]+) +)?(\/.*)$/s.exec(what.trim())
  return request ? routed(endpoints, request[1] ?? 'GET', request[2]!) : listed(definition, what.trim())
}

function routed(endpoints: readonly Endpoint[], method: string, target: string): ExplainedRequest {
  const tree = new RouteTree<Endpoint>()
  for (const endpoint of endpoints) tree.add(endpoint.method, endpoint.path, () => endpoint)
  const path = target.split('?')[0]!
  const found = tree.find(method, path, []) ?? (method === 'HEAD' ? tree.find('GET', path, []) : undefined)
  if (found) return { endpoint: found.value, target }
  const methods = tree.methodsOf(path)
  const there = methods.length > 0 ? `${path} takes ${methods.join(', ')}` : 'monobloc routes lists what is served'
  throw new MonoblocError('not_found', { detail: `No route is ${method} ${path}: ${there}.` })
}

function listed(definition: Definition, what: string): ExplainedRequest {
  const { schema } = definition
  const [name, query = ''] = what.split(/\?(.*)/s) as [string, string?]
  const model = schema.models.get(name)
  if (!model) {
    const names = [...schema.models.keys()].filter((one) => !one.startsWith('monobloc_'))
    const detail = `${JSON.stringify(name)} is no route, which begins with /, and no model: ${names.join(', ')}.`
    throw new MonoblocError('not_found', { detail })
  }
  const include = [...schema.relations(model).keys()]
  const { endpoints } = createResource(definition, model, {
    at: `/${name}`,
    actions: ['list'],
    include: include as never[],
  })
  return { endpoint: endpoints.find(({ method }) => method === 'GET')!, target: `/${name}${query && `?${query}`}` }
}
