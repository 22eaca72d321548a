import type { ErrorCode } from '../errors.ts'
import type { JsonSchema } from '../schema/index.ts'
import type { HeaderFieldName, SharedParameterName } from './openapi-headers.ts'

/** One parameter of an operation, as OpenAPI has it. */
export interface ParameterDetails {
  name: string
  in: 'path' | 'query' | 'header'
  schema: JsonSchema
  description?: string
  required?: boolean
  style?: 'form' | 'simple' | 'deepObject'
  explode?: boolean
  /** Operators that a filter takes in brackets: `price[gte]=10`. Shown by the reference. */
  operators?: readonly string[]
}

/**
 * What an endpoint tells the OpenAPI document beside what follows from its options. For whatever makes endpoints, such
 * as a resource, and so knows more of them than their schemas say.
 */
export interface OperationDetails {
  /** Beside those of `params` and `query`; one of the same place and name takes the other's place. */
  parameters?: readonly (ParameterDetails | SharedParameterName)[]
  /** Header fields of answers, by status. */
  headers?: Readonly<Record<number, readonly HeaderFieldName[]>>
  /** What it can fail with, beside what follows from its method, schemas and transaction. */
  errors?: readonly ErrorCode[]
  /** What follows from its options and yet never happens: a read that refuses nobody, … */
  never?: readonly ErrorCode[]
  /** Instead of the schema of `body`. */
  body?: JsonSchema
  /** Instead of the schemas of `returns`; null for an answer without a body. */
  answers?: Readonly<Record<number, JsonSchema | null>>
}
