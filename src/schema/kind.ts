import type { ZodType } from 'zod'
import type { FieldKind, FieldOptions } from './field.ts'

export type JsonSchema = Record<string, unknown>

/** The logical type of a column; each engine says how it stores it. */
export type ColumnType =
  | {
      type:
        | 'uuid'
        | 'text'
        | 'integer'
        | 'bigint'
        | 'float'
        | 'boolean'
        | 'date'
        | 'timestamp'
        | 'json'
        | 'bytes'
        | 'serial'
    }
  | { type: 'decimal'; precision: number; scale: number }

/** What Monobloc knows of a kind of field. References take theirs from the key that they hold. */
export interface Kind {
  /** Undefined for a kind without a column. */
  column: (options: FieldOptions) => ColumnType
  /** Accepts the value as code has it and as JSON has it, and gives it as code has it. Null is handled outside. */
  validator: (options: FieldOptions) => ZodType
  /** JSON Schema 2020-12 of the value in JSON. */
  jsonSchema: (options: FieldOptions) => JsonSchema
  /** The value as JSON has it. Absent: the same as in code. */
  toJson?: (value: never) => unknown
  /** `gt`, `between` and sorting make sense. */
  ordered: boolean
}

export type Kinds = Record<Exclude<FieldKind, 'ref' | 'manyToMany' | 'virtual'>, Kind>
