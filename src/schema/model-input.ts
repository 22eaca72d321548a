import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { describeAs, jsonSchemaOf } from './json-schema.ts'
import type { Direction, JsonSchema, ValueReader } from './kind.ts'
import { fieldJsonSchema } from './kinds.ts'
import type { AnyModel } from './model.ts'
import { fieldReader, ModelReader, patchReader, type ReadField } from './model-reader.ts'
import type { StandardSchemaProps } from './standard-schema.ts'

/** A Zod object, so that it nests in other schemas; to everyone else a Standard Schema. */
export type InputValidator<T = any> = z.ZodType<T, any>

/** The names of the fields that a user may give: everything but what the system sets and what is computed. */
export function writableFields(model: AnyModel): string[] {
  return [...(model.fields as Map<string, Field>)].filter(([, field]) => isWritable(field)).map(([name]) => name)
}

function isWritable(field: Field): boolean {
  return field.kind !== 'id' && field.kind !== 'serial' && field.kind !== 'virtual' && !field.options.readOnly
}

/** Whether an insert may leave it out. Defaults are filled in by the write itself, where every insert passes. */
export function isOptional({ kind, options }: Field): boolean {
  return options.nullable || options.default !== undefined || kind === 'manyToMany'
}

/** The validator of one field's value, null included where it is allowed. */
export function fieldValidator(field: Field): z.ZodType {
  return validator(fieldReader(field), fieldJsonSchema(field))
}

function validator(read: ValueReader, schema: JsonSchema): z.ZodType {
  const checked = z.unknown().transform((value, context) =>
    read(value, (code, message, path = []) => {
      context.addIssue({ code: 'custom', message, path: [...path], params: { code } })
    }),
  )
  return describeAs(checked, schema)
}

export function inputOf(model: AnyModel, names: readonly string[]): InputValidator {
  return objectOf(
    fieldsFor(model, names).map(([name, field]) => ({
      name,
      read: fieldReader(field),
      optional: isOptional(field),
      schema: fieldJsonSchema(field),
    })),
  )
}

export function patchOf(model: AnyModel, names: readonly string[]): InputValidator {
  return objectOf(
    fieldsFor(model, names).map(([name, field]) => ({
      name,
      read: patchReader(field),
      optional: true,
      schema: patchJsonSchema(field),
    })),
  )
}

function patchJsonSchema(field: Field): JsonSchema {
  const whole = fieldJsonSchema(field)
  if (field.kind !== 'manyToMany') return whole
  const change = { type: 'object', properties: { add: whole, remove: whole }, additionalProperties: false }
  return { anyOf: [whole, change] }
}

function fieldsFor(model: AnyModel, names: readonly string[]): [string, Field][] {
  const writable = new Set(writableFields(model))
  return (names.length ? names : [...writable]).map((name) => {
    const field = model.fields.get(name)
    if (!field || !writable.has(name)) {
      throw new MonoblocError('definition_invalid', {
        subject: model.name,
        detail: `${model.name}.${name} is not a field that a user may give.`,
      })
    }
    return [name, field]
  })
}

/** A Zod object for whoever builds on it; asked as a Standard Schema, which is how Monobloc asks, it takes the fast way. */
function objectOf(fields: readonly (ReadField & { schema: JsonSchema })[]): InputValidator {
  const shape = fields.map(({ name, read, optional, schema }) => {
    const one = validator(read, schema)
    return [name, optional ? one.optional() : one]
  })
  const object = z.strictObject(Object.fromEntries(shape))
  const reader = new ModelReader(fields)
  const described = (direction: Direction) => () => jsonSchemaOf(object, direction)
  const standard: StandardSchemaProps<any, any> & { jsonSchema: object } = {
    version: 1,
    vendor: 'zod',
    validate: (value) => reader.read(value),
    jsonSchema: { input: described('input'), output: described('output') },
  }
  object['~standard'] = standard as never
  return object
}
