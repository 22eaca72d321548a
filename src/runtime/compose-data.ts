import path from 'node:path'
import { type Definition, Identity, Tokens } from '../access/index.ts'
import { Idempotency, IdempotencyRecord, Units } from '../commit/index.ts'
import type { HttpHost } from '../http/index.ts'
import { createSqliteStorage, Queries, type Storage } from '../storage/index.ts'
import type { RunContext } from './app-run.ts'
import { createHttpHost } from './http-host.ts'
import { checkSchema } from './schema-check.ts'
import { type Service, service } from './service.ts'
import { storageReports } from './storage-diagnostics.ts'
import { createUpkeep } from './upkeep.ts'

export interface ComposedData {
  host: HttpHost<any>
  units: Units
  idempotency: Idempotency
  storage: Storage
  /** In the order in which they start. */
  services: Service[]
}

// One day: long enough that nobody signs in twice on a working day, short enough that a lost token is of little use.
const tokenLifetime = 24 * 60 * 60

/** Everything that an app with models has: database, units of work, identity. */
export function composeData(context: RunContext, definition: Definition): ComposedData {
  const { options, config, log, diagnostics, health } = context
  const { schema, policies, hooks, user } = definition
  const storage = createSqliteStorage({
    file: path.resolve(config.database.file),
    mode: config.mode === 'production' ? 'production' : 'development',
    ...storageReports(diagnostics, log),
    // In no public type: the fault campaign must see it lose what was acknowledged.
    ...('testing' in options && { testing: options.testing }),
  })
  const queries = new Queries(storage.dialect, schema)
  const units = new Units({ storage, queries, schema, hooks, guardFor: (acting) => policies.guard(schema, acting) })
  const idempotency = new Idempotency(storage, queries)
  const tokens = new Tokens({
    secret: config.secret.value,
    issuer: options.name ?? 'app',
    lifetime: options.auth?.lifetime ?? tokenLifetime,
  })
  const identity = user && new Identity({ storage, queries, tokens, user, schemes: options.auth?.schemes })
  policies.check(schema)
  const silent = [...schema.models.values()].filter((model) => model !== IdempotencyRecord && !policies.has(model))
  if (config.mode === 'development' && silent.length > 0) {
    log.warn(
      `no policy grants anything of ${silent.map(({ name }) => name).join(', ')}: users are refused everything there`,
    )
  }
  health.check('database', () => storage.read({ deadline: probeDeadline }, (session) => session.first(anything, [])))

  async function prepare(): Promise<void> {
    const { fresh, applied } = await checkSchema(storage, schema, config.mode)
    if (applied.length > 0) log.info('the database was made to match the models', { changes: applied })
    if (!fresh || !options.seed) return
    log.info('filling the new database')
    await options.seed(units.loose('system', { readOnly: false, deadline: seedDeadline }) as never)
  }

  const database = service({
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
    stop: () => storage.close(),
  })
  const upkeep = createUpkeep({ storage, idempotency, log })
  return {
    host: createHttpHost({ units, idempotency, identity }),
    units,
    idempotency,
    storage,
    services: [database, upkeep],
  }
}

// A seed fills a whole database, once.
const seedDeadline = 10 * 60 * 1000

/** Answered by the database itself, whatever its tables are. */
const anything = { sql: 'select 1 as one', reach: 'bounded' } as const

// Below the time that a probe waits for all its checks.
const probeDeadline = 500
