import { deletionOf, type Schema } from '../../schema/index.ts'
import { duplicateIndexes } from '../sql/duplicate-indexes.ts'
import type { IndexAdvice, IndexCost } from '../sqlite/sqlite-index-advice.ts'
import type { PostgresOptions } from './postgres-options.ts'
import { createPostgresStorage } from './postgres-storage.ts'

/** Smaller tables are read as fast without an index. */
const smallTable = 2_000
/** Scans of a table before an index of it that none of them used is called unused. */
const enoughRuns = 1_000
/** Reads of a whole table before it is worth a word: a report now and then is none. */
const enoughScans = 100

interface IndexRow {
  table: string
  name: string
  unique: boolean
  partial: boolean
  columns: (string | null)[]
  scans: number
  bytes: number
}

interface TableRow {
  name: string
  rows: number
  whole: number
  scans: number
  writes: number
}

// The server counts by itself, for all who use the database, since its statistics were last reset or it was made.
const tablesSql = `select relname as name, n_live_tup::float8 as rows, coalesce(seq_scan, 0)::float8 as whole,
    (coalesce(seq_scan, 0) + coalesce(idx_scan, 0))::float8 as scans,
    (n_tup_ins + n_tup_del + n_tup_upd - n_tup_hot_upd)::float8 as writes
  from pg_stat_user_tables where schemaname = current_schema()`

const indexesSql = `select s.relname as "table", s.indexrelname as name, x.indisunique as unique,
    x.indpred is not null as partial, coalesce(s.idx_scan, 0)::float8 as scans,
    pg_relation_size(s.indexrelid)::float8 as bytes,
    to_json(array(select a.attname from unnest(x.indkey::int2[]) with ordinality k(n, at)
      left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.n and k.n > 0 order by k.at)) as columns
  from pg_stat_user_indexes s join pg_index x on x.indexrelid = s.indexrelid
  where s.schemaname = current_schema() and x.indisvalid and not x.indisprimary`

const sinceSql = `select extract(epoch from coalesce(stats_reset, pg_postmaster_start_time()))::float8 * 1000 as since
  from pg_stat_database where datname = current_database()`

/** See `adviseIndexes`. What statements ran, the server does not tell: which index is missing, `explain` says. */
export async function postgresIndexAdvice(options: PostgresOptions, schema: Schema): Promise<IndexAdvice> {
  const storage = createPostgresStorage({ ...options, connections: 1 })
  await storage.open()
  try {
    return await storage.read({ deadline: 60_000 }, async (session) => {
      const ask = async <Row>(sql: string) => (await session.raw(sql, [])).rows as unknown as Row[]
      const [found] = await ask<{ since: number }>(sinceSql)
      const names = new Set(schema.tables.map(({ name }) => name))
      const tables = (await ask<TableRow>(tablesSql)).filter(({ name, rows }) => names.has(name) && rows > smallTable)
      const large = new Set(tables.map(({ name }) => name))
      const indexes = (await ask<IndexRow>(indexesSql)).filter(({ table }) => large.has(table))
      return adviceFrom(schema, found!.since, tables, indexes)
    })
  } finally {
    await storage.close()
  }
}

function adviceFrom(schema: Schema, since: number, tables: TableRow[], indexes: IndexRow[]): IndexAdvice {
  const days = Math.max((Date.now() - since) / (24 * 60 * 60 * 1000), 1 / 24)
  const tableOf = (name: string) => tables.find((table) => table.name === name)!
  const costOf = ({ name, table, columns, bytes }: IndexRow): IndexCost => {
    const declared = schema.tables.flatMap((one) => one.indexes).find((index) => index.name === name)
    const writesPerDay = Math.round(tableOf(table).writes / days)
    return { table, index: name, fields: declared?.fields ?? columns, bytes, writesPerDay }
  }
  const duplicates = duplicateIndexes(schema).flatMap(({ index: name, coveredBy }) => {
    const index = indexes.find((one) => one.name === name)
    return index && !isNeeded(schema, index, indexes) ? [{ ...costOf(index), coveredBy }] : []
  })
  return {
    since: new Date(since).toISOString(),
    statements: null,
    runs: tables.reduce((total, { scans }) => total + scans, 0),
    missing: [],
    duplicate: duplicates,
    unused: indexes
      .filter((index) => !index.unique && index.scans === 0 && tableOf(index.table).scans >= enoughRuns)
      .filter((index) => !duplicates.some((one) => one.index === index.name) && !isNeeded(schema, index, indexes))
      .map(costOf),
    scans: tables
      .filter(({ whole }) => whole >= enoughScans)
      .map(({ name, rows, whole }) => ({ table: name, rows, runs: whole, sql: null })),
  }
}

// Deleting a row looks for what refers to it, purging for what was deleted, and a search for words.
function isNeeded(schema: Schema, { name, table, columns, partial }: IndexRow, indexes: readonly IndexRow[]): boolean {
  const { references, model } = schema.tables.find((one) => one.name === table)!
  if (model === undefined || !schema.tables.some((one) => one.indexes.some((index) => index.name === name))) return true
  if (partial) return columns[0] === deletionOf(model)?.field
  const others = indexes.filter((other) => other.table === table && other.name !== name && !other.partial)
  return (
    references.some(({ column }) => column === columns[0]) && !others.some((other) => other.columns[0] === columns[0])
  )
}
