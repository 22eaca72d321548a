import { MonoblocError } from '../errors.ts'
import { type MigrationEngine, type MigrationFile, migrationFolder, readMigrationFiles } from '../storage/index.ts'
import type { Config } from './config.ts'

type Place = Pick<Config, 'database' | 'migrations'>

export function migrationEngine({ database }: Pick<Config, 'database'>): MigrationEngine {
  return database.engine === 'sqlite' ? 'sqlite' : 'postgresql'
}

/** Where the files stand that this database takes. */
export function migrationPlace(config: Place): string {
  return migrationFolder(config.migrations, migrationEngine(config))
}

/** @throws MonoblocError `migration_refused`, `migration_engine` */
export function appMigrations(config: Place): MigrationFile[] {
  return readMigrationFiles(migrationPlace(config), migrationEngine(config))
}

/**
 * The files of production. Where there are some for another engine and none for this one they were forgotten, and a
 * database made by the models would have no history that a later file could follow.
 */
export function productionMigrations(config: Place): MigrationFile[] {
  const files = appMigrations(config)
  const [other] = otherMigrations(config)
  if (files.length > 0 || !other) return files
  throw new MonoblocError('migration_engine', {
    detail: `There are ${other.files.length} files of migrations for ${other.engine}, and none for ${migrationEngine(config)}.`,
  })
}

/** The files for other engines, of those that have any. */
export function otherMigrations(config: Place): { engine: MigrationEngine; files: MigrationFile[] }[] {
  const engines: MigrationEngine[] = ['sqlite', 'postgresql']
  return engines
    .filter((engine) => engine !== migrationEngine(config))
    .map((engine) => ({ engine, files: readMigrationFiles(migrationFolder(config.migrations, engine), engine) }))
    .filter(({ files }) => files.length > 0)
}
