import type { IncomingMessage } from 'node:http'
import { MonoblocError } from '../errors.ts'
import type { HttpLimits } from './limits.ts'

/** Holds a request's header to its limits. @throws MonoblocError `uri_too_long`, `headers_too_large`, `malformed_request` */
export function checkHead(request: IncomingMessage, limits: HttpLimits): void {
  if (request.url!.length > limits.target) throw new MonoblocError('uri_too_long')
  if (request.rawHeaders.length > 2 * limits.headerFields) throw new MonoblocError('headers_too_large')
  checkHost(request)
}

// A host as RFC 3986 (3.2.2) has it, or nothing, and a port. One that passed is not looked at again: most requests of a
// server name the same one, and the loop below takes some 20 ns.
const form =
  /^(?:\[(?:[\dA-Fa-f:.]+|v[\dA-Fa-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})*)(?::\d*)?$/
let lastSeen: string | undefined

/**
 * Exactly one Host in HTTP/1.1, and never several or what is none (RFC 9112, 3.2): a proxy and we could read two different
 * hosts out of it.
 *
 * @throws MonoblocError `malformed_request`
 */
export function checkHost(request: IncomingMessage): void {
  const { host } = request.headers
  const { rawHeaders } = request
  if (host === undefined) {
    checkHostGiven(request)
    return
  }
  // Node keeps the first of several.
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 4 && (name === 'Host' || name.toLowerCase() === 'host')) count++
  }
  if (count > 1) throw malformed('There are several Hosts.')
  if (host === lastSeen) return
  if (!form.test(host)) throw malformed('The Host is not valid.')
  lastSeen = host
}

/** What Node asks of a request too. @throws MonoblocError `malformed_request` */
export function checkHostGiven({ headers, httpVersionMinor }: IncomingMessage): void {
  if (headers.host === undefined && httpVersionMinor === 1) throw malformed('There is no Host.')
}

function malformed(detail: string): MonoblocError {
  return new MonoblocError('malformed_request', { detail })
}
