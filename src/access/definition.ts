import { type AnyHooks, Hooks, IdempotencyRecord } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { type AnyModel, checkSchema, type Models, Schema } from '../schema/index.ts'
import { Policies } from './policy.ts'

/**
 * What `define` fixes, and what policies and hooks add to it: the models of an app, who its user is, who may what.
 * It holds no connection and can be made anywhere.
 */
export class Definition {
  readonly schema: Schema
  readonly user: AnyModel | undefined
  readonly policies: Policies
  readonly hooks = new Hooks()
  /** What Monobloc keeps for itself beside the app's models. */
  readonly records: ReadonlySet<AnyModel>

  /** @throws MonoblocError `definition_invalid` */
  constructor(models: Models, user: AnyModel | undefined, records: readonly AnyModel[] = []) {
    this.records = new Set([IdempotencyRecord, ...records])
    this.schema = new Schema(Object.values(models), this.records)
    checkSchema(this.schema)
    this.user = user
    this.policies = new Policies(user !== undefined)
    if (!user) return
    this.schema.relations(user)
    if (user.key.length !== 1)
      throw new MonoblocError('definition_invalid', {
        subject: user.name,
        detail: 'The user model needs a key of one field.',
      })
  }

  policy(model: AnyModel, rules: object): void {
    this.schema.relations(model)
    this.policies.set(model, rules)
  }

  hook(model: AnyModel, hooks: AnyHooks): void {
    this.schema.relations(model)
    this.hooks.add(model, hooks)
  }
}
