import { type Definition, Identity, Tokens } from '../access/index.ts'
import { ExactCache, hasCached } from '../cache/index.ts'
import { Idempotency, Units } from '../commit/index.ts'
import { type Effect, neededAfter } from '../effects/index.ts'
import type { HttpHost } from '../http/index.ts'
import { databaseParts, Queries, type Storage } from '../storage/index.ts'
import type { RunContext } from './app-run.ts'
import { type ComposedEffects, composeEffects } from './compose-effects.ts'
import { databaseService, warnOfModels } from './database-service.ts'
import { createHttpHost } from './http-host.ts'
import { programs } from './program-registry.ts'
import type { Service } from './service.ts'
import { storageReports } from './storage-diagnostics.ts'
import { createUpkeep } from './upkeep.ts'

export interface ComposedData {
  host: HttpHost<any>
  units: Units
  /** Absent in an app without users. */
  identity: Identity | undefined
  idempotency: Idempotency
  /** Absent where nothing is kept. */
  cache: ExactCache | undefined
  storage: Storage
  effects: ComposedEffects
  /** In the order in which they start. */
  services: Service[]
}

// One day: long enough that nobody signs in twice on a working day, short enough that a lost token is of little use.
const tokenLifetime = 24 * 60 * 60

/** Everything that an app with models has: database, units of work, identity. */
export function composeData(context: RunContext, definition: Definition, effects: readonly Effect[]): ComposedData {
  const { options, config, log, diagnostics, health, now } = context
  const { schema, policies, hooks, user } = definition
  const { storage, migrator } = databaseParts(config.database, {
    mode: config.mode === 'production' ? 'production' : 'development',
    clock: { now },
    ...storageReports(diagnostics, log),
    turns: programs().supervised?.turns,
    // In no public type: the fault campaign must see it lose what was acknowledged.
    ...('testing' in options && { testing: options.testing }),
  })
  const queries = new Queries(storage.dialect, schema, { now })
  const guardFor = (acting: object | null) => policies.guard(schema, acting)
  const cache =
    config.cache > 0 ? new ExactCache({ storage, schema, capacity: config.cache, now, isUsed: hasCached() }) : undefined
  const units = new Units({ storage, queries, schema, hooks, guardFor, keeper: cache })
  const idempotency = new Idempotency(storage, queries, { now })
  const tokens = new Tokens({
    secret: config.secret.value,
    issuer: options.name ?? 'app',
    lifetime: options.auth?.lifetime ?? tokenLifetime,
    now,
  })
  const identity = user && new Identity({ storage, queries, tokens, user, schemes: options.auth?.schemes })
  policies.check(schema)
  warnOfModels(context, definition)
  health.check('database', () => storage.read({ deadline: probeDeadline }, (session) => session.first(anything, [])))

  const database = databaseService(context, definition, { storage, migrator, queries, units, cache })
  const following = composeEffects(
    {
      storage,
      queries,
      units,
      schema,
      now,
      log,
      diagnostics,
      runsJobs: config.jobs === 'on',
      drain: config.drain,
      ...('testing' in options && leaseOf(options.testing)),
    },
    effects,
  )
  const upkeep = createUpkeep({
    storage,
    queries,
    schema,
    now,
    idempotency,
    log,
    neededAfter: () => neededAfter(storage, now()),
  })
  return {
    host: createHttpHost({
      units,
      idempotency,
      identity,
      identify: options.auth?.identify,
      keeping: cache && { cache, guardFor, userModel: user },
    }),
    cache,
    units,
    identity,
    idempotency,
    storage,
    effects: following,
    services: [database, upkeep, ...following.services],
  }
}

function leaseOf(testing: unknown): { lease?: number | undefined } {
  return { lease: (testing as { lease?: number } | undefined)?.lease }
}

/** Answered by the database itself, whatever its tables are. */
const anything = { sql: 'select 1 as one', reach: 'bounded' } as const

// Below the time that a probe waits for all its checks.
const probeDeadline = 500
