import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { foldCase } from '../../schema/index.ts'
import { addFold } from './sqlite-open.ts'
import { quoted } from './sqlite-table.ts'

/**
 * The tables, indexes and statistics of a database without its rows, in memory: it plans statements as that database would,
 * and indexes can be tried out in it.
 */
export function shadowOf(db: DatabaseSync): DatabaseSync {
  const shadow = new DatabaseSync(':memory:', { enableDoubleQuotedStringLiterals: false })
  addFold(shadow, foldCase)
  // Virtual tables first: they make tables of their own, which are then there already.
  const made = db
    .prepare(
      `select sql, name from sqlite_schema where type in ('table', 'index') and sql is not null and name not like 'sqlite!_%' escape '!'
       order by sql not like 'create virtual%', type = 'index'`,
    )
    .all()
  for (const { sql, name } of made) {
    const isThere = shadow.prepare('select 1 from sqlite_schema where name = ?').get(name!)
    if (!isThere) shadow.exec(sql as string)
  }
  copyStatistics(db, shadow)
  return shadow
}

function copyStatistics(db: DatabaseSync, shadow: DatabaseSync): void {
  if (!hasStatistics(db)) return
  // Without rows this only makes the table.
  shadow.exec('analyze; delete from sqlite_stat1')
  addStatistics(shadow, db.prepare('select tbl, idx, stat from sqlite_stat1').all())
}

function hasStatistics(db: DatabaseSync): boolean {
  return db.prepare("select 1 from sqlite_schema where name = 'sqlite_stat1'").get() !== undefined
}

function addStatistics(shadow: DatabaseSync, rows: Record<string, SQLOutputValue>[]): void {
  const add = shadow.prepare('insert into sqlite_stat1 (tbl, idx, stat) values (?, ?, ?)')
  for (const { tbl, idx, stat } of rows) add.run(tbl!, idx!, stat!)
  // The planner reads them anew.
  shadow.exec('analyze sqlite_schema')
}

/** Runs `work` while the shadow has one index more. */
export function withIndex<T>(
  shadow: DatabaseSync,
  { name, table, columns }: { name: string; table: string; columns: readonly string[] },
  work: () => T,
): T {
  shadow.exec(`create index ${quoted(name)} on ${quoted(table)} (${columns.map(quoted).join(', ')})`)
  try {
    return work()
  } finally {
    shadow.exec(`drop index ${quoted(name)}`)
  }
}

/** Runs `work` while the shadow lacks an index. */
export function withoutIndex<T>(shadow: DatabaseSync, name: string, work: () => T): T {
  const { sql } = shadow.prepare("select sql from sqlite_schema where type = 'index' and name = ?").get(name) as {
    sql: string
  }
  // Its statistics go with it.
  const statistics = hasStatistics(shadow)
    ? shadow.prepare('select tbl, idx, stat from sqlite_stat1 where idx = ?').all(name)
    : []
  shadow.exec(`drop index ${quoted(name)}`)
  try {
    return work()
  } finally {
    shadow.exec(sql)
    if (statistics.length > 0) addStatistics(shadow, statistics)
  }
}
