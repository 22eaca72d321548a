import type { IncomingMessage } from 'node:http'
import { pathOf } from './request-target.ts'

/** What Connect and Express keep of a request's target while a part of it is taken off. */
export interface MountedRequest extends IncomingMessage {
  originalUrl?: string
  baseUrl?: string
}

/** The request is at a path or below it. In any case of letters, as in Express. */
export function isBelow(target: string, path: string): boolean {
  if (path === '') return true
  const asked = pathOf(target)
  const next = asked.charCodeAt(path.length)
  return (Number.isNaN(next) || next === 47) && asked.slice(0, path.length).toLowerCase() === path.toLowerCase()
}

/**
 * Runs something that sees only what follows a path: `/admin/people` below `/admin` is `/people`, with `baseUrl` `/admin`.
 *
 * @param run is given what puts the target back
 * @returns whether the request is below the path; only then was it run
 */
export function runBelow(request: MountedRequest, path: string, run: (leave: () => void) => void): boolean {
  const { url, baseUrl } = request as MountedRequest & { url: string }
  if (!isBelow(url, path)) return false
  request.originalUrl ??= url
  const start = url.startsWith('/') ? 0 : url.indexOf(pathOf(url))
  const rest = url.slice(start + path.length)
  const inner = rest.startsWith('/') ? rest : `/${rest}`
  request.url = inner
  request.baseUrl = (baseUrl ?? '') + url.slice(start, start + path.length)
  let left = false
  run(() => {
    if (left) return
    left = true
    // What has been rewritten below stays rewritten.
    request.url = request.url === inner ? url : url.slice(start, start + path.length) + request.url
    if (baseUrl === undefined) delete request.baseUrl
    else request.baseUrl = baseUrl
  })
  return true
}

/**
 * Runs something that sees a request under the address of a version as it would be without: `/v1/admin` as `/admin`. What
 * guards a path guards it in every version.
 *
 * @param run is given what puts the target back
 */
export function runUnversioned(
  request: MountedRequest,
  [whole, unversioned]: readonly [string, string],
  run: (leave: () => void) => void,
): void {
  const url = request.url!
  if (!url.startsWith(whole)) {
    run(() => {})
    return
  }
  const rest = unversioned + url.slice(whole.length)
  const inner = rest.startsWith('/') ? rest : `/${rest}`
  request.originalUrl ??= url
  request.url = inner
  let left = false
  run(() => {
    if (left) return
    left = true
    if (request.url === inner) request.url = url
    // What has been rewritten stays in its version.
    else if (request.url!.startsWith(`${unversioned}/`)) request.url = whole + request.url!.slice(unversioned.length)
  })
}

const plain = /^[\w\-.~!$&'()*+,;=:@/]*$/

/**
 * The same target written as routes and middleware are: what need not be encoded is not, so that `/%61dmin` does not pass
 * by the middleware of `/admin` and reach its routes.
 *
 * @throws MonoblocError `malformed_request` for a target in no form that is served
 */
export function canonicalTarget(target: string): string {
  const path = pathOf(target)
  if (path === '*' || (target.startsWith('/') && plain.test(path))) return target
  const query = target.indexOf('?')
  return path.split('/').map(canonicalSegment).join('/') + (query < 0 ? '' : target.slice(query))
}

function canonicalSegment(segment: string): string {
  if (plain.test(segment)) return segment
  try {
    return encodeURIComponent(decodeURIComponent(segment)).replaceAll(/%(?:2[46BC]|3[ABD]|40)/g, decodeURIComponent)
  } catch {
    return segment
  }
}
