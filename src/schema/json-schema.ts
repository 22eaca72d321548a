import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import type { Direction, JsonSchema } from './kind.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/** The JSON Schemas of validators that Monobloc made from fields, whose own conversion would not know them. */
const known = new WeakMap<object, JsonSchema>()

export function describeAs<T extends object>(validator: T, schema: JsonSchema): T {
  known.set(validator, schema)
  return validator
}

/**
 * JSON Schema 2020-12 of any Standard Schema that can tell: Zod, or a library with Standard JSON Schema.
 *
 * @param direction what is accepted (`input`, the default) or what comes out
 * @param closed of Zod's objects those that say nothing of other keys are described as refusing them
 * @throws MonoblocError `definition_invalid` when the schema cannot be described
 */
export function jsonSchemaOf(schema: StandardSchemaV1, direction: Direction = 'input', closed = false): JsonSchema {
  const described = known.get(schema)
  if (described) return described
  const standard = schema['~standard'] as {
    vendor: string
    jsonSchema?: Record<Direction, (options: { target: string }) => JsonSchema>
  }
  if (standard.vendor !== 'zod') {
    if (standard.jsonSchema) return withoutDialect(standard.jsonSchema[direction]({ target: 'draft-2020-12' }))
    throw new MonoblocError('definition_invalid', {
      detail: `A schema by ${standard.vendor} does not say its JSON Schema (Standard JSON Schema).`,
    })
  }
  return withoutDialect(
    z.toJSONSchema(schema as unknown as z.ZodType, {
      io: direction,
      unrepresentable: 'any',
      override({ zodSchema, jsonSchema }) {
        const own = known.get(zodSchema)
        const { def } = zodSchema._zod
        if (closed && !own && def.type === 'object' && !def.catchall) jsonSchema.additionalProperties = false
        if (closed && def.type === 'intersection') for (const part of jsonSchema.allOf ?? []) opened(part)
        if (!own) return
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as never]
        Object.assign(jsonSchema, own)
      },
    }) as JsonSchema,
  )
}

/** Of two that must both hold, each lets through what the other names: JSON Schema has no word for their sum. */
function opened(part: JsonSchema): void {
  if (part.type === 'object' && part.additionalProperties === false) delete part.additionalProperties
}

function withoutDialect(schema: JsonSchema): JsonSchema {
  const { $schema, ...rest } = schema
  return rest
}
