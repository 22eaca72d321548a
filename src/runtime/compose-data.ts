import { type Definition, Identity, Tokens } from '../access/index.ts'
import { Idempotency, IdempotencyRecord, ScopedDb, Units } from '../commit/index.ts'
import type { HttpHost } from '../http/index.ts'
import { databaseParts, duplicateIndexes, Queries, type Storage } from '../storage/index.ts'
import { seedDeadline } from './app-data.ts'
import type { RunContext } from './app-run.ts'
import { createHttpHost } from './http-host.ts'
import { appMigrations, productionMigrations } from './migration-files.ts'
import { programRunner } from './migration-program.ts'
import { checkSchema } from './schema-check.ts'
import { type Service, service } from './service.ts'
import { storageReports } from './storage-diagnostics.ts'
import { createUpkeep } from './upkeep.ts'

export interface ComposedData {
  host: HttpHost<any>
  units: Units
  /** Absent in an app without users. */
  identity: Identity | undefined
  idempotency: Idempotency
  storage: Storage
  /** In the order in which they start. */
  services: Service[]
}

// One day: long enough that nobody signs in twice on a working day, short enough that a lost token is of little use.
const tokenLifetime = 24 * 60 * 60

/** Everything that an app with models has: database, units of work, identity. */
export function composeData(context: RunContext, definition: Definition): ComposedData {
  const { options, config, log, diagnostics, health, now } = context
  const { schema, policies, hooks, user } = definition
  const { storage, migrator } = databaseParts(config.database, {
    mode: config.mode === 'production' ? 'production' : 'development',
    clock: { now },
    ...storageReports(diagnostics, log),
    // In no public type: the fault campaign must see it lose what was acknowledged.
    ...('testing' in options && { testing: options.testing }),
  })
  const queries = new Queries(storage.dialect, schema, { now })
  const units = new Units({ storage, queries, schema, hooks, guardFor: (acting) => policies.guard(schema, acting) })
  const idempotency = new Idempotency(storage, queries, { now })
  const tokens = new Tokens({
    secret: config.secret.value,
    issuer: options.name ?? 'app',
    lifetime: options.auth?.lifetime ?? tokenLifetime,
    now,
  })
  const identity = user && new Identity({ storage, queries, tokens, user, schemes: options.auth?.schemes })
  policies.check(schema)
  const silent = [...schema.models.values()].filter((model) => model !== IdempotencyRecord && !policies.has(model))
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
  health.check('database', () => storage.read({ deadline: probeDeadline }, (session) => session.first(anything, [])))

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

  const database = service({
    name: 'database',
    async start() {
      await storage.open()
      try {
        // Of several processes that start at once, one makes and fills the database.
        await migrator.exclusively(prepare)
      } catch (error) {
        await storage.close()
        throw error
      }
    },
    stop: () => storage.close(),
  })
  const upkeep = createUpkeep({ storage, queries, schema, now, idempotency, log })
  return {
    host: createHttpHost({ units, idempotency, identity, identify: options.auth?.identify }),
    units,
    identity,
    idempotency,
    storage,
    services: [database, upkeep],
  }
}

/** Answered by the database itself, whatever its tables are. */
const anything = { sql: 'select 1 as one', reach: 'bounded' } as const

// Below the time that a probe waits for all its checks.
const probeDeadline = 500
