import path from 'node:path'
import { type Definition, Identity, Tokens } from '../access/index.ts'
import { Idempotency, Units } from '../commit/index.ts'
import type { HttpHost } from '../http/index.ts'
import { createSqliteStorage, Queries, type Storage } from '../storage/index.ts'
import type { RunContext } from './app-run.ts'
import { createHttpHost } from './http-host.ts'
import { checkSchema } from './schema-check.ts'
import { type Service, service } from './service.ts'
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
  const { options, config, log, health } = context
  const { schema, policies, hooks, user } = definition
  const storage = createSqliteStorage({
    file: path.resolve(config.database.file),
    mode: config.mode === 'production' ? 'production' : 'development',
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
  health.check('database', () => storage.position())

  const database = service({
    name: 'database',
    async start() {
      await storage.open()
      const { fresh, applied } = await checkSchema(storage, schema, config.mode)
      for (const change of applied) log.info(`schema: ${change}`)
      if (fresh && options.seed)
        await options.seed(units.loose('system', { readOnly: false, deadline: seedDeadline }) as never)
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
