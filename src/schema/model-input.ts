import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { describeAs } from './json-schema.ts'
import { fieldJsonSchema, kindOf, valueField } from './kinds.ts'
import type { AnyModel } from './model.ts'

/** A Zod object, so that it nests in other schemas; to everyone else a Standard Schema. */
export type InputValidator<T = any> = z.ZodType<T, any>

// A list of links in one write; longer ones are written in parts.
const mostLinks = 1000

/** The names of the fields that a user may give: everything but what the system sets and what is computed. */
export function writableFields(model: AnyModel): string[] {
  return [...(model.fields as Map<string, Field>)].filter(([, field]) => isWritable(field)).map(([name]) => name)
}

function isWritable(field: Field): boolean {
  return field.kind !== 'id' && field.kind !== 'serial' && field.kind !== 'virtual' && !field.options.readOnly
}

/** The validator of one field's value, null included where it is allowed. */
export function fieldValidator(field: Field): z.ZodType {
  const held = valueField(field)
  const one = kindOf(field).validator(
    held === field ? field.options : { ...held.options, min: undefined, max: undefined },
  )
  const value =
    field.kind === 'manyToMany' ? z.array(one).max(mostLinks).refine(isDistinct, 'must not repeat a key') : one
  return describeAs(field.options.nullable ? value.nullable() : value, fieldJsonSchema(field))
}

function isDistinct(keys: unknown[]): boolean {
  return new Set(keys).size === keys.length
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

export function inputOf(model: AnyModel, names: readonly string[]): InputValidator {
  return z.strictObject(Object.fromEntries(fieldsFor(model, names).map(([name, field]) => [name, inputField(field)])))
}

export function patchOf(model: AnyModel, names: readonly string[]): InputValidator {
  return z.strictObject(Object.fromEntries(fieldsFor(model, names).map(([name, field]) => [name, patchField(field)])))
}

/** Links may be replaced by a list, or changed: `{ add: [key], remove: [key] }`. */
export function patchField(field: Field): z.ZodType {
  const whole = fieldValidator(field)
  if (field.kind !== 'manyToMany') return whole.optional()
  return z.union([whole, z.strictObject({ add: whole.optional(), remove: whole.optional() })]).optional()
}

/** Defaults are not filled in here but in the write itself, which is the one place that every insert passes. */
export function inputField(field: Field): z.ZodType {
  const optional = field.options.nullable || field.options.default || field.kind === 'manyToMany'
  return optional ? fieldValidator(field).optional() : fieldValidator(field)
}
