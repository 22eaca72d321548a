import { z } from 'zod'
import { decimalText, decimalUnits } from './decimal.ts'
import type { FieldOptions } from './field.ts'
import type { JsonSchema, Kind } from './kind.ts'

const greatest = Number.MAX_SAFE_INTEGER
const leastBigint = -(2n ** 63n)
const greatestBigint = 2n ** 63n - 1n

function bounds(options: FieldOptions): JsonSchema {
  return {
    ...(options.min === undefined ? {} : { minimum: Number(options.min) }),
    ...(options.max === undefined ? {} : { maximum: Number(options.max) }),
  }
}

function bounded(type: z.ZodNumber, options: FieldOptions): z.ZodNumber {
  let result = type
  if (options.min !== undefined) result = result.min(Number(options.min), `must be at least ${options.min}`)
  if (options.max !== undefined) result = result.max(Number(options.max), `must be at most ${options.max}`)
  return result
}

export const integer: Kind = {
  ordered: true,
  column: () => ({ type: 'integer' }),
  validator: (options) => bounded(z.int(), options),
  jsonSchema: (options) => ({ type: 'integer', minimum: -greatest, maximum: greatest, ...bounds(options) }),
}

export const serial: Kind = {
  ordered: true,
  column: () => ({ type: 'serial' }),
  validator: () => z.int().min(1),
  jsonSchema: () => ({ type: 'integer', minimum: 1, maximum: greatest }),
}

export const float: Kind = {
  ordered: true,
  column: () => ({ type: 'float' }),
  validator: (options) => bounded(z.number(), options),
  jsonSchema: (options) => ({ type: 'number', ...bounds(options) }),
}

export const bigint: Kind = {
  ordered: true,
  column: () => ({ type: 'bigint' }),
  validator: (options) =>
    z
      .union([z.bigint(), z.int(), z.string().regex(/^-?\d{1,19}$/, 'must be a whole number')])
      .transform((value, context) => {
        const result = BigInt(value)
        const least = options.min === undefined ? leastBigint : BigInt(options.min)
        const most = options.max === undefined ? greatestBigint : BigInt(options.max)
        if (result < least)
          context.addIssue({
            code: 'too_small',
            origin: 'bigint',
            minimum: least,
            input: value,
            message: `must be at least ${least}`,
          })
        if (result > most)
          context.addIssue({
            code: 'too_big',
            origin: 'bigint',
            maximum: most,
            input: value,
            message: `must be at most ${most}`,
          })
        return result
      }),
  jsonSchema: () => ({ type: 'string', format: 'int64', pattern: '^-?\\d{1,19}$' }),
  toJson: (value: bigint) => String(value),
}

export const decimal: Kind = {
  ordered: true,
  column: (options) => ({ type: 'decimal', precision: options.precision, scale: options.scale }),
  validator: (options) =>
    z.union([z.string(), z.number()]).transform((value, context) => {
      const units = decimalUnits(value, options.scale)
      if (units === undefined) {
        context.addIssue({
          code: 'custom',
          message: `must be a decimal with at most ${options.scale} digits after the point`,
          params: { code: 'invalid_decimal' },
        })
        return z.NEVER
      }
      const most = 10n ** BigInt(options.precision)
      const size = units < 0n ? -units : units
      if (size >= most)
        context.addIssue({
          code: 'too_big',
          origin: 'number',
          maximum: 0,
          input: value,
          message: `must have at most ${options.precision} digits`,
        })
      const least = options.min === undefined ? undefined : decimalUnits(options.min, options.scale)
      const top = options.max === undefined ? undefined : decimalUnits(options.max, options.scale)
      if (least !== undefined && units < least) {
        context.addIssue({
          code: 'too_small',
          origin: 'number',
          minimum: 0,
          input: value,
          message: `must be at least ${options.min}`,
        })
      }
      if (top !== undefined && units > top) {
        context.addIssue({
          code: 'too_big',
          origin: 'number',
          maximum: 0,
          input: value,
          message: `must be at most ${options.max}`,
        })
      }
      return decimalText(units, options.scale)
    }),
  jsonSchema: (options) => ({
    type: 'string',
    format: 'decimal',
    pattern: options.scale
      ? `^-?\\d{1,${Math.max(1, options.precision - options.scale)}}(\\.\\d{1,${options.scale}})?$`
      : `^-?\\d{1,${options.precision}}$`,
  }),
}
