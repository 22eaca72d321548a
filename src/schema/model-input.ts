import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { describeAs } from './json-schema.ts'
import type { JsonSchema, Refuse, ValueReader } from './kind.ts'
import { fieldJsonSchema, kindOf, mostLinks, valueField } from './kinds.ts'
import type { AnyModel } from './model.ts'
import { isPlainObject } from './plain-object.ts'

/** A Zod object, so that it nests in other schemas; to everyone else a Standard Schema. */
export type InputValidator<T = any> = z.ZodType<T, any>

/** The names of the fields that a user may give: everything but what the system sets and what is computed. */
export function writableFields(model: AnyModel): string[] {
  return [...(model.fields as Map<string, Field>)].filter(([, field]) => isWritable(field)).map(([name]) => name)
}

function isWritable(field: Field): boolean {
  return field.kind !== 'id' && field.kind !== 'serial' && field.kind !== 'virtual' && !field.options.readOnly
}

/** Reads a value of a field; null where it is allowed, missing never. */
function fieldReader(field: Field): ValueReader {
  const one = kindOf(field).reader(valueField(field).options)
  const read = field.kind === 'manyToMany' ? (value: unknown, refuse: Refuse) => readLinks(one, value, refuse) : one
  return (value, refuse) => {
    if (value === undefined) return refuse('required', 'is required')
    if (value !== null) return read(value, refuse)
    return field.options.nullable ? null : refuse('invalid_type', 'must not be null')
  }
}

function readLinks(read: ValueReader, value: unknown, refuse: Refuse): unknown {
  if (!Array.isArray(value)) return refuse('invalid_type', 'must be a list of keys')
  if (value.length > mostLinks) return refuse('too_big', `must hold at most ${mostLinks} keys`)
  const keys = value.map((key, at) => read(key, (code, message) => refuse(code, message, [at])))
  // Keys are compared as their text: a bigint or an instant is another value of the same key each time it is read.
  if (new Set(keys.map(String)).size < keys.length) refuse('duplicate', 'must not repeat a key')
  return keys
}

/** Links may be replaced by a list, or changed: `{ add: [key], remove: [key] }`. */
function changeReader(field: Field): ValueReader {
  const whole = fieldReader(field)
  return (value, refuse) => {
    if (!isPlainObject(value)) return whole(value, refuse)
    const change: { add?: unknown; remove?: unknown } = {}
    for (const [name, keys] of Object.entries(value)) {
      if (name !== 'add' && name !== 'remove') refuse('unknown_field', 'is not add or remove', [name])
      else if (keys !== undefined) {
        change[name] = whole(keys, (code, message, path = []) => refuse(code, message, [name, ...path]))
      }
    }
    const added = new Set(Array.isArray(change.add) ? change.add.map(String) : [])
    if (Array.isArray(change.remove) && change.remove.some((key) => added.has(String(key)))) {
      refuse('duplicate', 'must not add and remove the same key')
    }
    return change
  }
}

function validator(read: ValueReader, schema: JsonSchema): z.ZodType {
  const checked = z.unknown().transform((value, context) =>
    read(value, (code, message, path = []) => {
      context.addIssue({ code: 'custom', message, path: [...path], params: { code } })
    }),
  )
  return describeAs(checked, schema)
}

/** The validator of one field's value, null included where it is allowed. */
export function fieldValidator(field: Field): z.ZodType {
  return validator(fieldReader(field), fieldJsonSchema(field))
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

export function patchField(field: Field): z.ZodType {
  if (field.kind !== 'manyToMany') return fieldValidator(field).optional()
  const keys = fieldJsonSchema(field)
  const change = { type: 'object', properties: { add: keys, remove: keys }, additionalProperties: false }
  return validator(changeReader(field), { anyOf: [keys, change] }).optional()
}

/** Defaults are not filled in here but in the write itself, which is the one place that every insert passes. */
export function inputField(field: Field): z.ZodType {
  const optional = field.options.nullable || field.options.default || field.kind === 'manyToMany'
  return optional ? fieldValidator(field).optional() : fieldValidator(field)
}
