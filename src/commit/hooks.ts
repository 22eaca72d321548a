import { MonoblocError } from '../errors.ts'
import type { AnyModel, Insert, Key, Patch, Row } from '../schema/index.ts'
import type { Db } from './db-types.ts'

interface HookContext<Ms, U> {
  /** Acts as whoever makes the change; `db.asSystem()` acts as the system. */
  db: Db<Ms, U>
}

/**
 * What runs before and after each write of a model, in its transaction: what it throws undoes the write and all that
 * its hooks did. A `before` hook may return what is to be written instead, read-only fields included. Rows that the
 * database deletes along with others (`onDelete('cascade')`), and raw SQL, run no hooks; the log has both.
 */
export interface ModelHooks<Ms, M, U> {
  beforeInsert?: (context: HookContext<Ms, U> & { input: Insert<M> }) => Insert<M> | void | Promise<Insert<M> | void>
  afterInsert?: (context: HookContext<Ms, U> & { row: Row<M> }) => void | Promise<void>
  beforeUpdate?: (
    context: HookContext<Ms, U> & { key: Key<M>; patch: Patch<M> },
  ) => Patch<M> | void | Promise<Patch<M> | void>
  afterUpdate?: (context: HookContext<Ms, U> & { row: Row<M> }) => void | Promise<void>
  beforeDelete?: (context: HookContext<Ms, U> & { key: Key<M> }) => void | Promise<void>
  afterDelete?: (context: HookContext<Ms, U> & { row: Row<M> }) => void | Promise<void>
}

export type AnyHooks = ModelHooks<any, any, any>

const names: readonly string[] = [
  'beforeInsert',
  'afterInsert',
  'beforeUpdate',
  'afterUpdate',
  'beforeDelete',
  'afterDelete',
]

/** The hooks of one definition, in the order in which they were declared. */
export class Hooks {
  readonly #byModel = new Map<AnyModel, AnyHooks[]>()

  add(model: AnyModel, hooks: AnyHooks): void {
    for (const name of Object.keys(hooks)) {
      if (!names.includes(name))
        throw new MonoblocError('definition_invalid', {
          subject: model.name,
          detail: `Hooks are ${names.join(', ')}; not ${name}.`,
        })
    }
    this.#byModel.set(model, [...(this.#byModel.get(model) ?? []), hooks])
  }

  of(model: AnyModel, name: keyof AnyHooks): ((context: any) => unknown)[] {
    const found = this.#byModel.get(model)
    return found ? found.flatMap((hooks) => (hooks[name] ? [hooks[name]] : [])) : none
  }
}

const none: never[] = []
