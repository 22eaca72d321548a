import { sql } from '../sql/kysely.ts'
import { rowSeparator, type SqlEngine } from '../sql/sql-engine.ts'
import { ownPrefix } from './sqlite-guard.ts'

export const sqliteEngine: SqlEngine = {
  plainTypes: new Set(['uuid', 'text', 'integer', 'serial', 'float', 'date', 'bytes']),
  object: (members) => sql`json_object(${sql.join(members.flatMap(([name, value]) => [sql.lit(name), value]))})`,
  array: (items) => sql`json_array(${sql.join(items)})`,
  arrayOfRows: (item) => sql`json_group_array(${item})`,
  // Node asks for each cell three times under a lock: 8 us of 47 for 20 rows of eight.
  readsDocuments: true,
  embedded: (subquery) => sql`json(${subquery})`,
  // A constant: SQLite would make an expression anew for each row.
  joinedRows: (json) => sql`string_agg(${json}, ${sql.lit(rowSeparator)})`,
  tooMany: () => sql`abs(-9223372036854775807 - 1)`,
  isTooMany: (message) => message.includes('integer overflow'),
  hex: (column) => sql`hex(${column})`,
  laterThan: (column, bound) => sql`max(${bound}, strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, '+0.001 seconds'))`,
  ascendingNullsLast: false,
  extreme: (kind, _, column) => sql`${sql.raw(kind)}(${column})`,
  // Both parts stay within 64 bits for a billion rows of any value: `high,low`, in billions and in ones.
  exactSum: (_, column) => sql`sum(${column} / 1000000000) || ',' || sum(${column} % 1000000000)`,
  readSum(_, text) {
    const [high, low] = text.split(',')
    return BigInt(high!) * 1_000_000_000n + BigInt(low!)
  },
  roughSum: (column) => sql`sum(cast(${column} as real))`,
  // SQLite looks at the value of a bare `limit ?` when it compiles, and so compiles the statement anew at each run, which
  // doubles what a page costs. It leaves an expression alone.
  limited: (query, limit, offset) => sql`${query} limit ${limit} + 0${offset ? sql` offset ${offset}` : sql``}`,
  // A quoted phrase without a word in it is no error and finds nothing.
  searchQuery: (words) => (words.length === 0 ? '""' : `${words.map((word) => `"${word}"`).join(' ')}*`),
  found: ({ name }, table, query) => {
    const index = sql.table(searchTable(name))
    return sql`${sql.ref(`${table}.rowid`)} in (select rowid from ${index} where ${index} match ${query})`
  },
  searchIndex(plan, table, query, { open, close, words }) {
    const index = sql.table(searchTable(plan.name))
    const around = sql`${sql.lit(open)}, ${sql.lit(close)}`
    const joined = sql`${sql.ref(`${table}.rowid`)} = ${index}.rowid`
    return {
      // The index goes first and gives its rows in the order of their rank, so that no more is marked than is shown.
      rows: sql`${index} cross join ${sql.table(plan.name)} as ${sql.ref(table)} on ${joined}`,
      matches: sql`${index} match ${query}`,
      order: sql`${index}.rank`,
      rank: sql`-${index}.rank`,
      highlight: (at) => sql`highlight(${index}, ${sql.lit(at)}, ${around})`,
      snippet: sql`snippet(${index}, -1, ${around}, '…', ${sql.lit(words)})`,
    }
  },
}

/** The full-text index of a table: FTS5, which goes by the table's rowid. */
export function searchTable(table: string): string {
  return `${ownPrefix}search_${table}`
}
