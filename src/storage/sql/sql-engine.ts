import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { ColumnType } from '../../schema/index.ts'
import type { Dialect } from './dialect.ts'
import { sql } from './kysely.ts'
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
  /** The exact sum of whole numbers of any size, as the text `high,low`: billions and ones. Null without a number. */
  exactSum(column: Sql): Sql
  /** The sum as far as a double goes, which never fails: what groups are sorted by. */
  roughSum(column: Sql): Sql
  /** The value by which the full-text index is asked for rows with all words, of which the last may be a beginning. */
  searchQuery(words: readonly string[]): string
  /** The rows of a table alias that the full-text index finds. */
  found(plan: ModelPlan, table: string, query: Sql): Expression<SqlBool>
  /** A search over the rows of a table alias, best first. */
  searchIndex(plan: ModelPlan, table: string, marks: { open: string; close: string }, words: number): SearchIndex
}

export interface SearchIndex {
  /** What stands after `from`. */
  rows: Sql
  matches(query: Sql): Sql
  order: Sql
  /** Greater is better. */
  rank: Sql
  /** One searched field with marks around what was found. */
  highlight(at: number): Sql
  /** The best words of any field, so marked. */
  snippet: Sql
}

/**
 * Between the rows of a page that SQL built as text. White space to JSON; and since no JSON text that SQL makes holds a
 * raw line feed (those within strings are escaped), the last one cuts off the last row.
 */
export const rowSeparator = ',\n'

const sqlite: SqlEngine = {
  plainTypes: new Set(['uuid', 'text', 'integer', 'serial', 'float', 'date', 'bytes']),
  object: (members) => sql`json_object(${sql.join(members.flatMap(([name, value]) => [sql.lit(name), value]))})`,
  array: (items) => sql`json_array(${sql.join(items)})`,
  arrayOfRows: (item) => sql`json_group_array(${item})`,
  embedded: (subquery) => sql`json(${subquery})`,
  joinedRows: (json) => sql`string_agg(${json}, ',' || char(10))`,
  tooMany: () => sql`abs(-9223372036854775807 - 1)`,
  isTooMany: (message) => message.includes('integer overflow'),
  hex: (column) => sql`hex(${column})`,
  laterThan: (column, bound) => sql`max(${bound}, strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, '+0.001 seconds'))`,
  ascendingNullsLast: false,
  exactSum: (column) => sql`sum(${column} / 1000000000) || ',' || sum(${column} % 1000000000)`,
  roughSum: (column) => sql`sum(cast(${column} as real))`,
  // A quoted phrase without a word in it is no error and finds nothing.
  searchQuery: (words) => (words.length === 0 ? '""' : `${words.map((word) => `"${word}"`).join(' ')}*`),
  found: ({ name }, table, query) => {
    const index = sql.table(searchTable(name))
    return sql`${sql.ref(`${table}.rowid`)} in (select rowid from ${index} where ${index} match ${query})`
  },
  searchIndex(plan, table, { open, close }, words) {
    const index = sql.table(searchTable(plan.name))
    const around = sql`${sql.lit(open)}, ${sql.lit(close)}`
    const joined = sql`${sql.ref(`${table}.rowid`)} = ${index}.rowid`
    return {
      // The index goes first and gives its rows in the order of their rank, so that no more is marked than is shown.
      rows: sql`${index} cross join ${sql.table(plan.name)} as ${sql.ref(table)} on ${joined}`,
      matches: (query) => sql`${index} match ${query}`,
      order: sql`${index}.rank`,
      rank: sql`-${index}.rank`,
      highlight: (at) => sql`highlight(${index}, ${sql.lit(at)}, ${around})`,
      snippet: sql`snippet(${index}, -1, ${around}, '…', ${sql.lit(words)})`,
    }
  },
}

/** FTS5 index of a table on SQLite, which goes by its rowid. */
export function searchTable(table: string): string {
  return `monobloc_search_${table}`
}

export function engineOf(dialect: Dialect): SqlEngine {
  if (dialect.name === 'sqlite') return sqlite
  throw new Error(`no SQL for ${dialect.name} yet`)
}
