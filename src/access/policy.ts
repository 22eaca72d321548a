import type { Action, Guard } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import {
  type AnyModel,
  anyOf,
  type Condition,
  everything,
  type Filter,
  nothing,
  parseFilter,
  type Row,
  type Schema,
} from '../schema/index.ts'

/** True: all rows. False: none. A filter: the rows that match it. */
export type Rule<Ms, M> = boolean | Filter<Ms, M>

/** What is granted without an identity. */
export interface AnyoneRules<Ms, M> {
  read?: Rule<Ms, M>
  create?: Rule<Ms, M>
  update?: Rule<Ms, M>
  delete?: Rule<Ms, M>
}

type UserRule<Ms, M, U> = Rule<Ms, M> | ((context: { user: Row<U> }) => Rule<Ms, M>)

/**
 * Who may do what with the rows of one model; what is not granted is refused. `update` and `create` hold for the row
 * as it becomes, too: nobody can write a row that is not theirs, or give one away.
 */
export interface PolicyRules<Ms, M, U> {
  /** Granted to everyone, with or without an identity. */
  anyone?: AnyoneRules<Ms, M>
  read?: UserRule<Ms, M, U>
  create?: UserRule<Ms, M, U>
  update?: UserRule<Ms, M, U>
  delete?: UserRule<Ms, M, U>
}

const actions: readonly Action[] = ['read', 'create', 'update', 'delete']

type AnyRules = PolicyRules<any, any, any>

/** The policies of one definition. */
export class Policies {
  readonly #rules = new Map<AnyModel, AnyRules>()
  readonly #constant = new Map<string, Condition>()

  /** @throws MonoblocError `definition_invalid` when the model has a policy already, or a rule is not one */
  set(model: AnyModel, rules: AnyRules): void {
    if (this.#rules.has(model)) throw invalid(model, `${model.name} has two policies.`)
    for (const key of Object.keys(rules)) {
      if (key !== 'anyone' && !actions.includes(key as Action))
        throw invalid(model, `A policy says anyone, ${actions.join(', ')}; not ${key}.`)
    }
    for (const key of Object.keys(rules.anyone ?? {})) {
      if (!actions.includes(key as Action)) throw invalid(model, `anyone says ${actions.join(', ')}; not ${key}.`)
    }
    this.#rules.set(model, rules)
  }

  /** Parses every rule that does not depend on a user, so that a wrong one shows at start. */
  check(schema: Schema): void {
    for (const model of this.#rules.keys()) {
      schema.relations(model)
      const guard = this.guard(schema, null)
      for (const action of actions) guard.rule(model, action)
    }
  }

  /** What this user (null: nobody) may do, for as long as one unit of work. */
  guard(schema: Schema, user: object | null): Guard {
    const known = new Map<string, Condition>()
    return {
      anonymous: user === null,
      rule: (model, action) => {
        const id = `${action} ${model.name}`
        let found = known.get(id)
        if (!found) {
          found = this.#rule(schema, model, action, user)
          known.set(id, found)
        }
        return found
      },
    }
  }

  #rule(schema: Schema, model: AnyModel, action: Action, user: object | null): Condition {
    const rules = this.#rules.get(model)
    if (!rules) return nothing
    const open = this.#fixed(schema, model, `anyone ${action}`, rules.anyone?.[action])
    const own = rules[action]
    if (user === null || own === undefined || open === everything) return open
    const granted =
      typeof own === 'function'
        ? conditionOf(schema, model, own({ user: user as never }))
        : this.#fixed(schema, model, action, own)
    return anyOf([open, granted])
  }

  #fixed(schema: Schema, model: AnyModel, name: string, rule: Rule<any, any> | undefined): Condition {
    const id = `${model.name} ${name}`
    let found = this.#constant.get(id)
    if (!found) {
      found = conditionOf(schema, model, rule ?? false)
      this.#constant.set(id, found)
    }
    return found
  }
}

function conditionOf(schema: Schema, model: AnyModel, rule: unknown): Condition {
  if (typeof rule === 'boolean') return rule ? everything : nothing
  if (typeof rule !== 'object' || rule === null) {
    throw invalid(
      model,
      `A rule of the policy of ${model.name} gave ${String(rule)}: it must be true, false or a filter.`,
    )
  }
  return parseFilter(schema, model, rule, { secret: true })
}

function invalid(model: AnyModel, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail })
}
