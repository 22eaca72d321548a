import { sql } from '../sql/kysely.ts'
import type { SqlEngine } from '../sql/sql-engine.ts'
import { searchColumn, searchQuery } from './postgres-search.ts'
import { searchMarker } from './postgres-search-marks.ts'

/** No more arguments than this has a function. */
const mostArguments = 100
// What `tooMany` casts, and so what the server says it can't read, whatever its language.
const tooManyWords = 'too many rows in an included list'

/** Below it one plan is as good as another. */
const leastCeiling = 8

type Sql = ReturnType<typeof sql>

export const postgresEngine: SqlEngine = {
  // Sessions read whole numbers and doubles as numbers.
  plainTypes: new Set(['uuid', 'text', 'integer', 'serial', 'float', 'date', 'decimal']),
  // Of a row rather than of arguments: it takes any number of members, and writes no white space.
  object(members) {
    const columns = members.map(([name, value]) => sql`${value} as ${sql.id(name)}`)
    return sql`(select row_to_json(r) from (select ${sql.join(columns)}) as r)`
  },
  array(items) {
    const parts: Sql[] = []
    for (let at = 0; at < items.length; at += mostArguments) {
      parts.push(sql`json_build_array(${sql.join(items.slice(at, at + mostArguments))})`)
    }
    if (parts.length < 2) return parts[0] ?? sql`json_build_array()`
    // No item but the last of a part can end in a bracket of its own, which is one of an include or another document.
    const inner = parts.map((part) => sql`substr(${part}::text, 2, length(${part}::text) - 2)`)
    return sql`('[' || ${sql.join(inner, sql` || ',' || `)} || ']')::json`
  },
  arrayOfRows: (item) => sql`coalesce(json_agg(${item}), '[]')`,
  embedded: (subquery) => subquery,
  joinedRows: (json) => sql`string_agg(${json}::text, ',' || chr(10))`,
  // The count keeps the planner from trying what it takes for a constant.
  tooMany: () => sql`to_json((${sql.lit(`${tooManyWords}: `)} || count(*))::integer)`,
  isTooMany: (message) => message.includes(tooManyWords),
  hex: (column) => sql`encode(${column}, 'hex')`,
  laterThan: (column, bound) => sql`greatest(${bound}, ${column} + interval '1 millisecond')`,
  ascendingNullsLast: true,
  extreme(kind, type, column) {
    // There is none for uuid before PostgreSQL 18; its text has the same order.
    const compared = type.type === 'uuid' ? sql`${column}::text collate "C"` : column
    return sql`${sql.raw(kind)}(${compared})`
  },
  exactSum: (type, column) =>
    type.type === 'decimal' && type.scale > 0
      ? sql`trunc(sum(${column}) * ${sql.lit(10 ** type.scale)})::text`
      : sql`sum(${column})::text`,
  readSum: (_, text) => BigInt(text),
  roughSum: (column) => sql`sum(${column})`,
  // What it is not told, PostgreSQL takes for a tenth of all rows. It then finds the plan for any values so much dearer than
  // the one for these that it plans at each run, which doubles what a page costs.
  ceilingOf: (rows) => 2 ** Math.ceil(Math.log2(Math.max(rows, leastCeiling))),
  limited(query, limit, offset, ceiling) {
    const bounded = ceiling === undefined ? query : sql`select * from (${query} limit ${sql.lit(ceiling)}) as page`
    return sql`${bounded} limit ${limit}${offset ? sql` offset ${offset}` : sql``}`
  },
  // A counter goes forward only, whoever else draws from it meanwhile, unless the new number is so far ahead that nobody
  // gets there before it is set.
  countOn({ name, key }, given) {
    const counter = sql`pg_get_serial_sequence(${sql.lit(`"${name}"`)}, ${sql.lit(key[0]!.name)})::regclass`
    const ahead = sql`${given}::bigint - coalesce(pg_sequence_last_value(counter), 0)`
    const drawn = sql`(select max(n) from (select nextval(counter) as n from generate_series(1, ahead)) as drawn)`
    const moved = sql`case when ahead > 1000 then setval(counter, ${given}::bigint) else ${drawn} end`
    return sql`select ${moved} from (select counter, ${ahead} as ahead from (select ${counter} as counter) as c) as a where ahead > 0`
  },
  searchQuery,
  found: (_, table, query) => sql`${sql.ref(`${table}.${searchColumn}`)} @@ ${query}::tsquery`,
  searchIndex(plan, table, query) {
    const column = sql.ref(`${table}.${searchColumn}`)
    // Divided by the logarithm of the length, so that long texts don't win by it.
    const rank = sql`ts_rank(${column}, ${query}::tsquery, 1)`
    return {
      rows: sql`${sql.table(plan.name)} as ${sql.ref(table)}`,
      matches: sql`${column} @@ ${query}::tsquery`,
      order: sql.join([sql`${rank} desc`, ...plan.key.map(({ name }) => sql.ref(`${table}.${name}`))]),
      rank,
      highlight: (at) => sql.ref(`${table}.${plan.search[at]}`),
      snippet: undefined,
    }
  },
  marker: searchMarker,
}
