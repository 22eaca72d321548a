import { decimalText, decimalUnits, longestPart } from './decimal.ts'
import type { FieldOptions } from './field.ts'
import { expectedValue, filterValue } from './filter-value.ts'
import type { JsonSchema, Kind, Refuse } from './kind.ts'

const greatest = Number.MAX_SAFE_INTEGER

function bounds(options: FieldOptions): JsonSchema {
  return {
    ...(options.min === undefined ? {} : { minimum: Number(options.min) }),
    ...(options.max === undefined ? {} : { maximum: Number(options.max) }),
  }
}

function checkBounds<T extends number | bigint>(
  value: T,
  min: T | undefined,
  max: T | undefined,
  refuse: Refuse,
): void {
  if (min !== undefined && value < min) refuse('too_small', `must be at least ${min}`)
  if (max !== undefined && value > max) refuse('too_big', `must be at most ${max}`)
}

function numberKind(column: 'integer' | 'serial' | 'float', schema: JsonSchema): Kind {
  return {
    ordered: true,
    column: () => ({ type: column }),
    reader({ min, max }) {
      const least = column === 'serial' ? 1 : (min as number | undefined)
      const most = max as number | undefined
      return (value, refuse) => {
        const number = filterValue({ type: column }, value) as number | undefined
        if (number === undefined) return refuse('invalid_type', `must be ${expectedValue({ type: column })}`)
        checkBounds(number, least, most, refuse)
        return number
      }
    },
    jsonSchema: (options) => ({ ...schema, ...bounds(options) }),
  }
}

export const integer = numberKind('integer', { type: 'integer', minimum: -greatest, maximum: greatest })
export const serial = numberKind('serial', { type: 'integer', minimum: 1, maximum: greatest })
export const float = numberKind('float', { type: 'number' })

export const bigint: Kind = {
  ordered: true,
  column: () => ({ type: 'bigint' }),
  reader(options) {
    const min = options.min === undefined ? undefined : BigInt(options.min)
    const max = options.max === undefined ? undefined : BigInt(options.max)
    return (value, refuse) => {
      const number = filterValue({ type: 'bigint' }, value) as bigint | undefined
      if (number === undefined) return refuse('invalid_type', `must be ${expectedValue({ type: 'bigint' })}`)
      checkBounds(number, min, max, refuse)
      return number
    }
  },
  // JSON Schema has no bounds for numbers in strings; `int64` says those of the type.
  jsonSchema: () => ({ type: 'string', format: 'int64', pattern: '^-?\\d{1,19}$' }),
  toJson: (value: bigint) => String(value),
}

export const decimal: Kind = {
  ordered: true,
  column: (options) => ({ type: 'decimal', precision: options.precision, scale: options.scale }),
  reader({ precision, scale, min, max }) {
    const limit = 10n ** BigInt(precision)
    const unitsOf = (bound: unknown) => (bound === undefined ? undefined : decimalUnits(bound as string, scale))
    const least = unitsOf(min)
    const most = unitsOf(max)
    return (value, refuse) => {
      if (typeof value !== 'string' && typeof value !== 'number') return refuse('invalid_type', 'must be a decimal')
      const units = decimalUnits(value, scale)
      if (units === undefined) {
        return refuse('invalid_decimal', `must be a decimal with at most ${scale} digits after the point`)
      }
      if (units >= limit || units <= -limit) refuse('too_big', `must have at most ${precision} digits`)
      if (least !== undefined && units < least) refuse('too_small', `must be at least ${min}`)
      if (most !== undefined && units > most) refuse('too_big', `must be at most ${max}`)
      return decimalText(units, scale)
    }
  },
  jsonSchema: ({ precision, scale }) => ({
    type: 'string',
    format: 'decimal',
    pattern: decimalPattern(precision, scale),
  }),
}

// Zeros in front, and behind what the scale keeps, change nothing and are taken.
function decimalPattern(precision: number, scale: number): string {
  const digits = precision - scale
  const whole = digits === 0 ? `0{1,${longestPart}}` : `0{0,${longestPart - digits}}\\d{1,${digits}}`
  const zeros = scale === 0 ? `0{1,${longestPart}}` : `\\d{1,${scale}}0{0,${longestPart - scale}}`
  return `^-?${whole}(?:\\.${zeros})?$`
}
