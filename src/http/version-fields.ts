import type { ServerResponse } from 'node:http'
import { hasPassed, type KnownVersion, type VersionList } from './version-list.ts'
import type { Asked } from './version-resolve.ts'

/** What every answer says of its version, errors included: names and values in turn. */
export function versionFields(list: VersionList, { version, addressed, target, prefix }: Asked): string[] {
  const fields: string[] = []
  const { header, accept, path, query } = list.places
  const vary = [header, accept && 'accept'].filter(Boolean)
  if (!addressed && vary.length > 0) fields.push('vary', vary.join(', '))
  if (!version) return fields
  fields.push(list.headerName.toLowerCase(), version.name)
  const { deprecated, sunset, link } = version
  // A structured date (RFC 9651, 3.3.7).
  if (deprecated) fields.push('deprecation', `@${Math.floor(deprecated.getTime() / 1000)}`)
  if (sunset) fields.push('sunset', sunset.toUTCString())
  if (link && deprecated) fields.push('link', `<${link}>; rel="deprecation"; type="text/html"`)
  if (link && sunset) fields.push('link', `<${link}>; rel="sunset"; type="text/html"`)
  const successor = deprecated || sunset ? successorOf(list, version) : undefined
  if (successor) {
    if (path !== undefined && (prefix || query === undefined))
      fields.push(
        'link',
        `<${path}/${successor.name}${target.slice((prefix || path).length)}>; rel="successor-version"`,
      )
    else if (query !== undefined)
      fields.push('link', `<${withParameter(target, query, successor.name)}>; rel="successor-version"`)
  }
  return fields
}

/** The newest one, since whoever moves should move once; none to the newest. */
function successorOf(list: VersionList, version: KnownVersion): KnownVersion | undefined {
  return version === list.newest || hasPassed(list.newest.sunset) ? undefined : list.newest
}

function withParameter(target: string, name: string, value: string): string {
  return `${target}${target.includes('?') ? '&' : '?'}${name}=${value}`
}

/**
 * Has `writeHead` of one response add these fields, and keep the addresses that the answer gives in the version whose
 * address was asked: whoever follows `Location` or `Link` stays in it.
 */
export function addVersionFields(response: ServerResponse, list: VersionList, asked: Asked, own: string[]): void {
  const writeHead = response.writeHead
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    const last = rest.at(-1)
    const given = typeof last === 'object' && last !== null ? last : {}
    const fields = Array.isArray(given) ? [...given] : Object.entries(given).flat()
    if (asked.addressed) stay(fields, list, asked)
    // What is set on the response is replaced by what comes now, and a list is no less one for having several makers.
    for (const name of ['vary', 'link']) {
      const before = response.getHeader(name)
      if (before !== undefined) for (const value of [before].flat()) fields.push(name, String(value))
    }
    return writeHead.call(response, status, [...fields, ...own] as never)
  }) as never
}

function stay(fields: string[], { places }: VersionList, { prefix, version }: Asked): void {
  const move = (address: string) => {
    if (!address.startsWith('/') || address.startsWith('//')) return address
    if (!prefix) return withParameter(address, places.query!, version!.name)
    const outside = !address.startsWith(`${places.path}/`) || address.startsWith(`${prefix}/`)
    return outside ? address : prefix + address.slice(places.path!.length)
  }
  for (let at = 0; at < fields.length; at += 2) {
    const name = String(fields[at]).toLowerCase()
    if (name === 'location') fields[at + 1] = move(fields[at + 1]!)
    if (name === 'link') fields[at + 1] = fields[at + 1]!.replace(/<([^>]*)>/g, (_, address) => `<${move(address)}>`)
  }
}
