import { z } from 'zod'
import type { FieldOptions } from './field.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { Kind } from './kind.ts'
import { isStorableText } from './kind-text.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

export const id: Kind = {
  ordered: true,
  column: () => ({ type: 'uuid' }),
  validator: () => z.guid().transform((value) => value.toLowerCase()),
  jsonSchema: () => ({ type: 'string', format: 'uuid' }),
}

export const boolean: Kind = {
  ordered: false,
  column: () => ({ type: 'boolean' }),
  validator: () => z.boolean(),
  jsonSchema: () => ({ type: 'boolean' }),
}

export const bytes: Kind = {
  ordered: false,
  column: () => ({ type: 'bytes' }),
  validator: (options) =>
    z.union([z.instanceof(Uint8Array), z.base64()]).transform((value, context) => {
      const result = typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value
      const { min, max } = options as { min?: number; max?: number }
      if (min !== undefined && result.length < min) {
        context.addIssue({
          code: 'too_small',
          origin: 'file',
          minimum: min,
          input: value,
          message: `must have at least ${min} bytes`,
        })
      }
      if (max !== undefined && result.length > max) {
        context.addIssue({
          code: 'too_big',
          origin: 'file',
          maximum: max,
          input: value,
          message: `must have at most ${max} bytes`,
        })
      }
      return result
    }),
  jsonSchema: () => ({ type: 'string', contentEncoding: 'base64' }),
  toJson: (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
}

export const json: Kind = {
  ordered: false,
  column: () => ({ type: 'json' }),
  validator: (options) => (options.schema ? documentOf(options.schema) : anyDocument),
  jsonSchema: (options: FieldOptions) => (options.schema ? jsonSchemaOf(options.schema) : {}),
}

// 100 levels: deeper than any document people write, and far from the stack limits of the parsers it meets.
const deepest = 100

const anyDocument = z.unknown().superRefine((value, context) => {
  const problem = jsonProblem(value, 0)
  if (problem) context.addIssue({ code: 'custom', message: problem, params: { code: 'invalid_json' } })
})

function documentOf(schema: StandardSchemaV1): z.ZodType {
  return anyDocument.transform((value, context) => {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      context.addIssue({
        code: 'custom',
        message: 'the schema of a json field must validate synchronously',
        params: { code: 'invalid_json' },
      })
      return z.NEVER
    }
    if (result.issues) {
      for (const issue of result.issues) {
        const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part)) as (
          | string
          | number
        )[]
        context.addIssue({ code: 'custom', message: issue.message, path, params: { code: 'invalid_json' } })
      }
      return z.NEVER
    }
    return result.value
  })
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (depth > deepest) return `must not be deeper than ${deepest} levels`
  if (value === null || typeof value === 'boolean') return undefined
  if (typeof value === 'string') return isStorableText(value) ? undefined : 'must not contain U+0000 or lone surrogates'
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must hold finite numbers'
  if (Array.isArray(value)) return firstProblem(value, depth)
  if (
    typeof value === 'object' &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  ) {
    return firstProblem(Object.keys(value), depth) ?? firstProblem(Object.values(value), depth)
  }
  return 'must be JSON: objects, arrays, strings, finite numbers, true, false and null'
}

function firstProblem(values: unknown[], depth: number): string | undefined {
  for (const value of values) {
    const problem = jsonProblem(value, depth + 1)
    if (problem) return problem
  }
  return undefined
}
