import type { BlockList } from 'node:net'
import { isIP } from 'node:net'
import { MonoblocError } from '../errors.ts'
import { isAmong, isPublicAddress } from './egress-address.ts'

/** What may be called. */
export interface EgressRules {
  /** Networks that may be called although they are not public. */
  allowed: BlockList
  /** Whether `http:` may be called, which everybody on the way can read. */
  http: boolean
  ports: ReadonlySet<number> | 'any'
}

/** An address as somebody gave it, read once: what is asked for is what was checked. */
export interface EgressTarget {
  url: URL
  /** A name, or an address without brackets. */
  host: string
  port: number
}

/** Characters of an address. Every server and log takes that many. */
const longest = 2048

/**
 * Reads an address and refuses what can be refused without asking for names.
 *
 * @throws MonoblocError `address_refused`
 */
export function readTarget(text: string, rules: EgressRules): EgressTarget {
  if (typeof text !== 'string' || text.length > longest) throw refusedAddress(`it has more than ${longest} characters`)
  // The parser removes or replaces these, so that what a person reads is not what is called.
  if (/[\s\\\p{Cc}\p{Cf}]/u.test(text))
    throw refusedAddress('it has spaces, backslashes or characters that are not shown')
  const url = URL.parse(text)
  if (!url) throw refusedAddress('it is no URL')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refusedAddress('it begins with neither https nor http')
  if (url.protocol === 'http:' && !rules.http) throw refusedAddress('it begins with http, and only https is called')
  if (url.username !== '' || url.password !== '') throw refusedAddress('it has a user or a password in it')
  if (!/^https?:\/\/[^/]/i.test(text)) throw refusedAddress('two slashes and a host follow the colon')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  checkHost(text, host)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  if (rules.ports !== 'any' && !rules.ports.has(port)) throw refusedAddress(`port ${port} is none that is called`)
  if (isIP(host) !== 0) checkAddress(host, rules)
  return { url, host, port }
}

function checkHost(text: string, host: string): void {
  if (host.endsWith('.')) throw refusedAddress('its host ends with a dot')
  // 0x7f.1, 2130706433, 0177.0.0.1, full-width digits: whoever writes them hides something.
  if (isIP(host) === 4 && !text.includes(`//${host}`))
    throw refusedAddress('an IPv4 address is written as four decimal numbers')
  if (host.includes('%')) throw refusedAddress('its host has a percent sign')
}

/** @throws MonoblocError `address_refused` */
export function checkAddress(address: string, { allowed }: EgressRules): void {
  if (!isPublicAddress(address) && !isAmong(allowed, address))
    throw refusedAddress('its host is not on the public internet')
}

/** @param why said to whoever gave the address: nothing of what a name resolved to */
export function refusedAddress(why: string): MonoblocError {
  return new MonoblocError('address_refused', {
    detail: `${why[0]!.toUpperCase()}${why.slice(1)}.`,
    violations: [{ path: ['url'], code: 'address_refused', message: why }],
  })
}
