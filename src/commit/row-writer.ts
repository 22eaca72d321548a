import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import { type AnyModel, type Condition, compileMatcher, type Field, reachOf } from '../schema/index.ts'
import type { AnyRow, Queries, Session } from '../storage/index.ts'
import type { Action, Guard } from './guard.ts'
import type { AnyHooks, Hooks } from './hooks.ts'
import { both, missing, RowReader } from './rows.ts'
import { validated } from './rows-input.ts'

export interface Change {
  version?: number
}

// One call changes at most so many rows one by one: with hooks, or under a policy that depends on the row.
const mostOneByOne = 10_000

/**
 * Reads and writes of one unit of work, as somebody may make them. Each write checks what is given, asks the policy
 * about the row before and after, and runs the hooks; what any of them throws undoes that write.
 */
export class RowWriter extends RowReader {
  readonly #hooks: Hooks
  /** The db that hooks get: this writer, as users see it. */
  readonly #db: () => unknown

  constructor(
    session: Session,
    queries: Queries,
    schema: Schema,
    guard: Guard | undefined,
    hooks: Hooks,
    db: () => unknown,
  ) {
    super(session, queries, schema, guard)
    this.#hooks = hooks
    this.#db = db
  }

  async insert(model: AnyModel, input: unknown): Promise<AnyRow> {
    const rule = this.may(model, 'create')
    const values = validated(model, 'insert', input, this.guard !== undefined)
    return this.#inserted(model, rule, values)
  }

