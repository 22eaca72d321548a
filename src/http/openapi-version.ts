import type { ErrorCode } from '../errors.ts'
import type { JsonSchema } from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { DocumentOptions } from './openapi.ts'
import type { ParameterDetails } from './openapi-details.ts'
import { templateOf } from './openapi-names.ts'
import { endpointsAt } from './version-endpoint.ts'
import type { KnownVersion, VersionList } from './version-list.ts'

/** What the document of one version says beside what its endpoints are. */
export interface Edition {
  /** Joins `info`. */
  info: JsonSchema
  /** Every operation's: how to say the version, where the address does not. */
  parameters: ParameterDetails[]
  /** The version, and so each of its operations, is to be left. */
  deprecated: boolean
  errors: readonly ErrorCode[]
}

/** What to describe of one version: its own endpoints, under its own address, with all that led to it. */
export function documentOf(options: DocumentOptions, list: VersionList, version: KnownVersion): DocumentOptions {
  const { deprecated, sunset } = version
  const { path } = list.places
  const { servers = ['/'] } = options
  return {
    ...options,
    endpoints: endpointsAt(options.endpoints, list, version).map((endpoint) => bare(endpoint, path)),
    version: version.name,
    ...(path !== undefined && { servers: servers.map((url) => `${url.replace(/\/$/, '')}${path}/${version.name}`) }),
    edition: {
      info: {
        ...(deprecated && { 'x-deprecated': deprecated.toISOString() }),
        ...(sunset && { 'x-sunset': sunset.toISOString() }),
        'x-changelog': changelog(options.endpoints, list, version),
      },
      parameters: path === undefined ? [parameterOf(list, version)] : [],
      deprecated: deprecated !== undefined,
      errors: sunset ? ['version_gone'] : [],
    },
  }
}

/** Under `/api/v1` as a server, `/api/articles` is `/articles`. */
function bare(endpoint: Endpoint, prefix: string | undefined): Endpoint {
  return prefix && endpoint.path.startsWith(`${prefix}/`)
    ? { ...endpoint, path: endpoint.path.slice(prefix.length) }
    : endpoint
}

function parameterOf(list: VersionList, version: KnownVersion): ParameterDetails {
  const { header, query } = list.places
  const said = { required: version !== list.usual, schema: { type: 'string', enum: [version.name] } }
  const description = 'The version of the API.'
  if (header !== undefined) return { name: list.headerName, in: 'header', ...said, description }
  if (query !== undefined) return { name: query, in: 'query', ...said, description }
  const schema = { type: 'string', enum: [`application/json; ${list.places.accept}=${version.name}`] }
  return { name: 'Accept', in: 'header', ...said, schema, description }
}

/** What each version up to this one has changed, the newest first. The first version has changed nothing. */
function changelog(endpoints: readonly Endpoint[], list: VersionList, version: KnownVersion): JsonSchema[] {
  const known = list.all.slice(0, list.indexOf(version) + 1).toReversed()
  return known.map(({ name }) => {
    const operations = new Map<string, string[]>()
    for (const { method, path, options } of endpoints) {
      const change = options.changes?.[name]
      if (!change || options.reference === false) continue
      const what = change.added ? 'Added: ' : change.removed ? 'Removed: ' : ''
      const note = what + change.note
      operations.set(note, [...(operations.get(note) ?? []), `${method} ${templateOf(path)}`])
    }
    return { version: name, changes: [...operations].map(([note, where]) => ({ note, operations: where.sort() })) }
  })
}
