import type { AnyModel, JsonSchema } from '../schema/index.ts'

/** What a row of a model is as JSON: every visible field that is a column or computed. */
export function rowSchema(model: AnyModel): JsonSchema {
  return model.jsonSchema()
}
