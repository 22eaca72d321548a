import { MonoblocError } from '../errors.ts'
import { JsonText } from './answer.ts'

// What the compiled serialisers call. Each gives the JSON text of one value, or refuses it; `where` is where it stands
// in the answer, for the log.

export function text(value: unknown, where: string): string {
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Date && !Number.isNaN(value.getTime())) return `"${value.toISOString()}"`
  if (typeof value === 'bigint') return `"${value}"`
  return given(value, where, 'a text')
}

export function day(value: unknown, where: string): string {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return `"${value.toISOString().slice(0, 10)}"`
  return text(value, where)
}

export function base64(value: unknown, where: string): string {
  if (!(value instanceof Uint8Array)) return text(value, where)
  return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`
}

export function whole(value: unknown, where: string): string {
  if (Number.isInteger(value) || typeof value === 'bigint') return String(value)
  return given(value, where, 'a whole number')
}

export function number(value: unknown, where: string): string {
  return Number.isFinite(value) ? String(value) : given(value, where, 'a finite number')
}

export function truth(value: unknown, where: string): string {
  if (value === true) return 'true'
  return value === false ? 'false' : given(value, where, 'true or false')
}

export function nothing(value: unknown, where: string): string {
  return value === null ? 'null' : given(value, where, 'null')
}

export function any(value: unknown, where: string): string {
  if (typeof value === 'bigint') return `"${value}"`
  if (value instanceof JsonText) return value.text
  let result: string | undefined
  try {
    result = JSON.stringify(value)
  } catch (cause) {
    throw mismatch(where, 'JSON', value, cause)
  }
  return result ?? given(value, where, 'JSON')
}

export function oneOf(value: unknown, values: ReadonlySet<unknown>, where: string): string {
  return values.has(value)
    ? JSON.stringify(value)
    : given(value, where, `one of ${[...values].map((one) => JSON.stringify(one)).join(', ')}`)
}

/** By the first of several serialisers that takes the value. */
export function union(value: unknown, branches: readonly ((value: unknown) => string)[], where: string): string {
  for (const branch of branches) {
    try {
      return branch(value)
    } catch (error) {
      if (!(error instanceof MonoblocError)) throw error
    }
  }
  return given(value, where, 'one of its alternatives')
}

/** The value is not of its type: JSON that is text already goes through, everything else is refused. */
export function given(value: unknown, where: string, expected: string): string {
  if (value instanceof JsonText) return value.text
  throw mismatch(where, expected, value)
}

function mismatch(where: string, expected: string, value: unknown, cause?: unknown): MonoblocError {
  const got =
    value === undefined
      ? 'missing'
      : value === null
        ? 'null'
        : Array.isArray(value)
          ? 'a list'
          : value instanceof Date
            ? 'a Date'
            : typeof value
  return new MonoblocError('response_invalid', {
    detail: `${where || 'The answer'} must be ${expected} and is ${got}.`,
    cause,
  })
}

// Control characters, the quote, the backslash and surrogates: only these are written otherwise than they stand.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const special = /[\u0000-\u001f"\\\ud800-\udfff]/

function quoted(value: string): string {
  // A loop over a short text is several times faster than the expression or JSON.stringify; 40 is where they meet.
  if (value.length > 40) return special.test(value) ? JSON.stringify(value) : `"${value}"`
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at)
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff))
      return JSON.stringify(value)
  }
  return `"${value}"`
}
