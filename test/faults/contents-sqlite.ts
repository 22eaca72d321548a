import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { decimalText, type Models, Schema } from '../../src/schema/index.ts'
import { createSqliteStorage, type LoggedTransaction } from '../../src/storage/index.ts'
import { models } from './app.ts'
import type { Contents, Json } from './contents.ts'

/** Looks at a copy, so that whoever opens the database next finds it as the fault left it. Null when it is not there. */
export async function readSqlite(file: string): Promise<Contents | null> {
  if (!existsSync(file)) return null
  const folder = mkdtempSync(path.join(tmpdir(), 'check-'))
  try {
    const copy = path.join(folder, path.basename(file))
    for (const suffix of ['', '-wal', '-journal'])
      if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix)
    return await readCopy(copy)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const nothing: Contents = { tables: null, log: [], sequential: true, damage: [] }

async function readCopy(file: string): Promise<Contents> {
  const database = new DatabaseSync(file)
  try {
    const broken = checkIntegrity(database)
    // In a damaged file every other answer is noise.
    if (broken.length > 0) return { ...nothing, damage: broken }
    if (!database.prepare("select 1 from sqlite_schema where name = 'account'").get()) return nothing
    const loose = database.prepare('pragma foreign_key_check').all()
    return {
      tables: readTables(database),
      log: await readLog(file),
      sequential: true,
      damage: loose.map((row) => `foreign key: ${JSON.stringify(row)}`),
    }
  } finally {
    database.close()
  }
}

function readTables(database: DatabaseSync): Map<string, Json[]> {
  const forms = Object.entries(columnFormsOf(models)).map(([table, columns]) => {
    const written = (row: Record<string, SQLOutputValue>) =>
      Object.fromEntries(Object.entries(row).map(([column, value]) => [column, columns[column]?.(value) ?? value]))
    return [table, database.prepare(`select * from "${table}"`).all().map(written)] as const
  })
  return new Map(forms)
}

/** How a column's value, as SQLite holds it, is written in the log. What is not named here is written as it is. */
type ColumnForms = Record<string, Record<string, (value: SQLOutputValue) => unknown>>

function columnFormsOf(models: Models): ColumnForms {
  const tables = new Schema(Object.values(models)).tables.map((table) => {
    const forms: ColumnForms[string] = {}
    for (const { name, type } of table.columns) {
      if (type.type === 'boolean') forms[name] = (value) => value === 1
      if (type.type === 'decimal') forms[name] = (value) => decimalText(BigInt(value as number), type.scale)
    }
    return [table.name, forms] as const
  })
  return Object.fromEntries(tables)
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
