import { ScopedDb, Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import { databaseParts, type MigrationFile, type Migrator, Queries } from '../storage/index.ts'
import type { Backend, StartOptions } from './backend-types.ts'
import type { Config } from './config.ts'
import { appMigrations } from './migration-files.ts'
import { programRunner } from './migration-program.ts'
import { checkSchema, type SchemaCheck } from './schema-check.ts'

/** The data of an app that is not running, for commands. Nothing is opened before it is asked for. */
export interface AppData {
  config: Config
  schema: Schema
  migrator: Migrator
  /** @throws MonoblocError `migration_refused` when a file's name is wrong */
  files(): MigrationFile[]
  runProgram: ReturnType<typeof programRunner>
  /** Makes the database as a start would, and fills it by the app's `seed`. */
  seed(): Promise<SchemaCheck>
  /** Deletes the database and makes it anew. @throws MonoblocError `database_busy` while a program has it open */
  reset(): Promise<{ seeded: boolean }>
}

// A seed fills a whole database, once.
export const seedDeadline = 10 * 60 * 1000

/** @throws MonoblocError `configuration_invalid`; `app_invalid` for an app without models */
export function appData(app: Backend, options: Pick<StartOptions, 'environment' | 'folder'>): AppData {
  const { config, definition, seed } = app.inspect(options)
  if (config instanceof Error) throw config
  if (!definition) throw new MonoblocError('app_invalid', { detail: `${app.name} has no models, and so no database.` })
  const { mode } = config
  const { schema, hooks, policies } = definition
  const { storage, migrator } = databaseParts(config.database)
  const queries = new Queries(storage.dialect, schema)
  const runProgram = programRunner(definition, queries)
  const files = () => appMigrations(config)
  async function prepare(fill: typeof seed): Promise<SchemaCheck> {
    await storage.open()
    try {
      return await migrator.exclusively(async () => {
        const checked = await checkSchema({ storage, migrator, files: files(), runProgram, schema, mode })
        const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
        const db = units.loose('system', { readOnly: false, deadline: seedDeadline })
        if (fill) await ScopedDb.whole(db as never, fill)
        return checked
      })
    } finally {
      await storage.close()
    }
  }
  return {
    config,
    schema,
    migrator,
    files,
    runProgram,
    async seed() {
      if (!seed) throw new MonoblocError('app_invalid', { detail: `${app.name} has no seed: backend({ seed: … }).` })
      return prepare(seed)
    },
    async reset() {
      await migrator.remove()
      await prepare(seed)
      return { seeded: seed !== undefined }
    },
  }
}