  async insertMany(model: AnyModel, inputs: readonly unknown[]): Promise<AnyRow[]> {
    const rule = this.may(model, 'create')
    const all = inputs.map((input, at) => validated(model, 'insert', input, this.guard !== undefined, [at]))
    const plain = !rule && !this.#has(model, 'beforeInsert', 'afterInsert')
    return this.session.savepoint(async () => {
      if (plain) {
        for (const values of all) await this.#checkReferences(model, values)
        return this.queries.insertMany(this.session, model, all)
      }
      const rows: AnyRow[] = []
      for (const values of all) rows.push(await this.#inserted(model, rule, values))
      return rows
    })
  }

  async update(model: AnyModel, key: unknown, patch: unknown, options: Change = {}): Promise<AnyRow> {
    const rule = this.may(model, 'update')
    const values = validated(model, 'patch', patch, this.guard !== undefined)
    return this.#updated(model, rule, key, values, options)
  }

  /** @returns how many rows were changed */
  async updateMany(model: AnyModel, filter: unknown, patch: unknown): Promise<number> {
    const rule = this.may(model, 'update')
    const values = validated(model, 'patch', patch, this.guard !== undefined)
    const where = both(rule, this.condition(model, filter))
    if (!rule && !this.#has(model, 'beforeUpdate', 'afterUpdate')) {
      await this.#checkReferences(model, values)
      return this.queries.updateMany(this.session, model, where, values)
    }
    return this.#oneByOne(model, where, (key) => this.#updated(model, rule, key, values, {}))
  }

  async delete(model: AnyModel, key: unknown, options: Change = {}): Promise<AnyRow> {
    return this.#deleted(model, this.may(model, 'delete'), key, options)
  }

  /** @returns how many rows were deleted */
  async deleteMany(model: AnyModel, filter: unknown): Promise<number> {
    const rule = this.may(model, 'delete')
    const where = both(rule, this.condition(model, filter))
    if (!this.#has(model, 'beforeDelete', 'afterDelete')) return this.queries.deleteMany(this.session, model, where)
    return this.#oneByOne(model, where, (key) => this.#deleted(model, rule, key, {}))
  }

  /** Find, then insert or update: in a serializable transaction nobody comes between. */
  async upsert(
    model: AnyModel,
    options: { match: readonly string[]; insert: AnyRow; update?: AnyRow },
  ): Promise<AnyRow> {
    if (options.match.length === 0)
      throw new MonoblocError('definition_invalid', { subject: model.name, detail: 'upsert needs fields to match.' })
    const where = Object.fromEntries(options.match.map((name) => [name, options.insert[name]]))
    const found = await this.queries.first(this.session, model, { where: this.condition(model, where) })
    if (!found) return this.insert(model, options.insert)
    return options.update ? this.update(model, keyOf(model, found), options.update) : found
  }

  async #inserted(model: AnyModel, rule: Condition | undefined, given: AnyRow): Promise<AnyRow> {
    let values = given
    for (const hook of this.#hooks.of(model, 'beforeInsert')) {
      values = ((await hook({ db: this.#db(), input: values })) as AnyRow | undefined) ?? values
    }
    if (values !== given) values = validated(model, 'insert', values, false)
    await this.#checkReferences(model, values)
    return this.#guarded(model, rule, 'create', 'afterInsert', () => this.queries.insert(this.session, model, values))
  }

  async #updated(
    model: AnyModel,
    rule: Condition | undefined,
    key: unknown,
    given: AnyRow,
    options: Change,
  ): Promise<AnyRow> {
    let values = given
    for (const hook of this.#hooks.of(model, 'beforeUpdate')) {
      values = ((await hook({ db: this.#db(), key, patch: values })) as AnyRow | undefined) ?? values
    }
    if (values !== given) values = validated(model, 'patch', values, false)
    await this.#checkReferences(model, values)
    const restrict = rule && { restrict: () => rule }
    return this.#guarded(model, rule, 'update', 'afterUpdate', async () => {
      const row = await this.queries.update(this.session, model, key, values, { ...options, ...restrict })
      return row ?? (await this.#refused(model, rule, key))
    })
  }

  async #deleted(model: AnyModel, rule: Condition | undefined, key: unknown, options: Change): Promise<AnyRow> {
    for (const hook of this.#hooks.of(model, 'beforeDelete')) await hook({ db: this.#db(), key })
    const restrict = rule && { restrict: () => rule }
    const row =
      (await this.queries.delete(this.session, model, key, { ...options, ...restrict })) ??
      (await this.#refused(model, rule, key))
    for (const hook of this.#hooks.of(model, 'afterDelete')) await hook({ db: this.#db(), row })
    return row
  }

  /** Writes one row and holds what came of it to the rule; refused or failed, it is as if it had not been. */
  async #guarded(
    model: AnyModel,
    rule: Condition | undefined,
    action: Action,
    after: keyof AnyHooks,
    write: () => AnyRow | Promise<AnyRow>,
  ): Promise<AnyRow> {
    const hooks = this.#hooks.of(model, after)
    if (!rule && hooks.length === 0) return write()
    return this.session.savepoint(async () => {
      const row = await write()
      if (rule && !(await this.#satisfies(model, rule, row))) {
        throw new MonoblocError('forbidden', {
          subject: model.name,
          detail: `The policy of ${model.name} does not grant to ${action} a row like this.`,
        })
      }
      for (const hook of hooks) await hook({ db: this.#db(), row })
      return row
    })
  }

  async #satisfies(model: AnyModel, rule: Condition, row: AnyRow): Promise<boolean> {
    if (isOwnFields(model, rule)) return compileMatcher(rule)(row)
    return (
      (await this.queries.get(this.session, model, keyOf(model, row), { where: rule, fields: [...model.key] })) !==
      undefined
    )
  }

  /** A row that could not be changed: one that may be seen is forbidden, any other is not there. */
  async #refused(model: AnyModel, rule: Condition | undefined, key: unknown): Promise<never> {
    const readable = rule && this.guard?.rule(model, 'read')
    const hidden = readable?.kind === 'constant' && !readable.value
    if (rule && !hidden && (await this.isVisible(model, key)))
      throw new MonoblocError('forbidden', { subject: model.name })
    return missing(model)
  }

  /** A reference to a row that may not be seen is answered like one to a row that does not exist. */
  async #checkReferences(model: AnyModel, values: AnyRow): Promise<void> {
    if (!this.guard) return
    for (const [name, value] of Object.entries(values)) {
      const field = (model.fields as Map<string, Field>).get(name)
      if (value === undefined || value === null || (field?.kind !== 'ref' && field?.kind !== 'manyToMany')) continue
      const target = field.options.target as AnyModel
      const rule = this.guard.rule(target, 'read')
      if (rule.kind === 'constant' && rule.value) continue
      for (const key of field.kind === 'ref' ? [value] : linkedBy(value as LinkChange)) {
        const hidden = rule.kind === 'constant' || !(await this.isVisible(target, key))
        if (hidden) {
          throw new MonoblocError('reference_not_found', {
            subject: model.name,
            violations: [{ path: [name], code: 'reference_not_found', message: `refers to no ${target.name}` }],
          })
        }
      }
    }
  }

  async #oneByOne(model: AnyModel, where: Condition, change: (key: unknown) => Promise<unknown>): Promise<number> {
    const { rows } = await this.queries.find(this.session, model, {
      where,
      fields: [...model.key],
      limit: mostOneByOne + 1,
    })
    if (rows.length > mostOneByOne)
      throw new MonoblocError('result_too_large', {
        subject: model.name,
        detail: `At most ${mostOneByOne} rows are changed one by one.`,
      })
    return this.session.savepoint(async () => {
      for (const row of rows) await change(keyOf(model, row))
      return rows.length
    })
  }

  #has(model: AnyModel, ...names: (keyof AnyHooks)[]): boolean {
    return names.some((name) => this.#hooks.of(model, name).length > 0)
  }
}

type LinkChange = readonly unknown[] | { add?: readonly unknown[] }

function linkedBy(change: LinkChange): readonly unknown[] {
  return 'add' in change ? (change.add ?? []) : Array.isArray(change) ? change : []
}

/** What identifies a row. */
export function keyOf(model: AnyModel, row: AnyRow): unknown {
  return model.key.length === 1
    ? row[model.key[0]!]
    : Object.fromEntries(model.key.map((name: string) => [name, row[name]]))
}

/** The row as it was returned says it all: no other rows, no write-only fields. */
function isOwnFields(model: AnyModel, condition: Condition): boolean {
  const { columns, tables } = reachOf(condition)
  return (
    tables.size === 0 &&
    [...columns].every((name) => !(model.fields as Map<string, Field>).get(name)?.options.writeOnly)
  )
}
