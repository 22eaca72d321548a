import type { Definition } from '../access/index.ts'
import type { ExactCache } from '../cache/index.ts'
import { ScopedDb, type Units } from '../commit/index.ts'
import { duplicateIndexes, type Migrator, type Queries, type Storage } from '../storage/index.ts'
import { seedDeadline } from './app-data.ts'
import type { RunContext } from './app-run.ts'
import { appMigrations, productionMigrations } from './migration-files.ts'
import { programRunner } from './migration-program.ts'
import { checkSchema } from './schema-check.ts'
import { type Service, service } from './service.ts'

/** The database of a run: open, made to match the models, and filled when it is new. */
export function databaseService(
  { options, config, log }: RunContext,
  definition: Definition,
  parts: { storage: Storage; migrator: Migrator; queries: Queries; units: Units; cache: ExactCache | undefined },
): Service {
  const { storage, migrator, queries, units, cache } = parts
  const { schema } = definition

  async function prepare(): Promise<void> {
    const { applied, newer } = await checkSchema({
      storage,
      migrator,
      files: config.mode === 'production' ? productionMigrations(config) : appMigrations(config),
      runProgram: programRunner(definition, queries),
      schema,
      mode: config.mode,
      async fill() {
        if (!options.seed) return
        log.info('filling the new database')
        await ScopedDb.whole(units.loose('system', { readOnly: false, deadline: seedDeadline }) as never, options.seed)
      },
    })
    if (applied.length > 0) log.info('the database was made to match the models', { changes: applied })
    if (newer.length > 0) log.warn('a later version of the app has migrated the database', { migrations: newer })
  }

  return service({
    name: 'database',
    async start() {
      await storage.open()
      try {
        await prepare()
      } catch (error) {
        await storage.close()
        throw error
      }
    },
    async stop() {
      cache?.close()
      await storage.close()
    },
  })
}

/** What is allowed, and hardly meant, is said in development. */
export function warnOfModels({ config, log }: RunContext, definition: Definition): void {
  const { schema, policies } = definition
  const silent = [...schema.models.values()].filter((model) => !definition.records.has(model) && !policies.has(model))
  if (config.mode === 'development' && silent.length > 0) {
    log.warn(
      `no policy grants anything of ${silent.map(({ name }) => name).join(', ')}: users are refused everything there`,
    )
  }
  if (config.mode === 'development') {
    for (const { index, coveredBy, table } of duplicateIndexes(schema)) {
      const cover = coveredBy === 'key' ? `the key of ${table}` : coveredBy
      log.warn(`the index ${index} is not needed: ${cover} begins with the same fields`)
    }
  }
}
