import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { Direction, JsonSchema, Kind, Kinds } from './kind.ts'
import { bigint, decimal, float, integer, serial } from './kind-number.ts'
import { boolean, bytes, id, json } from './kind-other.ts'
import { emailKind, enumKind, slugKind, text, urlKind } from './kind-text.ts'
import { date, timestamp } from './kind-time.ts'
import type { AnyModel } from './model.ts'

const kinds: Kinds = {
  id,
  serial,
  text,
  email: emailKind,
  url: urlKind,
  slug: slugKind,
  integer,
  bigint,
  decimal,
  float,
  boolean,
  date,
  timestamp,
  enum: enumKind,
  json,
  bytes,
}

/** A list of links in one write; longer ones are written in parts. */
export const mostLinks = 1000

/**
 * The field whose values a field holds: itself, or for a reference the (single) key field of its target, followed
 * until it is no reference.
 *
 * @throws MonoblocError `definition_invalid` when it leads to a composite key, or round in a circle
 */
export function valueField(field: Field): Field {
  let found = field
  const seen = new Set<Field>()
  while (found.kind === 'ref' || found.kind === 'manyToMany') {
    const target = found.options.target as AnyModel
    if (target.key.length !== 1) throw unreferable(target, 'has a composite key')
    if (seen.has(found)) throw unreferable(target, 'has a key that refers to itself')
    seen.add(found)
    found = target.fields.get(target.key[0]!)!
  }
  return found
}

function unreferable(target: AnyModel, why: string): MonoblocError {
  return new MonoblocError('definition_invalid', {
    subject: target.name,
    detail: `${target.name} ${why} and can't be referred to.`,
  })
}

/** What is known of the values that a field holds. */
export function kindOf(field: Field): Kind {
  return kinds[valueField(field).kind as keyof Kinds]
}

/** JSON Schema 2020-12 of a field's value in JSON: as it comes in (the default) or as it leaves. */
export function fieldJsonSchema(field: Field, direction: Direction = 'input'): JsonSchema {
  if (field.kind === 'virtual') return jsonSchemaOf(field.options.schema!, 'output')
  const one = kindOf(field).jsonSchema(valueField(field).options, direction)
  if (field.kind === 'manyToMany') return { type: 'array', items: one, maxItems: mostLinks, uniqueItems: true }
  return field.options.nullable ? nullableSchema(one) : one
}

/** What a row is as JSON: every visible field that is a column or computed. */
export function rowJsonSchema(model: AnyModel): JsonSchema {
  const fields = [...(model.fields as Map<string, Field>)].filter(
    ([, field]) => field.kind !== 'manyToMany' && !field.options.writeOnly,
  )
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([name, field]) => [name, fieldJsonSchema(field, 'output')])),
    required: fields.map(([name]) => name),
    additionalProperties: false,
  }
}

function nullableSchema(schema: JsonSchema): JsonSchema {
  const { type } = schema
  if (Object.keys(schema).length === 0) return schema
  if (typeof type !== 'string' && !Array.isArray(type)) return { anyOf: [schema, { type: 'null' }] }
  const types = { ...schema, type: [...new Set([type, 'null'].flat())] }
  return Array.isArray(schema.enum) ? { ...types, enum: [...new Set([...schema.enum, null])] } : types
}
