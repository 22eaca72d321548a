import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Schema } from '../../schema/index.ts'
import type { AppliedMigration, ApplyOptions, Migrator } from '../migrations/migration.ts'
import type { MigrationFile } from '../migrations/migration-file.ts'
import { translateError } from './sqlite-errors.ts'
import { readHistory } from './sqlite-migration-history.ts'
import { migratedPosition, reading } from './sqlite-migration-reading.ts'
import { withStartLock } from './sqlite-start-lock.ts'

export interface SqliteMigratorOptions {
  file: string
  /** The time of the history and the log. Default: `Date`. */
  clock?: { now(): number }
}

/**
 * Changes of the schema of a SQLite file. No connection is kept: other processes may use the file meanwhile, and wait
 * while a migration runs.
 */
export function createSqliteMigrator(options: SqliteMigratorOptions): Migrator {
  return new SqliteMigrator(options)
}

class SqliteMigrator implements Migrator {
  readonly #options: SqliteMigratorOptions
  readonly #file: string
  /** Within `exclusively`. */
  #exclusive = false

  constructor(options: SqliteMigratorOptions) {
    this.#options = options
    this.#file = path.resolve(options.file)
  }

  async history(): Promise<AppliedMigration[]> {
    return reading(this.#file, [], readHistory)
  }

  async migratedTo(): Promise<number> {
    return reading(this.#file, 0, migratedPosition)
  }

  async plan(files: readonly MigrationFile[], schema: Schema) {
    return (await this.#work()).plan(files, schema)
  }

  async status(files: readonly MigrationFile[], schema: Schema) {
    return (await this.#work()).status(files, schema)
  }

  async apply(options: ApplyOptions) {
    return (await this.#work()).apply(options)
  }

  async follow(schema: Schema) {
    return (await this.#work()).follow(schema)
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#exclusive) return work()
    return withStartLock(this.#file, async () => {
      this.#exclusive = true
      return work().finally(() => (this.#exclusive = false))
    })
  }

  async remove(): Promise<void> {
    if (!existsSync(this.#file)) return
    const db = new DatabaseSync(this.#file, { timeout: 0 })
    try {
      // Granted only to a connection that is alone, and all of the database is in the one file then. It goes last and while
      // it is held: nobody can have opened it, and what is at its path from here on is another one.
      db.exec('pragma locking_mode = exclusive; pragma journal_mode = delete; begin exclusive')
      // An exclusive connection passes over what one that was killed has left.
      rmSync(`${this.#file}-shm`, { force: true })
      rmSync(this.#file)
    } catch (error) {
      throw translateError(error)
    } finally {
      db.close()
    }
  }

  async #work() {
    const { SqliteMigrationWork } = await import('./sqlite-migration-work.ts')
    return new SqliteMigrationWork(this.#options)
  }
}
