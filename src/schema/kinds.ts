import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { JsonSchema, Kind, Kinds } from './kind.ts'
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

/**
 * The field whose values a field holds: itself, or for a reference the (single) key field of its target, followed
 * until it is no reference.
 */
export function valueField(field: Field): Field {
  let found = field
  while (found.kind === 'ref' || found.kind === 'manyToMany') {
    const target = found.options.target as AnyModel
    if (target.key.length !== 1) {
      throw new MonoblocError('definition_invalid', {
        subject: target.name,
        detail: `${target.name} has a composite key and can't be referred to.`,
      })
    }
    found = target.fields.get(target.key[0]!)!
  }
  return found
}

/** What is known of the values that a field holds. */
export function kindOf(field: Field): Kind {
  return kinds[valueField(field).kind as keyof Kinds]
}

export function fieldJsonSchema(field: Field): JsonSchema {
  if (field.kind === 'virtual') return jsonSchemaOf(field.options.schema!, 'output')
  const held = valueField(field)
  const one = kindOf(field).jsonSchema(held.options)
  if (field.kind === 'manyToMany') return { type: 'array', items: one, uniqueItems: true }
  return field.options.nullable ? nullableSchema(one) : one
}

function nullableSchema(schema: JsonSchema): JsonSchema {
  if (typeof schema.type !== 'string')
    return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: 'null' }] }
  const types = { ...schema, type: [schema.type, 'null'] }
  return Array.isArray(schema.enum) ? { ...types, enum: [...schema.enum, null] } : types
}
