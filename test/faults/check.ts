import type { Acknowledged } from './acknowledged.ts'
import { checkLog } from './check-log.ts'
import { checkNotes } from './check-notes.ts'
import { checkHits, checkMarks, checkOrders, checkTransfers } from './check-rows.ts'
import type { Contents } from './contents.ts'
import { readSqlite } from './contents-sqlite.ts'

/** Everything that is wrong with a SQLite database, given what its clients know of it. */
export async function checkDatabase(file: string, ledger: Acknowledged): Promise<string[]> {
  const contents = await readSqlite(file)
  if (!contents) return ledger.count('acknowledged', 'kept') > 0 ? ['the database is gone'] : []
  return checkContents(contents, ledger)
}

/** The same of what was read from any engine. Requests whose outcome was unknown are settled by what is there. */
export function checkContents({ tables, damage, ...logged }: Contents, ledger: Acknowledged): string[] {
  if (!tables) {
    if (damage.length > 0) return damage
    return ledger.count('acknowledged', 'kept') > 0 ? ['the tables are gone'] : []
  }
  const rows = [checkNotes, checkTransfers, checkHits, checkOrders, checkMarks].flatMap((check) =>
    check(tables, ledger),
  )
  return [...damage, ...rows, ...checkLog(logged, tables, ledger)]
}
