import type { IncomingHttpHeaders } from 'node:http'
import type { AnswerBody } from './answer.ts'
import { SizedBody } from './answer-body.ts'
import { fieldOf } from './answer-fields.ts'
import { type Encoding, encodingsIn } from './encoding.ts'
import type { Exchange } from './exchange.ts'

/** Bytes from which an answer is worth encoding: about what fits into one packet beside the header. */
export const leastCompressed = 1024

// Text, and what is text underneath. Images, video, archives and fonts (but for old ones) are compressed already.
const compressible =
  /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml)\b|application\/(?:javascript|wasm|x-ndjson|jsonl|sql|rtf|toml|yaml|vnd\.ms-fontobject)\b|image\/(?:svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)\b|font\/(?:ttf|otf|collection)\b|model\/(?:gltf\+json|stl)\b)/i

export function isCompressible(type: string): boolean {
  return compressible.test(type)
}

// Credentials that a browser adds by itself, whoever's page made it ask.
const ambient = /^(?:basic|digest|negotiate|ntlm)\b/i

/**
 * Whether an answer may be encoded at all, whoever asks for it. The same for every request of an address, so that
 * `Vary: Accept-Encoding` is.
 *
 * @param always whether the route says so itself
 */
export function mayBeEncoded(fields: readonly string[], status: number, body: AnswerBody, always: boolean): boolean {
  if (body === null || status === 206 || sizeOf(body) < leastCompressed) return false
  const type = fieldOf(fields, 'content-type') ?? ''
  // A stream of events is small pieces over hours, each of which would keep an encoder of a quarter of a megabyte.
  if (!compressible.test(type) || (!always && /^text\/event-stream\b/i.test(type))) return false
  if (fields.includes('content-encoding')) return false
  const caching = fieldOf(fields, 'cache-control') ?? ''
  if (/\bno-transform\b/i.test(caching)) return false
  // What must not be stored is a secret, and so is what comes with a cookie: see `isExposed`.
  return always || (!/\bno-store\b/i.test(caching) && !fields.includes('set-cookie'))
}

/**
 * Whether a stranger's page could make a browser ask this, again and again, with the credentials of whoever sits before it.
 * The length of a compressed answer then tells of the secrets in it whether a guess beside them was right (BREACH).
 * A bearer token is no such credential: no other page can make a browser send it.
 */
export function isExposed({ cookie, authorization }: IncomingHttpHeaders): boolean {
  return cookie !== undefined || (authorization !== undefined && ambient.test(authorization))
}

/**
 * Chooses the encoding of one answer; undefined to send it as it is. Says in `fields` that others may get another one.
 *
 * @param fields with everything that the answer says
 */
export function chooseEncoding(
  { app, request, route }: Exchange,
  status: number,
  fields: string[],
  body: AnswerBody,
): Encoding | undefined {
  const said = route?.endpoint.options.compress ?? app.compress
  if (said === false) return undefined
  const always = said === true
  // Answers to changes are small, and some of them are tokens.
  if (!always && (status !== 200 || !route?.safe)) return undefined
  if (!mayBeEncoded(fields, status, body, always)) return undefined
  fields.push('vary', 'Accept-Encoding')
  const accept = request.headers['accept-encoding']
  return accept === undefined || (!always && isExposed(request.headers)) ? undefined : encodingsIn(accept)[0]
}

/** Infinite for a stream: what can't be known must not keep it from being encoded. */
function sizeOf(body: Exclude<AnswerBody, null>): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array) return body.byteLength
  return body instanceof SizedBody ? body.size : Number.POSITIVE_INFINITY
}
