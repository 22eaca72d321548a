import { isUtf8 } from 'node:buffer'
import { MonoblocError } from '../errors.ts'

/**
 * Reads JSON as RFC 8259 has it, and refuses what parsers read differently or what is lost on the way: text that is no
 * UTF-8, a key that appears twice, keys that reach for prototypes, whole numbers beyond ±(2^53 - 1) and numbers beyond
 * a double, and nesting deeper than `deepest`.
 *
 * @throws MonoblocError `malformed_json`
 */
export function parseStrictJson(bytes: Buffer, deepest: number): unknown {
  if (!isUtf8(bytes)) throw malformed('invalid_utf8', 'must be UTF-8')
  const text = bytes.toString('utf8')
  const keys = scan(text, deepest)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed('invalid_json', `must be JSON${positionIn(cause)}`)
  }
  // JSON.parse keeps the last of two equal keys: fewer keys in the value than in the text means that one was lost.
  if (keys !== countKeys(value)) throw malformed('duplicate_key', 'must not have the same key twice in one object')
  return value
}

/** Walks the text once: checks nesting and whole numbers, and counts the colons outside strings, which are the keys. */
function scan(text: string, deepest: number): number {
  let keys = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) {
      at = endOfString(text, at)
      if (at < 0) return keys
    } else if (unit === 0x3a) keys++
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > deepest) throw malformed('too_deep', `must not nest deeper than ${deepest} levels`)
    } else if (unit === 0x7d || unit === 0x5d) depth--
    else if (unit >= 0x30 && unit <= 0x39) at = endOfNumber(text, at)
  }
  return keys
}

/** The place of the quote that ends a string; -1 when none does, which is for JSON.parse to say. */
function endOfString(text: string, start: number): number {
  let at = start
  for (;;) {
    at = text.indexOf('"', at + 1)
    if (at < 0) return -1
    let before = at - 1
    while (text.charCodeAt(before) === 0x5c) before--
    if ((at - before) % 2 === 1) return at
  }
}

// 16 digits can be beyond 2^53; shorter ones can't. A fraction or an exponent asks for a double and gets one.
function endOfNumber(text: string, start: number): number {
  let end = start + 1
  let whole = true
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end)
    if (unit >= 0x30 && unit <= 0x39) continue
    if (unit !== 0x2e && unit !== 0x65 && unit !== 0x45 && unit !== 0x2b && unit !== 0x2d) break
    whole = false
  }
  if (whole && end - start >= 16 && !Number.isSafeInteger(Number(text.slice(start, end)))) {
    throw malformed('unsafe_integer', 'must not have whole numbers beyond ±9007199254740991: send them as text')
  }
  return end - 1
}

function countKeys(value: unknown): number {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw malformed('unsafe_number', 'must not have numbers beyond a double')
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' || typeof item === 'number') count += countKeys(item)
    return count
  }
  for (const key in value) {
    if (key === '__proto__' || (key === 'constructor' && hasPrototype(value)))
      throw malformed('forbidden_key', `must not have the key ${key}`)
    count += 1 + countKeys(value[key as never])
  }
  return count
}

function hasPrototype(value: object): boolean {
  const inner = value.constructor as unknown
  return typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')
}

// The words of the engine quote the input; the place is all that is needed.
function positionIn(cause: unknown): string {
  const place = /at position (\d+)/.exec(String((cause as Error).message))
  return place ? `: what stands at position ${place[1]} is unexpected` : ''
}

function malformed(code: string, message: string): MonoblocError {
  return new MonoblocError('malformed_json', { violations: [{ path: ['body'], code, message }] })
}
