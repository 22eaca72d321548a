import { expectedValue, filterValue } from './filter-value.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { ColumnType, Kind, Refuse } from './kind.ts'
import { checkLength, isStorableText } from './kind-text.ts'
import { isPlainObject } from './plain-object.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

function reading(type: ColumnType) {
  return (value: unknown, refuse: Refuse) =>
    filterValue(type, value) ?? refuse('invalid_type', `must be ${expectedValue(type)}`)
}

export const id: Kind = {
  ordered: true,
  column: () => ({ type: 'uuid' }),
  reader: () => reading({ type: 'uuid' }),
  jsonSchema: () => ({ type: 'string', format: 'uuid' }),
}

export const boolean: Kind = {
  ordered: false,
  column: () => ({ type: 'boolean' }),
  reader: () => reading({ type: 'boolean' }),
  jsonSchema: () => ({ type: 'boolean' }),
}

const base64Pattern = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
const base64Length = (bytes: unknown) => 4 * Math.ceil(Number(bytes) / 3)

export const bytes: Kind = {
  ordered: false,
  column: () => ({ type: 'bytes' }),
  reader(options) {
    const { min, max } = options as { min?: number; max?: number }
    const read = reading({ type: 'bytes' })
    return (value, refuse) => {
      const result = read(value, refuse) as Uint8Array | undefined
      if (result) checkLength(result.length, min, max, 'bytes', refuse)
      return result
    }
  },
  // Base64 comes in fours of characters for threes of bytes, so that its length says the bounds but for the last few.
  jsonSchema: ({ min, max }) => ({
    type: 'string',
    contentEncoding: 'base64',
    pattern: base64Pattern,
    ...(min === undefined ? {} : { minLength: base64Length(min) }),
    ...(max === undefined ? {} : { maxLength: base64Length(max) }),
  }),
  toJson: (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
}

// 100 levels: deeper than any document people write, and far from the stack limits of the parsers it meets.
const deepest = 100

export const json: Kind = {
  ordered: false,
  column: () => ({ type: 'json' }),
  reader({ schema }) {
    return (value, refuse) => {
      const problem = jsonProblem(value, 0)
      if (problem) return refuse('invalid_json', problem)
      return schema ? shaped(schema, value, refuse) : value
    }
  },
  // Null at the top is the field's own null, which only `.nullable()` allows. Of what leaves there is nothing to check.
  jsonSchema({ schema }, direction) {
    if (schema) return jsonSchemaOf(schema, direction)
    return direction === 'output' ? {} : { type: ['object', 'array', 'string', 'number', 'boolean'] }
  },
}

function shaped(schema: StandardSchemaV1, value: unknown, refuse: Refuse): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) return refuse('invalid_json', 'the schema of a json field must validate synchronously')
  for (const issue of result.issues ?? []) {
    const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
    refuse('invalid_json', issue.message, path)
  }
  if (result.issues) return undefined
  const problem = jsonProblem(result.value, 0)
  return problem ? refuse('invalid_json', problem) : result.value
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'boolean') return undefined
  if (typeof value === 'string') return isStorableText(value) ? undefined : 'must not contain U+0000 or lone surrogates'
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must hold finite numbers'
  const isList = Array.isArray(value)
  if (!isList && !isPlainObject(value)) {
    return 'must be JSON: objects, arrays, strings, finite numbers, true, false and null'
  }
  if (depth >= deepest) return `must not nest deeper than ${deepest} levels`
  return isList
    ? firstProblem(value, depth)
    : (firstProblem(Object.keys(value), depth) ?? firstProblem(Object.values(value), depth))
}

function firstProblem(values: readonly unknown[], depth: number): string | undefined {
  for (const value of values) {
    const problem = jsonProblem(value, depth + 1)
    if (problem) return problem
  }
  return undefined
}
