import { type AnyModel, type Field, fieldJsonSchema, type JsonSchema } from '../schema/index.ts'

/** What a row of a model is as JSON: every visible field that is a column or computed. */
export function rowSchema(model: AnyModel): JsonSchema {
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
