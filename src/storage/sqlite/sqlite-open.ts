import { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { isFailedSync } from './sqlite-errors.ts'
import { foldFunction } from './sqlite-fold.ts'

export interface ConnectionOptions {
  readOnly: boolean
  /** Page cache at most, in KiB. */
  cacheKib: number
  /** Case folding, without which the statements that need it can't be prepared. */
  fold: ((text: string) => string) | undefined
  /**
   * Milliseconds that a statement waits inside SQLite for a lock. Default 0. More is for who has nothing else to do, or for a
   * process of its own.
   */
  lockMillis?: number
  /** Default: `full`. Less is for the fault campaign, which must see it lose what was acknowledged. */
  synchronous?: Synchronous
}

export type Synchronous = keyof typeof synchronousLevels
const synchronousLevels = { off: 0, normal: 1, full: 2 }

/** The pragmas of every connection, and what reading them back must give. */
const settings: readonly [pragma: string, set: string, read: unknown][] = [
  ['foreign_keys', 'on', 1],
  // REPLACE deletes rows without firing triggers otherwise: the log would miss them.
  ['recursive_triggers', 'on', 1],
  // A schema that someone prepared can't call functions with effects.
  ['trusted_schema', 'off', 0],
  // A damaged page is found when it is read, not when it has spread.
  ['cell_size_check', 'on', 1],
]

/**
 * Opens one connection. By default it never waits for a lock inside SQLite, which would stop the whole process: who needs
 * a lock tries again by a timer.
 *
 * @throws MonoblocError `database_error` when a setting did not take
 */
export function openConnection(file: string, options: ConnectionOptions): SqliteConnection {
  const db = new DatabaseSync(file, {
    readOnly: options.readOnly,
    timeout: options.lockMillis ?? 0,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
  })
  try {
    // Refuses what can damage the file: writable_schema, direct writes to the tables inside a full-text index.
    if (typeof db.enableDefensive === 'function') db.enableDefensive(true)
    if (!options.readOnly) readBack(db, 'journal_mode', 'wal', 'wal')
    // The connection that turns WAL on stays at FULL and later ones may start at NORMAL, which loses acknowledged commits
    // when the power fails. Set on each, and read back.
    const { synchronous = 'full' } = options
    readBack(db, 'synchronous', synchronous, synchronousLevels[synchronous])
    for (const [pragma, value, read] of settings) readBack(db, pragma, value, read)
    if (options.readOnly) readBack(db, 'query_only', 'on', 1)
    db.exec(`pragma cache_size = -${options.cacheKib}`)
    // mmap stays off: measured, it gains nothing over the cache here, and a failing disk would end the process by SIGBUS.
    db.exec('pragma mmap_size = 0')
    // The writer checkpoints between its turns, never inside a commit that someone waits for.
    db.exec('pragma wal_autocheckpoint = 0')
    // What the WAL grew to beyond 64 MiB while a snapshot held it is given back to the disk when it begins anew.
    if (!options.readOnly) db.exec('pragma journal_size_limit = 67108864')
    if (options.fold) addFold(db, options.fold)
    return new SqliteConnection(db)
  } catch (error) {
    closeAfter(error, db)
    throw error
  }
}

/**
 * Closes what met an error. Closing writes to the database what the WAL has, which must not be tried after a failed sync:
 * then it is left as it is, for the end of the process, which every such error is.
 */
export function closeAfter(error: unknown, connection: { close(): void }): void {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (!isFailedSync(error) && syscall !== 'fsync') connection.close()
}

export function addFold(db: DatabaseSync, fold: (text: string) => string): void {
  db.function(foldFunction, { deterministic: true }, (text) => (typeof text === 'string' ? fold(text) : text))
}

function readBack(db: DatabaseSync, pragma: string, value: string, expected: unknown): void {
  db.exec(`pragma ${pragma} = ${value}`)
  const found = db.prepare(`pragma ${pragma}`).get()?.[pragma]
  if (found !== expected) {
    throw new MonoblocError('database_error', { detail: `PRAGMA ${pragma} is ${found} where ${expected} was set.` })
  }
}
