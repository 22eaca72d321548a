import { MonoblocError } from '../errors.ts'

/** A query string by name: text, or a list where a name repeats. It inherits nothing, so that any name is just a name. */
export type QueryValues = Record<string, string | string[]>

// Objects without any prototype are slow to V8, which takes them for dictionaries.
const Values = function Values() {} as unknown as new () => QueryValues
Values.prototype = Object.freeze(Object.create(null))

/** The path of a request target in origin form or absolute form (RFC 9112, 3.2), without query. */
export function pathOf(target: string): string {
  const path = originForm(target)
  const end = path.indexOf('?')
  return end < 0 ? path : path.slice(0, end)
}

/** A request target in origin form, with its query. @throws MonoblocError `malformed_request` for one in no form of HTTP's */
export function originForm(target: string): string {
  if (target.charCodeAt(0) === 47 || target === '*') return target
  const parts = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)
  if (!parts) throw new MonoblocError('malformed_request', { detail: 'The request target is no path.' })
  return parts[1]!.startsWith('/') ? parts[1]! : `/${parts[1]}`
}

/** What follows the first `?`; empty without one. */
export function queryTextOf(target: string): string {
  const start = target.indexOf('?')
  return start < 0 ? '' : target.slice(start + 1)
}

/** Decodes one segment of a path. @throws MonoblocError `malformed_request` when its percent-encoding is no UTF-8 */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new MonoblocError('malformed_request', { detail: 'The percent-encoding of the path is not valid UTF-8.' })
  }
}

/**
 * Reads a query string as forms write it (`+` is a space).
 *
 * @throws MonoblocError `invalid_query` for percent-encoding that is no UTF-8, and for more parameters than `most`
 */
export function parseQuery(text: string, most: number): QueryValues {
  const values = new Values()
  const encoded = text.includes('%') || text.includes('+')
  let count = 0
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf('&', start)
    if (end < 0) end = text.length
    if (++count > most) throw invalid(['query'], 'too_many', `must have at most ${most} parameters`)
    if (end === start) continue
    let equals = text.indexOf('=', start)
    if (equals < 0 || equals > end) equals = end
    const name = text.slice(start, equals)
    const value = text.slice(equals + 1, end)
    if (encoded) put(values, decodePart(name), decodePart(value))
    else put(values, name, value)
  }
  return values
}

function put(values: QueryValues, name: string, value: string): void {
  const before = values[name]
  if (before === undefined) values[name] = value
  else if (typeof before === 'string') values[name] = [before, value]
  else before.push(value)
}

function decodePart(part: string): string {
  const text = part.includes('+') ? part.replaceAll('+', ' ') : part
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(['query', part.slice(0, 100)], 'invalid_encoding', 'must be percent-encoded UTF-8')
  }
}

function invalid(path: string[], code: string, message: string): MonoblocError {
  return new MonoblocError('invalid_query', { violations: [{ path, code, message }] })
}
