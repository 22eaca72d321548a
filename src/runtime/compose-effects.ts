import { randomUUID } from 'node:crypto'
import type { Units } from '../commit/index.ts'
import {
  type Consumer,
  ConsumerHost,
  consumersOf,
  createJobs,
  createSchedules,
  createSubscribers,
  createWebhookParts,
  type Effect,
  type Job,
  JobRunner,
  type Jobs,
  listenToEvents,
  type Schedule,
  ScheduleRunner,
  type Schedules,
  type Subscriber,
  type Subscribers,
  type WebhookControl,
  type Webhooks,
} from '../effects/index.ts'
import type { Diagnostics, Logger } from '../observe/index.ts'
import type { Schema } from '../schema/index.ts'
import type { Queries, Storage } from '../storage/index.ts'
import { type Service, service } from './service.ts'

export interface EffectsContext {
  storage: Storage
  queries: Queries
  units: Units
  schema: Schema
  now: () => number
  log: Logger
  diagnostics: Diagnostics
  /** Milliseconds until others take over what a process that died had. In no public type: campaigns of faults have no time. */
  lease?: number | undefined
  /** Whether jobs run in this process. Default: they do. */
  runsJobs?: boolean
  /** Milliseconds that jobs under way get to end when it stops. */
  drain?: number
}

/** A part that looks by itself what there is to do, and can be told to look now: how tests get along with their clock. */
export interface Follower {
  wake(): Promise<void>
  /** Nothing is due, and nothing is under way. */
  isIdle(): boolean | Promise<boolean>
}

export interface ComposedEffects {
  /** What follows the log while the app runs, in the order in which it starts. */
  services: Service[]
  followers: Follower[]
  jobs: Jobs
  schedules: Schedules
  subscribers: Subscribers
  /** Absent in an app that serves none. */
  webhooks: WebhookControl | undefined
}

/** Puts together what follows a change: subscribers, jobs, schedules, webhooks. */
export function composeEffects(context: EffectsContext, effects: readonly Effect[]): ComposedEffects {
  const scheduled = effects.filter((effect) => effect.kind === 'schedule') as Schedule[]
  const jobs = effects.filter((effect) => effect.kind === 'job') as Job[]
  const services: Service[] = []
  const followers: Follower[] = []
  if (jobs.length > 0 && context.runsJobs !== false) {
    const runner = new JobRunner(jobs, context)
    services.push(service({ name: 'jobs', start: () => runner.start(), stop: () => runner.stop() }))
    followers.push(runner)
  }
  if (scheduled.length > 0) {
    const runner = new ScheduleRunner({ ...context, schedules: scheduled })
    services.push(service({ name: 'schedules', start: () => runner.start(), stop: () => runner.stop() }))
    followers.push(runner)
  }
  const subscribers = effects.filter((effect) => effect.kind === 'subscriber') as Subscriber[]
  listenToEvents(context.queries, subscribers, context)
  const owner = randomUUID()
  const webhooks = effects.find((effect) => effect.kind === 'webhooks') as Webhooks | undefined
  const hooked = webhooks && createWebhookParts(webhooks, { ...context, owner })
  const consumers: Consumer[] = [...consumersOf(subscribers, context), ...(hooked ? [hooked.consumer] : [])]
  const host = consumers.length > 0 ? new ConsumerHost({ ...context, owner }, consumers) : undefined
  if (host) followers.push(host)
  if (host) services.push(service({ name: 'consumers', start: () => host.start(), stop: () => host.stop() }))
  if (hooked) {
    const { runner } = hooked
    followers.push(runner)
    services.push(service({ name: 'webhooks', start: () => runner.start(), stop: () => runner.stop() }))
  }
  return {
    services,
    followers,
    jobs: createJobs({ ...context, jobs }),
    schedules: createSchedules({ ...context, schedules: scheduled }),
    subscribers: createSubscribers({ ...context, subscribers, host }),
    webhooks: hooked?.control,
  }
}
