import type { DialectAdapter, Expression, Kysely, QueryCompiler, RawBuilder, SqlBool } from 'kysely'
import type { ColumnType } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { JsonFilters } from './filter-sql-json.ts'
import type { SqlEngine } from './sql-engine.ts'

/** How one SQL engine differs where templates are compiled: everything else in this folder is shared. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres'
  /** A value as code has it, made into what the engine stores. */
  encode(type: ColumnType, value: unknown): SqlValue
  /** What the engine returned for `selected`, made into the value as code has it. */
  decode(type: ColumnType, value: SqlValue): unknown
  /**
   * The expression that selects a column so that `decode` loses nothing (64-bit integers as text, for example), in a
   * result and within JSON.
   */
  selected(type: ColumnType, column: Expression<unknown>): Expression<unknown>
  /** The expression of the column as it stands in a JSON document, or undefined when only code can make it (bytes). */
  json(type: ColumnType, column: Expression<unknown>): Expression<unknown> | undefined
  /** Simple Unicode case folding of a text expression, the same as in memory. */
  fold(text: Expression<unknown>): RawBuilder<string>
  /** Whether a value is in a list that is bound as one value, so that its length is not part of the shape. */
  isIn(type: ColumnType, value: Expression<unknown>, list: Expression<unknown>): RawBuilder<SqlBool>
  /** Encodes the list for `isIn`. */
  encodeList(type: ColumnType, values: readonly unknown[]): SqlValue
  /** A value as a constant of the language. */
  literal(value: SqlValue): string
  /** Whether a text holds another. */
  contains(text: Expression<unknown>, part: Expression<unknown>): RawBuilder<SqlBool>
  /** Whether a text ends with another, which is written twice. */
  endsWith(text: Expression<unknown>, part: () => Expression<unknown>): RawBuilder<SqlBool>
  /** Tests of places in documents. */
  readonly documents: JsonFilters
  readonly engine: SqlEngine
  /** What Kysely needs for this engine; it is loaded when this is first called. */
  kysely(): KyselyParts
}

export interface KyselyParts {
  compiler(): QueryCompiler
  adapter(): DialectAdapter
  introspector(db: Kysely<unknown>): ReturnType<import('kysely').Dialect['createIntrospector']>
}
