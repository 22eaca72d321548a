import type { Expression, RawBuilder } from 'kysely'
import type { ColumnType } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'

/** How one SQL engine differs where templates are compiled: everything else in this folder is shared. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /** A value as code has it, made into what the engine stores. */
  encode(type: ColumnType, value: unknown): SqlValue
  /** What the engine returned for `selected`, made into the value as code has it. */
  decode(type: ColumnType, value: SqlValue): unknown
  /** The expression that selects a column so that `decode` loses nothing (64-bit integers as text, for example). */
  selected(type: ColumnType, column: Expression<unknown>): Expression<unknown>
  /** The expression of the column as it stands in a JSON document, or undefined when only code can make it (bytes). */
  json(type: ColumnType, column: Expression<unknown>): Expression<unknown> | undefined
  /** Simple Unicode case folding of a text expression, the same as in memory. */
  fold(text: Expression<unknown>): RawBuilder<string>
  /** A list bound as one value, as a subquery: `IN (SELECT value FROM json_each(?))`, so that its length is not part of the shape. */
  list(type: ColumnType, bound: Expression<unknown>): RawBuilder<unknown>
  /** Encodes the list for `list`. */
  encodeList(type: ColumnType, values: readonly unknown[]): SqlValue
}
