import type { IncomingMessage } from 'node:http'
import { MonoblocError } from '../errors.ts'
import { originForm } from './request-target.ts'
import type { KnownVersion, VersionList } from './version-list.ts'

/** Which version a request is of, and how it says so. */
export interface Asked {
  version: KnownVersion | null
  /** Its address says it: the same address never is another version. */
  addressed: boolean
  /** The target in origin form, without what says the version in its query. */
  target: string
  /** What the address has before the path of a route: `/v1`; empty without. */
  prefix: string
}

/**
 * Reads the version out of a request.
 *
 * @throws MonoblocError `version_unknown` (400) for one that is not known, for places that disagree, and for none where
 * there must be one; `not_found` (404) for an address under a version that is not known; `malformed_request`
 */
export function versionAsked(list: VersionList, { url, headers }: IncomingMessage): Asked {
  const { path, query, header, accept } = list.places
  const target = originForm(url!)
  const start = target.indexOf('?')
  const said: [where: 'params' | 'query' | 'headers', name: string, value: string][] = []
  const asked: Asked = { version: list.usual, addressed: false, target, prefix: '' }
  if (path !== undefined) {
    const first = firstSegment(target.slice(0, start < 0 ? undefined : start), path)
    if (first !== undefined && list.find(first)) {
      asked.prefix = `${path}/${first}`
      said.push(['params', 'version', first])
    } else if (first !== undefined && looksLikeOne.test(first))
      throw new MonoblocError('not_found', { violations: [list.violation('params', 'version')] })
  }
  if (query !== undefined && start >= 0) {
    const { rest, values } = takeParameter(target.slice(start + 1), query)
    if (values.length > 0) asked.target = target.slice(0, start) + (rest ? `?${rest}` : '')
    for (const value of values) said.push(['query', query, value])
  }
  asked.addressed = said.length > 0
  const field = header === undefined ? undefined : headers[header]
  if (typeof field === 'string') said.push(['headers', header!, field.trim()])
  const parameter = accept === undefined ? undefined : acceptParameter(headers.accept, accept)
  if (parameter !== undefined) said.push(['headers', 'accept', parameter])
  for (const [where, name, value] of said) {
    const version = list.find(value)
    if (!version) throw unknown(list.violation(where, name))
    if (value !== said[0]![2]) {
      const [, first, other] = said[0]!
      throw unknown({ path: [where, name], code: 'version_differs', message: `says ${value}, and ${first} ${other}` })
    }
    asked.version = version
  }
  return asked
}

/** What to answer where a version must be said, and none is. */
export function versionMissing(list: VersionList): MonoblocError {
  const { header, query, accept } = list.places
  if (header !== undefined) return unknown(list.violation('headers', header))
  if (query !== undefined) return unknown(list.violation('query', query))
  return accept === undefined
    ? new MonoblocError('not_found', { violations: [list.violation('params', 'version')] })
    : unknown(list.violation('headers', 'accept'))
}

function unknown(violation: ReturnType<VersionList['violation']>): MonoblocError {
  return new MonoblocError('version_unknown', { violations: [violation] })
}

// `v3`, `v3.1`, `2026-01-01`: as a first segment, what asks for a version that is not known and not for a thing.
const looksLikeOne = /^(?:v\d+(?:\.\d+)*|\d{4}-\d{2}-\d{2})$/i

function firstSegment(path: string, prefix: string): string | undefined {
  if (!path.startsWith(`${prefix}/`)) return undefined
  const end = path.indexOf('/', prefix.length + 1)
  return path.slice(prefix.length + 1, end < 0 ? undefined : end)
}

function takeParameter(text: string, name: string): { rest: string; values: string[] } {
  const values: string[] = []
  const rest = text.split('&').filter((pair) => {
    const isIt = pair === name || pair.startsWith(`${name}=`)
    if (isIt) values.push(pair.slice(name.length + 1))
    return !isIt
  })
  return { rest: rest.join('&'), values }
}

function acceptParameter(accept: string | undefined, name: string): string | undefined {
  if (accept === undefined || !accept.includes(';')) return undefined
  const found = new RegExp(`;\\s*${name}\\s*=\\s*"?([^",;\\s]*)`, 'i').exec(accept)
  return found?.[1]
}
