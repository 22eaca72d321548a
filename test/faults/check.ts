import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createSqliteStorage, type LoggedTransaction } from '../../src/storage/index.ts'
import type { Acknowledged } from './acknowledged.ts'
import { models } from './app.ts'
import { checkLog } from './check-log.ts'
import { checkNotes } from './check-notes.ts'
import { checkHits, checkMarks, checkOrders, checkTransfers } from './check-rows.ts'
import { columnFormsOf } from './column-forms.ts'

/**
 * Everything that is wrong with a database, given what its clients know of it. Looks at a copy, so that whoever opens
 * the database next finds it as the fault left it. Requests whose outcome was unknown are settled by what is there.
 */
export async function checkDatabase(file: string, ledger: Acknowledged): Promise<string[]> {
  if (!existsSync(file)) return ledger.count('acknowledged', 'kept') > 0 ? ['the database is gone'] : []
  const folder = mkdtempSync(path.join(tmpdir(), 'check-'))
  try {
    const copy = path.join(folder, path.basename(file))
    for (const suffix of ['', '-wal', '-journal'])
      if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix)
    return await checkCopy(copy, ledger)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function checkCopy(file: string, ledger: Acknowledged): Promise<string[]> {
  const database = new DatabaseSync(file)
  try {
    const damage = checkIntegrity(database)
    // In a damaged file every other answer is noise.
    if (damage.length > 0) return damage
    if (!database.prepare("select 1 from sqlite_schema where name = 'account'").get()) {
      return ledger.count('acknowledged', 'kept') > 0 ? ['the tables are gone'] : []
    }
    const loose = database.prepare('pragma foreign_key_check').all()
    const rows = [checkNotes, checkTransfers, checkHits, checkOrders, checkMarks].flatMap((check) =>
      check(database, ledger),
    )
    return [
      ...loose.map((row) => `foreign key: ${JSON.stringify(row)}`),
      ...rows,
      ...checkLog(await readLog(file), database, columnFormsOf(models), ledger),
    ]
  } finally {
    database.close()
  }
}

async function readLog(file: string): Promise<LoggedTransaction[]> {
  const storage = createSqliteStorage({ file })
  await storage.open()
  try {
    const log: LoggedTransaction[] = []
    for (;;) {
      const next = await storage.tail(log.length, 1000)
      if (next.length === 0) return log
      log.push(...next)
    }
  } finally {
    await storage.close()
  }
}

function checkIntegrity(database: DatabaseSync): string[] {
  try {
    const found = database.prepare('pragma integrity_check(3)').all()
    return found.filter((row) => row.integrity_check !== 'ok').map((row) => `integrity_check: ${row.integrity_check}`)
  } catch (error) {
    return [`integrity_check: ${(error as Error).message}`]
  }
}
