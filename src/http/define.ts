import { Definition, type PolicyRules } from '../access/index.ts'
import { type CachedOptions, createCached } from '../cache/index.ts'
import type { Db, ModelHooks } from '../commit/index.ts'
import {
  createJob,
  createSchedule,
  createSubscriber,
  createWebhooks,
  type EffectTools,
  type EventType,
  effectRecords,
  type HandlerSchedule,
  type Job,
  type JobOptions,
  type JobSchedule,
  type Schedule,
  type Subscriber,
  type SubscriberOptions,
  type WebhookOptions,
  type Webhooks,
} from '../effects/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import type { AnyModel, Models, Row, StandardSchemaV1 } from '../schema/index.ts'
import { createEndpoint, type EndpointFunction } from './endpoint.ts'
import type { Context } from './endpoint-types.ts'
import { type Group, type GroupOptions, group } from './group.ts'
import { createResource, type Resource, type ResourceOptions } from './resource.ts'

/** What handlers are given beside the request. */
export interface HandlerTools<Ms, U> extends EffectTools {
  /** The data, as the user of the request may see and change it. */
  db: Db<Ms, U>
  auth: Auth<U>
}

export interface Auth<U> {
  /** A new access token for this user, to be sent as `Authorization: Bearer <token>`. */
  issue(user: Row<U>): string
}

/** What is declared with the models of one app in sight. */
export interface Defined<Ms extends Models, U> {
  /** Says who may do what with the rows of a model. A model without a policy refuses everything. */
  policy<M extends Ms[keyof Ms]>(model: M, rules: PolicyRules<Ms, M, U>): void
  /** What runs before and after each write of a model. */
  hook<M extends Ms[keyof Ms]>(model: M, hooks: ModelHooks<Ms, M, U>): void
  endpoint: EndpointFunction<HandlerTools<Ms, U>, UserRow<U>>
  /** Routes that share a path, middleware, hooks and manners. */
  group(options: GroupOptions<GroupContext<Ms, U>>): Group
  /** Serves a model over HTTP, as far as its policy grants: list, read, create, replace, patch, delete. */
  resource<M extends Ms[keyof Ms], C extends object = object>(model: M, options: ResourceOptions<Ms, M, C>): Resource
  /** Work that is done after a commit: `enqueue` lets it run. */
  job<S extends StandardSchemaV1, P = undefined>(name: string, options: JobOptions<Ms, U, S, P>): Job<S>
  /**
   * A function whose result is kept until what it has read through `db` changes: for the same arguments, and for who may see
   * the same. Its name is for people. What it takes from elsewhere, such as the time, must not matter.
   */
  cached<A extends readonly unknown[], R>(
    name: string,
    compute: (db: Db<Ms, U>, ...args: A) => Promise<R>,
    options?: CachedOptions,
  ): (db: Db<Ms, U>, ...args: A) => Promise<R>
  /**
   * What is done when something has happened: once that is on disk, in the order of the log.
   *
   *     on(Published, { name: 'feed', handle: ({ data, db }) => db.insert(FeedItem, { article: data.article }) })
   */
  on<E extends EventType<any>, P = undefined>(event: E, options: SubscriberOptions<Ms, U, E, P>): Subscriber<E>
  /**
   * What runs at times, once however many processes there are: a function, or a job.
   *
   *     schedule('digest', { cron: '0 7 * * *', timezone: 'Europe/Paris', run: sendDigest, input: {} })
   *     schedule('tidy', { every: '15m', run: ({ db }) => db.delete(Draft, { where: … }) })
   */
  schedule: ScheduleFunction<Ms, U>
  /**
   * Sends events to the addresses that users give: signed, in order, tried again for days.
   *
   *     export const hooks = webhooks({ events: [Paid, Sent] })
   */
  webhooks(options: WebhookOptions): Webhooks
}

export interface ScheduleFunction<Ms, U> {
  (name: string, options: HandlerSchedule<Ms, U>): Schedule
  <S extends StandardSchemaV1>(name: string, options: JobSchedule<S>): Schedule
}

/** What hooks of a group are given: any of its routes. */
type GroupContext<Ms, U> = Context<HandlerTools<Ms, U>, UserRow<U> | null, unknown, unknown, unknown>

/** Null in an app without a user model, where nobody is ever identified. */
type UserRow<U> = [U] extends [never] ? null : Row<U>

/**
 * Fixes the models of an app and who its user is; everything that needs `db` or `user` is declared with what it
 * returns.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function define<const Ms extends Models, U extends AnyModel = never>(options: {
  models: Ms
  user?: U
}): Defined<Ms, U> {
  checkOptions('define()', options, { models: true, user: true })
  if (typeof options.models !== 'object' || options.models === null)
    throw new MonoblocError('definition_invalid', { detail: 'define(): models is an object of models.' })
  const definition = new Definition(options.models, options.user, effectRecords)
  const typed = createEndpoint<HandlerTools<Ms, U>, UserRow<U>>()
  return {
    policy: (model, rules) => definition.policy(model, rules),
    hook: (model, hooks) => definition.hook(model, hooks),
    group,
    resource: (model, options) => createResource(definition, model, options),
    job: (name, options) => createJob(definition, name, options),
    schedule: (name: string, options: HandlerSchedule<any, any> | JobSchedule<any>) =>
      createSchedule(definition, name, options),
    cached: (name, compute, options) => createCached(name, compute, options),
    on: (event, options) => createSubscriber(definition, event, options),
    webhooks: (options) => createWebhooks(definition, options),
    endpoint: ((route: never, endpoint: never) => ({ ...typed(route, endpoint), definition })) as never,
  }
}
