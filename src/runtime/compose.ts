import type { Server } from 'node:http'
import { createHttpServer, type Endpoint, type HttpHost } from '../http/index.ts'
import type { RunContext } from './app-run.ts'
import type { BackendOptions, RouteInfo } from './backend-types.ts'
import type { ComposedData } from './compose-data.ts'
import { describeServed } from './described.ts'
import { nameBlockers } from './name-blockers.ts'
import { probes } from './probes.ts'
import { definitionOf, flatServed } from './served.ts'
import type { Service } from './service.ts'
import { startPage } from './start-page.ts'

export interface Composed {
  /** Not listening yet. */
  server: Server
  /** What must run before the first request, in order. */
  services: Service[]
  /** Absent in an app without models. */
  data: ComposedData | undefined
  /** Ends what HTTP holds when the last connection is gone. */
  close(): Promise<void>
  /** Where people look: what it is, and its path. */
  links: [string, string][]
}

/**
 * Puts a run together. An app without models loads no database.
 *
 * @throws MonoblocError `definition_invalid`
 */
export async function compose(context: RunContext): Promise<Composed> {
  const { options, config, log, diagnostics, monitor } = context
  const endpoints = flatServed(options.serve)
  const definition = definitionOf(endpoints)
  const { reference, links } = describeServed(options, endpoints, definition, config.bodyLimit)
  if (config.mode === 'development' && !endpoints.some(isHome))
    endpoints.push(startPage(options.name ?? 'app', endpoints, links))
  const data = definition && (await import('./compose-data.ts')).composeData(context, definition)
  const http = createHttpServer({
    routes: [...endpoints.map((endpoint) => nameBlockers(endpoint, monitor)), ...probes(context), ...reference],
    host: data?.host ?? withoutData,
    options: {
      log,
      diagnostics,
      errors: options.errors,
      development: config.mode === 'development',
      limits: { ...options.limits, body: config.bodyLimit },
    },
  })
  await http.fastify.ready()
  return { server: http.fastify.server, services: data?.services ?? [], data, close: () => http.close(), links }
}

const withoutData: HttpHost<null> = {
  run: (_unit, work) => work({ db: undefined }),
  prepare: (_unit, work) => work({ db: undefined }),
}

function isHome({ method, path }: Endpoint): boolean {
  return method === 'GET' && (path === '/' || path === '/*')
}

/** What an app serves, with nothing of it started, by path. */
export function listRoutes({ serve }: BackendOptions): RouteInfo[] {
  const routes = flatServed(serve).map(
    (endpoint): RouteInfo => ({
      method: endpoint.method,
      path: endpoint.path,
      access: accessOf(endpoint),
      transaction: transactionOf(endpoint),
      source: endpoint.resource === undefined ? 'endpoint' : `resource ${endpoint.resource}`,
    }),
  )
  return routes.sort((a, b) => (a.path === b.path ? 0 : a.path < b.path ? -1 : 1))
}

function accessOf({ definition, resource, options }: Endpoint): string {
  if (resource !== undefined) return 'policy'
  return definition?.user && !options.anyone ? definition.user.name : 'anyone'
}

function transactionOf({ method, definition, options }: Endpoint): RouteInfo['transaction'] {
  if (!definition || options.transaction === false) return 'none'
  return options.transaction ?? (method === 'GET' || method === 'HEAD' || method === 'QUERY' ? 'read' : 'write')
}
