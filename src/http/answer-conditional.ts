import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { MonoblocError } from '../errors.ts'
import type { Answer, AnswerBody } from './answer.ts'
import { discardBody, SizedBody } from './answer-body.ts'
import { fieldOf } from './answer-fields.ts'
import { type ByteRange, byteRangeOf } from './byte-range.ts'
import { chooseEncoding } from './compression.ts'
import { tagNamed } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { parseHttpDate } from './http-date.ts'

/** By what a representation is known (RFC 9110, 8.8). */
export interface Validators {
  /** The entity tag without quotes; null for none. */
  tag: string | null
  weak: boolean
  /** When it was last changed, in milliseconds. */
  modified: number | undefined
}

/** What is sent of an answer with status 200, once the conditions of the request have been looked at. */
export interface Selected {
  status: number
  fields: string[]
  body: AnswerBody
}

/**
 * Holds an answer to a safe request to its conditions, in the order of RFC 9110, 13.2.2.
 *
 * @throws MonoblocError `precondition_failed` (412), `range_not_satisfiable` (416)
 */
export function selectRepresentation(exchange: Exchange, { headers, body, tag }: Answer): Selected {
  try {
    const fields = headers.slice()
    const validators = validatorsOf(exchange, fields, body, tag)
    if (!fields.includes('cache-control')) fields.push('cache-control', exchange.app.cacheControl)
    const asked = exchange.request.headers
    if (!isAsAsked(asked, validators)) throw new MonoblocError('precondition_failed')
    const known = knownTag(asked, exchange.request.method!, validators)
    if (known !== undefined) return unchanged(exchange, fields, body, known)
    return part(exchange, fields, body, validators)
  } catch (error) {
    discardBody(body)
    throw error
  }
}

function validatorsOf(exchange: Exchange, fields: string[], body: AnswerBody, given: string | null): Validators {
  const own = fieldOf(fields, 'etag')
  const date = fieldOf(fields, 'last-modified')
  const modified = date === undefined ? undefined : parseHttpDate(date)
  if (own !== undefined) {
    const [, weak, tag = own] = /^(W\/)?"(.*)"$/.exec(own) ?? []
    return { tag, weak: weak !== undefined, modified }
  }
  let tag = given
  // What is streamed would have to be read twice.
  if (typeof body === 'string' || body instanceof Uint8Array)
    tag ??= exchange.app.tags.tagOf(exchange.request.url!, body)
  if (tag !== null) fields.push('etag', `"${tag}"`)
  return { tag, weak: false, modified }
}

/** Whether it is what the client wants it to be: If-Match, or else If-Unmodified-Since. */
function isAsAsked(asked: IncomingHttpHeaders, { tag, weak, modified }: Validators): boolean {
  const match = asked['if-match']
  if (match !== undefined)
    return match.trim() === '*' || (tag !== null && !weak && tagNamed(match, tag, false) !== undefined)
  const since = asked['if-unmodified-since']
  const date = since === undefined ? undefined : parseHttpDate(since)
  return date === undefined || modified === undefined || modified <= date
}

/** The tag of what the client has, which is what it would get: If-None-Match, or else If-Modified-Since. Null: by its date. */
function knownTag(
  asked: IncomingHttpHeaders,
  method: string,
  { tag, modified }: Validators,
): string | null | undefined {
  const none = asked['if-none-match']
  if (none !== undefined) return none.trim() === '*' ? tag : tag === null ? undefined : tagNamed(none, tag, true)
  const since = asked['if-modified-since']
  if (since === undefined || modified === undefined || method === 'QUERY') return undefined
  const date = parseHttpDate(since)
  return date !== undefined && modified <= date ? null : undefined
}

/** 304 has no content to describe (RFC 9110, 15.4.5), and its fields replace those of the answer that the client has. */
function unchanged(exchange: Exchange, fields: string[], body: AnswerBody, known: string | null): Selected {
  exchange.app.fields.addTo(fields)
  chooseEncoding(exchange, 200, fields, body)
  const at = fields.indexOf('etag')
  // A cache looks up by this tag which of its answers is meant: the one that it has named (RFC 9111, 4.3.4).
  if (known !== null && at >= 0 && !fields[at + 1]!.startsWith('W/')) fields[at + 1] = `"${known}"`
  const type = fields.indexOf('content-type')
  if (type >= 0) fields.splice(type, 2)
  discardBody(body)
  return { status: 304, fields, body: null }
}

function part(exchange: Exchange, fields: string[], body: AnswerBody, validators: Validators): Selected {
  const size = body instanceof Uint8Array ? body.byteLength : body instanceof SizedBody ? body.size : undefined
  if (size === undefined || fields.includes('content-encoding')) return { status: 200, fields, body }
  const { method, headers: asked } = exchange.request
  if (method !== 'QUERY' && !fields.includes('accept-ranges')) fields.push('accept-ranges', 'bytes')
  const { range } = asked
  if (range === undefined || method !== 'GET' || !isSameAs(asked['if-range'] as string | undefined, validators))
    return { status: 200, fields, body }
  const wanted = byteRangeOf(range, size)
  if (!wanted) return { status: 200, fields, body }
  const length = wanted.end - wanted.start + 1
  fields.push('content-range', `bytes ${wanted.start}-${wanted.end}/${size}`)
  if (body instanceof SizedBody) fields.push('content-length', String(length))
  return { status: 206, fields, body: partOf(body as Uint8Array | SizedBody, wanted) }
}

function partOf(body: Uint8Array | SizedBody, { start, end }: ByteRange): Uint8Array | Readable {
  return body instanceof SizedBody ? body.read(start, end) : body.subarray(start, end + 1)
}

/** Whether the client's part is of this same content (If-Range, RFC 9110, 13.1.5): byte for byte, so a weak tag never is. */
function isSameAs(range: string | undefined, { tag, weak, modified }: Validators): boolean {
  if (range === undefined) return true
  if (range.includes('"')) return !weak && range === `"${tag}"`
  return modified !== undefined && parseHttpDate(range) === modified
}
