import { MonoblocError } from '../errors.ts'
import { closedInput } from '../schema/index.ts'
import type { HandlerContext } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import { FormBody } from './form.ts'
import { RawBody } from './raw-body.ts'
import { shapesOf } from './returns.ts'
import { type Asked, OlderAnswer } from './version-answer.ts'
import { olderInput } from './version-input.ts'
import type { KnownVersion, VersionList } from './version-list.ts'
import { fieldsOf, olderDetails, takeAsked } from './version-resource.ts'
import type { Change } from './version-types.ts'

/** The endpoints of an API as a version has them. Those that nothing has changed since are the same ones. */
export function endpointsAt(endpoints: readonly Endpoint[], list: VersionList, version: KnownVersion): Endpoint[] {
  return endpoints.flatMap((endpoint) => endpointAt(endpoint, list, version) ?? [])
}

/**
 * @returns undefined where it is not there yet, or no more
 * @throws MonoblocError `definition_invalid`
 */
function endpointAt(endpoint: Endpoint, list: VersionList, version: KnownVersion): Endpoint | undefined {
  if (endpoint.at) return endpoint.at(version)
  const dated = datedChanges(endpoint, list)
  const own = list.indexOf(version)
  if (dated.some(({ at, change }) => (change.added && own < at) || (change.removed && own >= at))) return undefined
  const since = dated.filter(({ at }) => at > own).map(({ change }) => change)
  return since.length > 0 ? older(endpoint, version, since) : endpoint
}

interface Dated {
  /** The place of its version among the known ones. */
  at: number
  change: Change
}

/** The oldest first. */
function datedChanges(endpoint: Endpoint, list: VersionList): Dated[] {
  const { changes = {} } = endpoint.options
  const dated = Object.entries(changes).map(([name, change]) => {
    const where = `changes of ${endpoint.route}`
    const at = list.indexOf(list.named(name, where))
    if (at === 0 && !change.added) throw invalid(endpoint, `"${name}" is the first version: there is none before it`)
    if ((change.body || change.request) && !isJson(endpoint.options.body))
      throw invalid(endpoint, `"${name}": it has no body of JSON`)
    return { at, change }
  })
  return dated.sort((a, b) => a.at - b.at)
}

/** @param changes those after the version, the oldest first */
function older(endpoint: Endpoint, { name }: KnownVersion, changes: readonly Change[]): Endpoint {
  const { options } = endpoint
  const request = { method: endpoint.method }
  const newestFirst = changes.toReversed()
  const answers = changes.some(({ returns, response }) => returns || response)
  const answer = answers ? new OlderAnswer(endpoint, name, newestFirst) : undefined
  const asks = changes.some(({ query, requestQuery }) => query || requestQuery)
  const bodies = changes.some(({ body, request }) => body || request)
  const returns = changes.find((change) => change.returns !== undefined)?.returns ?? options.returns
  const fields = endpoint.sparse && returns !== undefined ? fieldsOf(shapesOf(returns).get(200)?.item) : undefined
  return {
    ...endpoint,
    ...(endpoint.sparse && { openapi: olderDetails(endpoint, fields) }),
    options: {
      ...options,
      ...(bodies && {
        body: olderInput(
          changes.map((change) => ({
            schema: change.body && closedInput(change.body),
            change: change.request && ((body) => change.request!(body, request)),
          })),
          closedInput(options.body!),
        ),
      }),
      ...(asks && {
        query: olderInput(
          changes.map((change) => ({ schema: change.query, change: change.requestQuery })),
          options.query,
        ),
      }),
      ...(answer && {
        returns,
        handle(given) {
          const context = given as unknown as HandlerContext
          const asked = endpoint.sparse ? takeAsked(endpoint, fields, context) : plain
          const value = options.handle(given)
          return value instanceof Promise
            ? value.then((made) => answer.of(made, context, asked))
            : answer.of(value, context, asked)
        },
      }),
    },
  }
}

const isJson = (body: unknown) => body !== undefined && !(body instanceof FormBody) && !(body instanceof RawBody)

const plain: Asked = { fields: undefined, included: [] }

function invalid(endpoint: Endpoint, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', {
    subject: endpoint.route,
    detail: `changes of ${endpoint.route}: ${detail}.`,
  })
}
