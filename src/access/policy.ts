import type { Action, Guard } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import {
  type AnyModel,
  anyOf,
  type Condition,
  everything,
  type Filter,
  isPlainObject,
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
  readonly #hasUsers: boolean
  #nobody = new WeakMap<Schema, Guard>()

  /** @param hasUsers whether anybody can ever be identified */
  constructor(hasUsers = true) {
    this.#hasUsers = hasUsers
  }

  /** @throws MonoblocError `definition_invalid` when the model has a policy already, or a rule is not one */
  set(model: AnyModel, rules: AnyRules): void {
    if (this.#rules.has(model)) throw invalid(model, `${model.name} has two policies.`)
    const { anyone, ...own } = rules
    for (const [name, rule] of Object.entries(own)) {
      if (!isAction(name)) throw invalid(model, `A policy says anyone, ${actions.join(', ')}; not ${name}.`)
      if (typeof rule !== 'function') checkRule(model, name, rule)
    }
    if (anyone !== undefined && !isPlainObject(anyone)) throw invalid(model, 'anyone is an object of rules.')
    for (const [name, rule] of Object.entries(anyone ?? {})) {
      if (!isAction(name)) throw invalid(model, `anyone says ${actions.join(', ')}; not ${name}.`)
      checkRule(model, `anyone.${name}`, rule)
    }
    this.#rules.set(model, rules)
    this.#nobody = new WeakMap()
  }

  /** Whether anything has been said of a model. */
  has(model: AnyModel): boolean {
    return this.#rules.has(model)
  }

  /** Reads every rule that does not depend on a user, so that a wrong one shows at start. */
  check(schema: Schema): void {
    for (const [model, rules] of this.#rules) {
      schema.relations(model)
      for (const action of actions) {
        this.#fixed(schema, model, `anyone ${action}`, rules.anyone?.[action])
        const own = rules[action]
        if (typeof own !== 'function') this.#fixed(schema, model, action, own)
      }
    }
  }

  /** What this user (null: nobody) may do, for as long as one unit of work. */
  guard(schema: Schema, user: object | null): Guard {
    if (user !== null) return this.#guardOf(schema, user)
    // What nobody may do depends on nothing, so that its answers are kept.
    let nobody = this.#nobody.get(schema)
    if (!nobody) {
      nobody = this.#guardOf(schema, null)
      this.#nobody.set(schema, nobody)
    }
    return nobody
  }

  #guardOf(schema: Schema, user: object | null): Guard {
    const known: { [action in Action]?: Map<AnyModel, Condition> } = {}
    return {
      anonymous: user === null && this.#hasUsers,
      isOpen: (model) => {
        const rules = this.#rules.get(model)
        return this.#fixed(schema, model, 'anyone read', rules?.anyone?.read) === everything
      },
      rule: (model, action) => {
        const conditions = (known[action] ??= new Map())
        let found = conditions.get(model)
        if (!found) {
          found = this.#rule(schema, model, action, user)
          conditions.set(model, found)
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

function isAction(name: string): boolean {
  return (actions as readonly string[]).includes(name)
}

/** Undefined grants nothing: a rule that was left out, or put together from parts that are not there. */
function checkRule(model: AnyModel, name: string, rule: unknown): void {
  if (rule === undefined || typeof rule === 'boolean' || isPlainObject(rule)) return
  const given =
    typeof rule === 'function' && name.startsWith('anyone') ? 'a function, but there is no user' : String(rule)
  throw invalid(model, `The rule ${name} of ${model.name} is ${given}: it must be true, false or a filter.`)
}

function conditionOf(schema: Schema, model: AnyModel, rule: unknown): Condition {
  if (typeof rule === 'boolean') return rule ? everything : nothing
  if (!isPlainObject(rule)) {
    throw invalid(
      model,
      `A rule of the policy of ${model.name} gave ${String(rule)}: it must be true, false or a filter.`,
    )
  }
  try {
    return parseFilter(schema, model, rule, { secret: true })
  } catch (cause) {
    // What is wrong with a rule is no mistake of whoever asks.
    if (!(cause instanceof MonoblocError) || cause.code !== 'invalid_filter') throw cause
    const [first] = cause.violations
    throw invalid(model, `A rule of the policy of ${model.name} at ${first?.path.join('.')} ${first?.message}.`, cause)
  }
}

function invalid(model: AnyModel, detail: string, cause?: unknown): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail, cause })
}
