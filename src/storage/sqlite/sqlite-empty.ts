import type { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import type { TableSpec } from '../../schema/index.ts'
import { tableEntrySql } from '../sql/log-shape.ts'
import { isSqliteError } from './sqlite-errors.ts'
import { logTriggers } from './sqlite-log-triggers.ts'
import { searchTable, searchTriggers } from './sqlite-search.ts'
import { quoted } from './sqlite-table.ts'

const brokenReference = 787

/**
 * Without the triggers that look at each row, SQLite frees the pages of the table instead of visiting its rows (unless
 * others refer to them). They are put back in the same transaction.
 *
 * @returns how many rows there were
 */
export function emptyTable(db: DatabaseSync, table: TableSpec): number {
  const count = db.prepare(`select count(*) as n from ${quoted(table.name)}`).get()!.n as number
  if (count === 0) return 0
  const search = table.search.length > 0 ? quoted(searchTable(table.name)) : undefined
  const triggers = [...(table.logged ? logTriggers(table) : []), ...(search ? searchTriggers(table) : [])].filter(
    ([name]) => name.endsWith('_delete'),
  )
  for (const [name] of triggers) db.exec(`drop trigger ${quoted(name)}`)
  try {
    db.exec(`delete from ${quoted(table.name)}`)
  } catch (cause) {
    if (!isSqliteError(cause) || cause.errcode !== brokenReference) throw cause
    throw new MonoblocError('reference_in_use', { subject: table.name, cause })
  } finally {
    if (db.isTransaction) for (const [, sql] of triggers) db.exec(sql)
  }
  if (search) db.exec(`insert into ${search} (${search}) values ('delete-all')`)
  if (table.logged) db.exec(tableEntrySql(table.name, 'empty').join(';'))
  return count
}
