import type { Server } from 'node:http'
import {
  createHttpServer,
  type Endpoint,
  FormBody,
  type HttpHost,
  type HttpServer,
  staticEndpoints,
  staticRoutes,
  UploadFolder,
  VersionList,
} from '../http/index.ts'
import type { RunContext } from './app-run.ts'
import type { BackendOptions, RouteInfo } from './backend-types.ts'
import type { ComposedData } from './compose-data.ts'
import { describeServed } from './described.ts'
import { nameBlockers } from './name-blockers.ts'
import { probes } from './probes.ts'
import { allServed } from './served.ts'
import { type Service, service } from './service.ts'
import { startPage } from './start-page.ts'

export interface Composed {
  /** Not listening yet. */
  server: Server
  /** What must run before the first request, in order. */
  services: Service[]
  /** Absent in an app without models. */
  data: ComposedData | undefined
  /** Answers a request of another server. */
  answer: HttpServer['handle']
  /** Ends streams that have no end of their own. */
  endStreams(): void
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
  const { options, listen, config, log, diagnostics, monitor } = context
  const { endpoints, effects, definition } = allServed(options.serve)
  const versions = options.versions && new VersionList(options.versions)
  const { reference, links } = describeServed(options, endpoints, definition, config.bodyLimit, versions)
  endpoints.push(...files(context, endpoints))
  const hasHome = endpoints.some(isHome) || Object.hasOwn(options.mount ?? {}, '/')
  if (config.mode === 'development' && listen && !hasHome)
    endpoints.push(startPage(options.name ?? 'app', endpoints, links))
  const uploads = new UploadFolder(config.data)
  const data = definition && (await import('./compose-data.ts')).composeData(context, definition, effects)
  const http = createHttpServer({
    routes: [...endpoints.map((endpoint) => nameBlockers(endpoint, monitor)), ...probes(context), ...reference],
    host: data?.host ?? withoutData,
    options: {
      log,
      diagnostics,
      errors: options.errors,
      development: config.mode === 'development',
      limits: { ...options.limits, body: config.bodyLimit },
      headers: options.headers,
      cors: options.cors,
      compress: options.compress,
      ...(versions && { versions }),
      uploads,
      around: { used: options.middleware ?? [], before: options.before, after: options.after },
      mount: options.mount,
    },
  })
  await http.fastify.ready()
  return {
    server: http.fastify.server,
    services: [...(data?.services ?? []), ...(endpoints.some(takesFiles) ? [uploadService(uploads)] : [])],
    data,
    answer: http.handle,
    endStreams: () => http.endStreams(),
    close: () => http.close(),
    links,
  }
}

/** What serves files, but for the addresses at which the app serves something else. */
function files({ options, config }: RunContext, endpoints: readonly Endpoint[]): Endpoint[] {
  if (!options.static) return []
  const taken = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
  const served = staticEndpoints(options.static, options.compress, config.data)
  return served.filter(({ method, path }) => !taken.has(`${method} ${path}`))
}

const withoutData: HttpHost<null> = {
  run: (_unit, work) => work({ db: undefined }),
  prepare: (_unit, work) => work({ db: undefined }),
}

function takesFiles({ options }: Endpoint): boolean {
  return options.body instanceof FormBody
}

/** Removes what a crash has left of forms, and with the last request everything. */
function uploadService(uploads: UploadFolder): Service {
  return service({ name: 'uploads', start: () => uploads.clean(), stop: () => uploads.close() })
}

function isHome({ method, path }: Endpoint): boolean {
  return method === 'GET' && (path === '/' || path === '/*')
}

/** What an app serves, with nothing of it started, by path. */
export function listRoutes({ serve, static: mounts = {}, mount = {} }: BackendOptions): RouteInfo[] {
  const { endpoints } = allServed(serve)
  const taken = new Set(endpoints.map(({ route }) => route))
  const files = staticRoutes(mounts)
    .filter(({ route }) => !taken.has(route))
    .map(
      ({ route }): RouteInfo => ({
        method: 'GET',
        path: route.slice('GET '.length),
        access: 'anyone',
        transaction: 'none',
        source: 'static',
      }),
    )
  const mounted = Object.keys(mount).map(
    (at): RouteInfo => ({
      method: '*',
      path: at.replace(/\/*$/, '/*'),
      access: 'anyone',
      transaction: 'none',
      source: 'mount',
    }),
  )
  return [...endpoints.map(routeOf), ...files, ...mounted].sort((a, b) =>
    a.path === b.path ? 0 : a.path < b.path ? -1 : 1,
  )
}

export function routeOf(endpoint: Endpoint): RouteInfo {
  return {
    method: endpoint.method,
    path: endpoint.path,
    access: accessOf(endpoint),
    transaction: transactionOf(endpoint),
    source: endpoint.resource === undefined ? 'endpoint' : `resource ${endpoint.resource}`,
  }
}

function accessOf({ definition, resource, options }: Endpoint): string {
  if (resource !== undefined) return 'policy'
  return definition?.user && !options.anyone ? definition.user.name : 'anyone'
}

function transactionOf({ method, definition, options }: Endpoint): RouteInfo['transaction'] {
  if (!definition || options.transaction === false) return 'none'
  return options.transaction ?? (method === 'GET' || method === 'HEAD' || method === 'QUERY' ? 'read' : 'write')
}
