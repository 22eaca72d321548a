import { decimalText, decimalUnits } from './decimal.ts'
import type { ColumnType } from './kind.ts'
import { isStorableText } from './kind-text.ts'

const leastBigint = -(2n ** 63n)
const greatestBigint = 2n ** 63n - 1n
// The greatest decimal that any column can hold has 18 digits; units beyond would not fit the engines' 64 bits.
const decimalLimit = 10n ** 18n
const leastTime = Date.parse('0001-01-01T00:00:00.000Z')
const greatestTime = Date.parse('9999-12-31T23:59:59.999Z')

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const datePattern = /^(\d{4})-(\d{2})-(\d{2})$/
const timestampPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i
// With a whole number of fours it says the same as a pattern of groups, whose stack a few megabytes would exhaust.
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * A value of a filter, as code or JSON has it, made into the value as code has it; undefined when it is not one of this
 * type. Null and lists are handled outside.
 */
export function filterValue(type: ColumnType, value: unknown): unknown {
  switch (type.type) {
    case 'uuid':
      return typeof value === 'string' && uuidPattern.test(value) ? value.toLowerCase() : undefined
    case 'text':
      return typeof value === 'string' && isStorableText(value) ? value : undefined
    case 'integer':
    case 'serial':
      return Number.isSafeInteger(value) ? positiveZero(value as number) : undefined
    case 'float':
      return Number.isFinite(value) ? positiveZero(value as number) : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'bigint':
      return bigintValue(value)
    case 'decimal':
      return decimalValue(value, type.scale)
    case 'date':
      return typeof value === 'string' && isDay(value) ? value : undefined
    case 'timestamp':
      return timestampValue(value)
    case 'bytes':
      return bytesValue(value)
    case 'json':
      return undefined
  }
}

/** The words for what `filterValue` takes: `must be …`. */
export function expectedValue(type: ColumnType): string {
  switch (type.type) {
    case 'uuid':
      return 'a UUID'
    case 'text':
      return 'a string without U+0000 and lone surrogates'
    case 'integer':
    case 'serial':
      return 'a whole number within ±(2^53 - 1)'
    case 'float':
      return 'a finite number'
    case 'boolean':
      return 'true or false'
    case 'bigint':
      return 'a whole number within 64 bits (a string in JSON beyond ±(2^53 - 1))'
    case 'decimal':
      return `a decimal with at most 18 digits, of which ${type.scale} after the point`
    case 'date':
      return 'a day such as "2026-11-22"'
    case 'timestamp':
      return 'an instant such as "2026-11-22T10:00:00.000Z", in the years 0001 to 9999'
    case 'bytes':
      return 'bytes (base64 in JSON)'
    case 'json':
      return 'JSON'
  }
}

// Minus zero equals zero, and must not become another text or another bound value.
function positiveZero(value: number): number {
  return value === 0 ? 0 : value
}

function bigintValue(value: unknown): bigint | undefined {
  if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'bigint' && !isWholeText(value))
    return undefined
  const result = BigInt(value as number | bigint | string)
  return result >= leastBigint && result <= greatestBigint ? result : undefined
}

function isWholeText(value: unknown): boolean {
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value)
}

function decimalValue(value: unknown, scale: number): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const units = decimalUnits(typeof value === 'bigint' ? String(value) : value, scale)
  if (units === undefined || units <= -decimalLimit || units >= decimalLimit) return undefined
  return decimalText(units, scale)
}

function isDay(text: string): boolean {
  const parts = datePattern.exec(text)
  if (!parts || parts[1] === '0000') return false
  const month = Number(parts[2])
  const day = Number(parts[3])
  if (month < 1 || month > 12 || day < 1) return false
  return day <= 28 || day <= daysIn(Number(parts[1]), month)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function timestampValue(value: unknown): Date | undefined {
  const date = value instanceof Date ? value : typeof value === 'string' ? timestampOf(value) : undefined
  const time = date?.getTime() ?? Number.NaN
  return time >= leastTime && time <= greatestTime ? date : undefined
}

function timestampOf(text: string): Date | undefined {
  // The day is checked on its own, because Date takes 30 February for 2 March.
  return timestampPattern.test(text) && isDay(text.slice(0, 10)) ? new Date(text.toUpperCase()) : undefined
}

function bytesValue(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  return typeof value === 'string' && value.length % 4 === 0 && base64Pattern.test(value)
    ? new Uint8Array(Buffer.from(value, 'base64'))
    : undefined
}

/** Values of one type in a form that `===` and `<` compare (text aside, which compares by `compareText`). */
export type Comparable = string | number | bigint | boolean

/**
 * Reads a row's value of a type, as code has it or as JSON has it, into its comparable form; null for null and for what
 * is missing. Anything else that could be in a row is there because another program put it in.
 */
export function comparableReader(type: ColumnType): (value: unknown) => Comparable | null {
  const read = readerOf(type)
  return (value) => (value === null || value === undefined ? null : read(value))
}

function readerOf(type: ColumnType): (value: unknown) => Comparable | null {
  switch (type.type) {
    case 'bigint':
      return (value) => BigInt(value as string | number | bigint)
    case 'decimal': {
      const { scale } = type
      return (value) => decimalUnits(value as string | number, scale) ?? null
    }
    case 'timestamp':
      return (value) =>
        value instanceof Date ? value.getTime() : typeof value === 'number' ? value : Date.parse(value as string)
    case 'bytes':
      return (value) =>
        typeof value === 'string'
          ? value
          : Buffer.from(
              (value as Uint8Array).buffer,
              (value as Uint8Array).byteOffset,
              (value as Uint8Array).byteLength,
            ).toString('base64')
    case 'boolean':
      return (value) => value === true || value === 1
    default:
      return (value) => value as Comparable
  }
}
