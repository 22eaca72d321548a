import { existsSync } from 'node:fs'
import { cleanUrl } from '../observe/index.ts'
import type { Schema } from '../schema/index.ts'
import type { Explainer } from './explain.ts'
import type { Migrator } from './migrations/migration.ts'
import { createPostgresMigrator } from './postgres/postgres-migrator.ts'
import type { PostgresOptions } from './postgres/postgres-options.ts'
import { createPostgresStorage } from './postgres/postgres-storage.ts'
import type { IndexAdvice } from './sqlite/sqlite-index-advice.ts'
import { createSqliteMigrator } from './sqlite/sqlite-migrator.ts'
import type { SqliteOptions } from './sqlite/sqlite-options.ts'
import { createSqliteStorage } from './sqlite/sqlite-storage.ts'
import type { Storage } from './storage.ts'

// The one place where engines are told apart by name, for all that is made of an app's configuration.

/** Where the data of an app is. */
export type DatabaseAddress =
  | ({ engine: 'sqlite' } & Pick<SqliteOptions, 'file'>)
  | ({ engine: 'postgres' } & Omit<PostgresOptions, 'clock' | 'onScan'>)

export interface DatabaseParts {
  storage: Storage
  migrator: Migrator
}

/** What the engine is told beside its address. Reports that it has nothing to say for, it leaves out. */
export interface DatabasePartsOptions
  extends Pick<SqliteOptions, 'mode' | 'clock' | 'onScan' | 'onWal' | 'onFatal' | 'turns'> {
  /** In no public type: see `SqliteTesting`. */
  testing?: unknown
}

/** Nothing is opened, and no driver loaded, before it is asked for. */
export function databaseParts(address: DatabaseAddress, options: DatabasePartsOptions = {}): DatabaseParts {
  const { clock, mode, onScan } = options
  if (address.engine === 'postgres') {
    const reports = mode === 'development' ? { onScan } : {}
    return {
      storage: createPostgresStorage({ ...address, ...reports, clock, testing: options.testing as object }),
      migrator: createPostgresMigrator({ ...address, clock }),
    }
  }
  const { file } = address
  return {
    storage: createSqliteStorage({ ...options, file } as SqliteOptions),
    migrator: createSqliteMigrator({ file, clock }),
  }
}

/** For people: the path of a file, or a URL without its password and settings. */
export function placeOf(address: DatabaseAddress): string {
  if (address.engine === 'sqlite') return address.file
  return cleanUrl(address.url)
    .replace(/:[^/:@]*@/, '@')
    .replace(/\?.*$/s, '')
}

/** Whether there is a database to look at; that of a server shows when it is opened. */
export function databaseExists(address: DatabaseAddress): boolean {
  return address.engine === 'postgres' || existsSync(address.file)
}

// What only commands ask for is loaded when they do: an app that starts needs none of it.

/** Looks at a database, which may be in use. Nothing is written. */
export async function adviseIndexes(address: DatabaseAddress, schema: Schema): Promise<IndexAdvice> {
  if (address.engine === 'postgres') {
    return (await import('./postgres/postgres-index-advice.ts')).postgresIndexAdvice(address, schema)
  }
  return (await import('./sqlite/sqlite-index-advice.ts')).indexAdvice(address.file, schema)
}

/** Opens a database for reads that are explained. */
export async function openExplainer(address: DatabaseAddress): Promise<Explainer> {
  if (address.engine === 'postgres') {
    const { PostgresExplainer } = await import('./postgres/postgres-explain.ts')
    return new PostgresExplainer(address).open()
  }
  const { SqliteExplainer } = await import('./sqlite/sqlite-explain.ts')
  return new SqliteExplainer(address.file)
}
