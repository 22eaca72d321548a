import { Definition, type PolicyRules } from '../access/index.ts'
import type { Db, ModelHooks } from '../commit/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import type { AnyModel, Models, Row } from '../schema/index.ts'
import { createEndpoint, type EndpointFunction } from './endpoint.ts'
import type { Context } from './endpoint-types.ts'
import { type Group, type GroupOptions, group } from './group.ts'
import { createResource, type Resource, type ResourceOptions } from './resource.ts'

/** What handlers are given beside the request. */
export interface HandlerTools<Ms, U> {
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
  const definition = new Definition(options.models, options.user)
  const typed = createEndpoint<HandlerTools<Ms, U>, UserRow<U>>()
  return {
    policy: (model, rules) => definition.policy(model, rules),
    hook: (model, hooks) => definition.hook(model, hooks),
    group,
    resource: (model, options) => createResource(definition, model, options),
    endpoint: ((route: never, endpoint: never) => ({ ...typed(route, endpoint), definition })) as never,
  }
}
