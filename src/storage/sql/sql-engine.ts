import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { ColumnType } from '../../schema/index.ts'
import type { ModelPlan } from './model-plan.ts'

type Sql = Expression<unknown>

/** How engines differ in what only the query layer writes: JSON built in SQL, and time that moves forward. */
export interface SqlEngine {
  /** Types whose values the engine returns as code has them. */
  plainTypes: ReadonlySet<ColumnType['type']>
  object(members: readonly (readonly [string, Sql])[]): Sql
  array(items: readonly Sql[]): Sql
  /** An array of all rows of a group; `[]` without rows. */
  arrayOfRows(item: Sql): Sql
  /** The JSON text of a subquery, embedded as JSON in another document. */
  embedded(subquery: Sql): Sql
  /** A page of rows with includes is read faster as one document than by its cells. */
  readsDocuments?: true
  /** The JSON texts of all rows with `rowSeparator` between them; null without rows. */
  joinedRows(json: Sql): Sql
  /** Fails when it is reached, with an error in which `isTooMany` finds itself again. */
  tooMany(): RawBuilder<unknown>
  isTooMany(message: string): boolean
  /** Bytes as text within JSON. */
  hex(column: Sql): Sql
  /** The bound instant, or one millisecond after the column's where that is not earlier. */
  laterThan(column: Sql, bound: Sql): Sql
  /** Whether ascending order puts nulls last by itself; descending order then puts them first. */
  ascendingNullsLast: boolean
  /** The least or the greatest value of a group. */
  extreme(kind: 'min' | 'max', type: ColumnType, column: Sql): Sql
  /** The exact sum of whole numbers or decimals of any size, as a text that `readSum` reads. Null without a number. */
  exactSum(type: ColumnType, column: Sql): Sql
  /** The sum in whole units of the type's last digit. */
  readSum(type: ColumnType, text: string): bigint
  /** The sum as far as a double goes, which never fails: what groups are sorted by. */
  roughSum(column: Sql): Sql
  /**
   * Sees that a table's counter goes on after a serial key that was given, which may be written any number of times.
   * Absent where the database sees to it.
   */
  countOn?(plan: ModelPlan, given: Sql): RawBuilder<unknown>
  /**
   * For a number of rows the one that a statement's text names in its place, so that few numbers make few statements.
   * Absent where the text need not name any.
   */
  ceilingOf?(rows: number): number
  /** The first rows of a query that ends with its order. @param ceiling see `ceilingOf` */
  limited(query: Sql, limit: Sql, offset: Sql | undefined, ceiling: number | undefined): RawBuilder<unknown>
  /** The value by which the full-text index is asked for rows with all words, of which the last may be a beginning. */
  searchQuery(words: readonly string[]): string
  /** The rows of a table alias that the full-text index finds. */
  found(plan: ModelPlan, table: string, query: Sql): Expression<SqlBool>
  /** A search over the rows of a table alias, best first. `query` may be written any number of times. */
  searchIndex(plan: ModelPlan, table: string, query: Sql, marks: SearchMarks): SearchIndex
  /** What marks words where the database can't: it gets each searched field as it is. */
  marker?(words: readonly string[], marks: SearchMarks): SearchMarker
}

/** What stands around what was found, and how many words a snippet has. */
export interface SearchMarks {
  open: string
  close: string
  words: number
}

export interface SearchMarker {
  highlight(text: string): string
  /** @param texts the searched fields */
  snippet(texts: readonly (string | null)[]): string
}

export interface SearchIndex {
  /** What stands after `from`. */
  rows: Sql
  matches: Sql
  order: Sql
  /** Greater is better. */
  rank: Sql
  /** One searched field with marks around what was found. */
  highlight(at: number): Sql
  /** The best words of any field, so marked. Undefined where a `marker` chooses them. */
  snippet: Sql | undefined
}

/**
 * Between the rows of a page that SQL built as text. White space to JSON; and since no JSON text that SQL makes holds a
 * raw line feed (those within strings are escaped), the last one cuts off the last row.
 */
export const rowSeparator = ',\n'
