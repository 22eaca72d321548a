// What is known of a database's migrations by looking at it.
import { existsSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { foldCase } from '../../schema/index.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { translateError } from './sqlite-errors.ts'
import { openConnection } from './sqlite-open.ts'

export function openReader(file: string): SqliteConnection {
  // While a process starts or a command runs, nobody else waits for it.
  return openConnection(file, { readOnly: true, cacheKib: 4096, fold: foldCase, lockMillis: 30_000 })
}

/** Where there is no database, `otherwise`. */
export function reading<T>(file: string, otherwise: T, work: (db: DatabaseSync) => T): T {
  if (!existsSync(file) || statSync(file).size === 0) return otherwise
  const connection = openReader(file)
  try {
    connection.db.exec('begin')
    return work(connection.db)
  } catch (error) {
    throw translateError(error, connection.db)
  } finally {
    connection.close()
  }
}

export function lastPosition(db: DatabaseSync): number {
  const found = db.prepare("select 1 from sqlite_schema where name = 'monobloc_commit'").get()
  return found ? ((db.prepare('select max(position) as last from monobloc_commit').get()!.last as number) ?? 0) : 0
}

/** Up to where only migrations have written. */
export function migratedPosition(db: DatabaseSync): number {
  const found = db.prepare("select 1 from sqlite_schema where name = 'monobloc_meta'").get()
  if (!found) return 0
  return Number(db.prepare("select value from monobloc_meta where name = 'migrated'").get()?.value ?? 0)
}
