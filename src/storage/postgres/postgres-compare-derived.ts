import type { TableSpec } from '../../schema/index.ts'
import type { SchemaChange } from '../storage.ts'
import type { Ask } from './postgres-catalog.ts'
import { logDefinitions, logTriggers, presentLogTriggersSql, recordShapesSql } from './postgres-log-triggers.ts'
import { searchColumn, searchColumnSql, searchIndexName, searchIndexSql } from './postgres-search.ts'
import { quoted } from './postgres-table.ts'

/** What is made from tables: full-text indexes, and the triggers of the log. By table. */
export interface Derived {
  /** The expression of the words, and whether they have their index. */
  search: ReadonlyMap<string, { expression: string; indexed: boolean }>
  log: ReadonlyMap<string, ReadonlyMap<string, { definition: string; body: string }>>
}

interface LogRow {
  table_name: string
  name: string
  definition: string
  body: string
}

export async function readDerived(ask: Ask): Promise<Derived> {
  const words = await ask<{ table: string; expression: string; indexed: boolean | 't' | 'f' }>(
    `select c.relname as "table", pg_get_expr(d.adbin, d.adrelid) as expression,
       exists (select from pg_index x where x.indrelid = c.oid and x.indkey::text = a.attnum::text and x.indisvalid) as indexed
     from pg_class c join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
       join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and a.attname = $1`,
    [searchColumn],
  )
  const triggers = Map.groupBy(await ask<LogRow>(presentLogTriggersSql), (row) => row.table_name)
  return {
    search: new Map(
      words.map(({ table, expression, indexed }) => [
        table,
        { expression, indexed: indexed === true || indexed === 't' },
      ]),
    ),
    log: new Map(
      [...triggers].map(([table, rows]) => [
        table,
        new Map(rows.map(({ name, definition, body }) => [name, { definition, body }])),
      ]),
    ),
  }
}

export function compareSearch(table: TableSpec, { search }: Derived): SchemaChange[] {
  const there = search.get(table.name)
  const fields = there && [...there.expression.matchAll(/coalesce\((?:"((?:[^"]|"")+)"|(\w+)),/gi)]
  const searched = fields?.map(([, quotedName, name]) => quotedName?.replaceAll('""', '"') ?? name)
  const isSame = there ? searched!.join() === table.search.join() && there.indexed : table.search.length === 0
  if (isSame) return []
  const sql = there ? [dropSearchSql(table.name)] : []
  if (table.search.length === 0) return [{ safe: true, description: `drop the full-text index of ${table.name}`, sql }]
  return [
    {
      safe: true,
      description: `build the full-text index of ${table.name}`,
      sql: [...sql, `ALTER TABLE ${quoted(table.name)} ADD COLUMN ${searchColumnSql(table)}`, searchIndexSql(table)],
    },
  ]
}

/** Its index goes with it. A column that is searched can't be dropped, nor get another type, before. */
export function dropSearchSql(table: string): string {
  return `ALTER TABLE ${quoted(table)} DROP COLUMN ${quoted(searchColumn)}`
}

/** Whether an index is the one of the full-text search. */
export function isSearchIndex(table: string, index: string): boolean {
  return index === searchIndexName(table)
}

export function compareLog(table: TableSpec, { log }: Derived): SchemaChange[] {
  const there = log.get(table.name) ?? new Map<string, { definition: string; body: string }>()
  const wanted = table.logged ? logDefinitions(table) : new Map<string, { definition: string; body: string }>()
  const isSame =
    wanted.size === there.size &&
    [...wanted].every(([name, { definition, body }]) => {
      const found = there.get(name)
      return found?.definition === definition && found.body === body
    })
  if (isSame) return []
  const sql = [...there.keys()]
    .filter((name) => !wanted.has(name))
    .map((name) => `DROP TRIGGER ${quoted(name)} ON ${quoted(table.name)}`)
  if (table.logged) sql.push(...recordShapesSql(table), ...logTriggers(table).values())
  // Those of a later version log its columns too.
  const beyond = table.logged && there.size === wanted.size
  return [{ safe: true, description: `${table.logged ? 'log' : 'stop logging'} changes of ${table.name}`, sql, beyond }]
}
