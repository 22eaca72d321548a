import { Units } from '../commit/index.ts'
import {
  createJobs,
  createSchedules,
  createSubscribers,
  type Effect,
  type Job,
  type Jobs,
  type Schedule,
  type Schedules,
  type Subscriber,
  type Subscribers,
  type WebhookControl,
  type Webhooks,
  webhookControl,
} from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import { databaseExists, databaseParts, placeOf, Queries, type Storage } from '../storage/index.ts'
import { optionsOf } from './backend.ts'
import type { Backend, StartOptions } from './backend-types.ts'
import { allServed } from './served.ts'

/** What follows changes in an app, for commands: it works on the database, whether the app runs or not. */
export interface AppEffects {
  storage: Storage
  queries: Queries
  units: Units
  schema: Schema
  effects: readonly Effect[]
  jobs: Jobs
  schedules: Schedules
  subscribers: Subscribers
  /** Absent in an app that serves none. */
  webhooks: WebhookControl | undefined
  now: () => number
}

/**
 * Opens the database of an app for the time of some work. The app does not start, and nothing of it runs here.
 *
 * @throws MonoblocError `configuration_invalid`, `app_invalid` for an app without models
 */
export async function withAppEffects<T>(
  app: Backend,
  { folder, environment, now = Date.now }: Pick<StartOptions, 'folder' | 'environment' | 'now'>,
  work: (open: AppEffects) => Promise<T>,
): Promise<T> {
  const { config, definition } = app.inspect({ folder, environment })
  if (config instanceof Error) throw config
  if (!definition) throw new MonoblocError('app_invalid', { detail: `${app.name} has no models, and so no database.` })
  const missing = (detail: string) => new MonoblocError('configuration_invalid', { detail })
  if (!databaseExists(config.database))
    throw missing(`There is no database at ${placeOf(config.database)}: start the app first.`)
  const { schema, hooks, policies } = definition
  const { storage } = databaseParts(config.database, { clock: { now } })
  await storage.open()
  try {
    const lacks = (await storage.compare(schema)).some(({ own }) => own)
    if (lacks) throw missing('The database has not been served by this version of Monobloc yet: start the app first.')
    const queries = new Queries(storage.dialect, schema, { now })
    const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
    const { effects } = allServed(optionsOf(app).serve)
    const jobs = effects.filter((effect) => effect.kind === 'job') as Job[]
    const scheduled = effects.filter((effect) => effect.kind === 'schedule') as Schedule[]
    const schedules = createSchedules({ storage, units, schedules: scheduled, now })
    const subscribed = effects.filter((effect) => effect.kind === 'subscriber') as Subscriber[]
    const subscribers = createSubscribers({ storage, subscribers: subscribed, now })
    const webhooks = effects.find((effect) => effect.kind === 'webhooks') as Webhooks | undefined
    return await work({
      storage,
      queries,
      units,
      schema,
      effects,
      jobs: createJobs({ storage, queries, jobs, now }),
      schedules,
      subscribers,
      webhooks: webhooks && webhookControl(webhooks, storage, now),
      now,
    })
  } finally {
    await storage.close()
  }
}
