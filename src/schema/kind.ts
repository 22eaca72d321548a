import type { FieldKind, FieldOptions } from './field.ts'

export type JsonSchema = Record<string, unknown>
export type Direction = 'input' | 'output'

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

/** Says what is wrong with a value: a stable word for programs and a sentence for people, and where inside it. */
export type Refuse = (code: string, message: string, path?: readonly PropertyKey[]) => void

/** Checks one value and gives it as code has it. What it refuses is not used. */
export type ValueReader = (value: unknown, refuse: Refuse) => unknown

/** What Monobloc knows of a kind of field. References take theirs from the key that they hold. */
export interface Kind {
  /** Undefined for a kind without a column. */
  column: (options: FieldOptions) => ColumnType
  /** Accepts the value as code has it and as JSON has it. Null and a missing value are handled outside. */
  reader: (options: FieldOptions) => ValueReader
  /** JSON Schema 2020-12 of the value in JSON, as it comes in or as it leaves. */
  jsonSchema: (options: FieldOptions, direction: Direction) => JsonSchema
  /** The value as JSON has it. Absent: the same as in code. */
  toJson?: (value: never) => unknown
  /** `gt`, `between` and sorting make sense. */
  ordered: boolean
}

export type Kinds = Record<Exclude<FieldKind, 'ref' | 'manyToMany' | 'virtual'>, Kind>
