import { MonoblocError } from '../errors.ts'
import { instantText } from '../schema/index.ts'
import { JsonText } from './answer.ts'

// What the compiled serialisers call. Each gives what JSON.stringify shall write of one value, or refuses it; `where` is
// where it stands in the answer, for the log.

export function text(value: unknown, where: string): unknown {
  if (typeof value === 'string') return value
  if (value instanceof Date && !Number.isNaN(value.getTime())) return instantText(value)
  if (typeof value === 'bigint') return String(value)
  return given(value, where, 'a text')
}

export function day(value: unknown, where: string): unknown {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return instantText(value).slice(0, 10)
  return text(value, where)
}

export function base64(value: unknown, where: string): unknown {
  if (!(value instanceof Uint8Array)) return text(value, where)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

export function whole(value: unknown, where: string): unknown {
  if (Number.isInteger(value)) return value
  // A number of any size, which no number of JavaScript holds.
  return typeof value === 'bigint' ? rawJson(String(value)) : given(value, where, 'a whole number')
}

export function number(value: unknown, where: string): unknown {
  return Number.isFinite(value) ? value : given(value, where, 'a finite number')
}

export function truth(value: unknown, where: string): unknown {
  return value === true || value === false ? value : given(value, where, 'true or false')
}

export function nothing(value: unknown, where: string): unknown {
  return value === null ? value : given(value, where, 'null')
}

export function any(value: unknown, where: string): unknown {
  switch (typeof value) {
    case 'bigint':
      return String(value)
    case 'object':
      return value instanceof JsonText ? JSON.parse(value.text) : value
    case 'undefined':
    case 'function':
    case 'symbol':
      return given(value, where, 'JSON')
    default:
      return value
  }
}

/** As `any`, and looks into it. */
export function checkedAny(value: unknown, where: string): unknown {
  try {
    JSON.stringify(any(value, where))
  } catch (cause) {
    if (cause instanceof MonoblocError) throw cause
    throw mismatch(where, 'JSON', value, cause)
  }
  return null
}

export function oneOf(value: unknown, values: ReadonlySet<unknown>, where: string): unknown {
  return values.has(value)
    ? value
    : given(value, where, `one of ${[...values].map((one) => JSON.stringify(one)).join(', ')}`)
}

/** By the first of several functions that takes the value. */
export function union(value: unknown, branches: readonly ((value: unknown) => unknown)[], where: string): unknown {
  for (const branch of branches) {
    try {
      return branch(value)
    } catch (error) {
      if (!(error instanceof MonoblocError)) throw error
    }
  }
  return given(value, where, 'one of its alternatives')
}

/** Adds a member whose name the value chose. */
export function put(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true })
  else target[name] = value
}

/** The value is not of its type: JSON that is text already goes through, everything else is refused. */
export function given(value: unknown, where: string, expected: string): unknown {
  if (value instanceof JsonText) return JSON.parse(value.text)
  throw mismatch(where, expected, value)
}

export function mismatch(where: string, expected: string, value: unknown, cause?: unknown): MonoblocError {
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

// TypeScript's library does not know it yet.
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }
