import { MonoblocError } from '../errors.ts'
import { type AnyModel, type Condition, deletionOf, type Schema } from '../schema/index.ts'
import type { AnyRow, Queries, RowsQuery, Session } from '../storage/index.ts'
import { ScopedDb } from './db.ts'
import type { Guard } from './guard.ts'
import type { AnyHooks, Hooks } from './hooks.ts'
import { toldOfHolders } from './row-holders.ts'
import { checkReferences } from './row-references.ts'
import { both, givenKey, keyOf, missing, RowReader } from './rows.ts'
import { checkComplete, revalidated, validated, type WriteKind } from './rows-input.ts'

export interface Change {
  version?: number
}

export interface Deletion extends Change {
  /** For good, also of rows that are deleted already. */
  purge?: boolean
}

// One call changes at most so many rows one by one: with hooks, or under a policy that depends on the row.
const mostOneByOne = 10_000

/**
 * Reads and writes of one unit of work, as somebody may make them. Each write checks what is given, asks the policy
 * about the row before and after, and runs the hooks; what any of them throws undoes that write with all that its hooks
 * did. What somebody may change must be something that they may read.
 */
export class RowWriter extends RowReader {
  readonly #hooks: Hooks
  /** The db that hooks get: it acts as this writer does, inside the write that they belong to. */
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

  /** A db of the system for what belongs to a write that is under way: it does not wait for that write's end. */
  inside(): ScopedDb {
    return (this.#db() as ScopedDb).asSystem()
  }

  /** @param document the row is to come as a document, too, where no hook may change it afterwards */
  async insert(model: AnyModel, input: unknown, document = false): Promise<AnyRow> {
    const rule = this.may(model, 'create')
    return this.#inserted(model, rule, validated(model, 'insert', input, this.guard !== undefined), document)
  }

  async insertMany(model: AnyModel, inputs: readonly unknown[]): Promise<AnyRow[]> {
    const rule = this.may(model, 'create')
    const all = inputs.map((input, at) => validated(model, 'insert', input, this.guard !== undefined, [at]))
    const plain = !rule && !this.#has(model, 'beforeInsert', 'afterInsert')
    return this.session.savepoint(async () => {
      const rows: AnyRow[] = []
      if (!plain) {
        for (const values of all) rows.push(await this.#inserted(model, rule, values))
        return rows
      }
      for (const values of all) {
        checkComplete(model, values)
        await checkReferences(this, model, values)
      }
      for (const [at, row] of (await this.queries.insertMany(this.session, model, all)).entries()) {
        rows.push(await this.#shown(model, row, all[at]!))
      }
      return rows
    })
  }

  async update(model: AnyModel, key: unknown, patch: unknown, options: Change = {}): Promise<AnyRow> {
    const rule = this.may(model, 'update')
    const values = validated(model, 'patch', patch, this.guard !== undefined)
    return this.#updated(model, rule, givenKey(model, key), values, options)
  }

  /** @returns how many rows were changed */
  async updateMany(model: AnyModel, filter: unknown, patch: unknown): Promise<number> {
    const rule = this.may(model, 'update')
    const values = validated(model, 'patch', patch, this.guard !== undefined)
    const where = both(this.#reach(model, rule), this.condition(model, filter))
    if (rule || this.#has(model, 'beforeUpdate', 'afterUpdate')) {
      const withDeleted = this.#undeletes(model, values)
      return this.#oneByOne(model, { where, withDeleted }, (key) => this.#updated(model, rule, key, values, {}))
    }
    return this.#whole(model, undefined, rule, [], async () => {
      await checkReferences(this, model, values)
      return this.queries.updateMany(this.session, model, where, values)
    })
  }

  async delete(model: AnyModel, key: unknown, options: Deletion = {}): Promise<AnyRow> {
    return this.#deleted(model, this.may(model, 'delete'), givenKey(model, key), options)
  }

  /** @returns how many rows were deleted */
  async deleteMany(model: AnyModel, filter: unknown, { purge }: Deletion = {}): Promise<number> {
    const rule = this.may(model, 'delete')
    const where = both(this.#reach(model, rule), this.condition(model, filter))
    if (!this.#has(model, 'beforeDelete', 'afterDelete'))
      return this.#whole(model, undefined, undefined, [], async () =>
        this.queries.deleteMany(this.session, model, where, { purge }),
      )
    return this.#oneByOne(model, { where, withDeleted: purge }, (key) => this.#deleted(model, rule, key, { purge }))
  }

  /** Removes every row, deleted ones too, without hooks. @returns how many there were */
  async empty(model: AnyModel): Promise<number> {
    if (this.guard) throw new MonoblocError('forbidden', { detail: 'Only the system empties: db.asSystem().empty().' })
    this.schema.relations(model)
    const table = this.schema.tables.find((one) => one.model === model)!
    return this.session.savepoint(async () => this.session.empty!(table))
  }

  /**
   * Find, then insert or update: in a serializable transaction nobody comes between. A row that may not be read is not
   * found; the insert then says that its values are taken, as any other would.
   */
  async upsert(
    model: AnyModel,
    options: { match: readonly string[]; insert: unknown; update?: unknown },
  ): Promise<AnyRow> {
    const { match, insert, update } = options
    this.#checkMatch(model, match)
    const values = validated(model, 'insert', insert, this.guard !== undefined)
    const found = await this.#matched(model, match, values)
    if (!found) return this.#inserted(model, this.may(model, 'create'), values)
    return update === undefined ? found : this.update(model, keyOf(model, found), update)
  }

  async #inserted(model: AnyModel, rule: Condition | undefined, given: AnyRow, document = false): Promise<AnyRow> {
    return this.#whole(model, undefined, rule, ['beforeInsert', 'afterInsert'], async () => {
      const values = await this.#before(model, 'insert', given, {})
      checkComplete(model, values)
      await checkReferences(this, model, ownOf(given, values))
      const asked = { document: document && !this.#has(model, 'afterInsert') }
      const row = await this.queries.insert(this.session, model, values, asked)
      await this.#after(model, rule, 'afterInsert', row)
      return this.#shown(model, row, given)
    })
  }

  async #updated(
    model: AnyModel,
    rule: Condition | undefined,
    key: unknown,
    given: AnyRow,
    options: Change,
  ): Promise<AnyRow> {
    return this.#whole(model, key, rule, ['beforeUpdate', 'afterUpdate'], async () => {
      const values = await this.#before(model, 'patch', given, { key })
      await checkReferences(this, model, ownOf(given, values))
      const reach = this.#reach(model, rule)
      const row =
        (await this.queries.update(this.session, model, key, values, { ...options, restrict: () => reach })) ??
        (await this.#refused(model, key))
      await this.#after(model, rule, 'afterUpdate', row)
      return this.#shown(model, row, given)
    })
  }

  async #deleted(model: AnyModel, rule: Condition | undefined, key: unknown, options: Deletion): Promise<AnyRow> {
    return this.#whole(model, key, undefined, ['beforeDelete', 'afterDelete'], async () => {
      for (const hook of this.#hooks.of(model, 'beforeDelete')) await this.#run(hook, { key })
      const reach = this.#reach(model, rule)
      const row =
        (await this.queries.delete(this.session, model, key, { ...options, restrict: () => reach })) ??
        (await this.#refused(model, key))
      for (const hook of this.#hooks.of(model, 'afterDelete')) await this.#run(hook, { row })
      return row
    })
  }

  /**
   * A write of several steps is undone as a whole; one of a single statement needs no savepoint for that.
   *
   * @param key of the row that others may refer to
   */
  async #whole<T>(
    model: AnyModel,
    key: unknown,
    rule: Condition | undefined,
    hooks: (keyof AnyHooks)[],
    write: () => Promise<T>,
  ): Promise<T> {
    try {
      return await (rule || this.#has(model, ...hooks) ? this.session.savepoint(write) : write())
    } catch (error) {
      throw await toldOfHolders(this, model, key, error)
    }
  }

  #run(hook: (context: object) => unknown, context: object): Promise<unknown> {
    return ScopedDb.whole(this.#db(), (db) => hook({ ...context, db }))
  }

  /** Hooks get a copy each, so that changing it changes nothing that has been checked. */
  async #before(model: AnyModel, kind: WriteKind, given: AnyRow, context: object): Promise<AnyRow> {
    const hooks = this.#hooks.of(model, kind === 'insert' ? 'beforeInsert' : 'beforeUpdate')
    let values = given
    for (const hook of hooks) {
      const copy = { ...values }
      const input = kind === 'insert' ? { input: copy } : { patch: copy }
      const made = (await this.#run(hook, { ...context, ...input })) as AnyRow | undefined
      if (made !== undefined && made !== null) values = revalidated(model, kind, values, made)
    }
    return values
  }

  /** Holds what came of a write to the rule, then lets the hooks see it. */
  async #after(model: AnyModel, rule: Condition | undefined, name: 'afterInsert' | 'afterUpdate', row: AnyRow) {
    if (rule && !(await this.meets(model, rule, row))) {
      throw this.denied(model, `The policy of ${model.name} does not grant to write a row like this.`)
    }
    for (const hook of this.#hooks.of(model, name)) await this.#run(hook, { row })
  }

  /** A change of whether a row is deleted is about deleted rows too. */
  #undeletes(model: AnyModel, values: AnyRow): boolean {
    const deletion = deletionOf(model)
    return deletion !== null && values[deletion.field] !== undefined
  }

  /** The rows that may be changed: those of the rule that may be read, too. */
  #reach(model: AnyModel, rule: Condition | undefined): Condition | undefined {
    const readable = this.may(model, 'read')
    return rule ? both(readable, rule) : readable
  }

  /** What was written may be out of the writer's sight: what is told of it then is its key and what they gave. */
  async #shown(model: AnyModel, row: AnyRow, given: AnyRow): Promise<AnyRow> {
    const readable = this.guard?.rule(model, 'read')
    if (!readable || (await this.meets(model, readable, row))) return row
    return Object.fromEntries(
      Object.entries(row).filter(([name]) => model.key.includes(name) || given[name] !== undefined),
    )
  }

  /** A row that could not be changed: one that may be seen is forbidden, any other is not there. */
  async #refused(model: AnyModel, key: unknown): Promise<never> {
    if (this.guard && (await this.isVisible(model, key))) {
      throw this.denied(model, `The policy of ${model.name} does not grant to change this row.`)
    }
    return missing(model)
  }

  #checkMatch(model: AnyModel, match: readonly string[]): void {
    const same = (fields: readonly string[]) =>
      fields.length === match.length && fields.every((field) => match.includes(field))
    const table = this.schema.tables.find((one) => one.model === model)!
    // One of all rows, or of those that are not deleted.
    const deletion = deletionOf(model)
    const isWhole = (where: object | undefined) => !where || (deletion && Object.keys(where).join() === deletion.field)
    if (same(table.key) || table.indexes.some(({ unique, where, fields }) => unique && isWhole(where) && same(fields)))
      return
    throw new MonoblocError('definition_invalid', {
      subject: model.name,
      detail: `upsert can't match ${model.name} by ${match.join(', ') || 'nothing'}: that is no key and no unique constraint.`,
    })
  }

  async #matched(model: AnyModel, match: readonly string[], values: AnyRow): Promise<AnyRow | undefined> {
    const readable = this.guard?.rule(model, 'read')
    // Nulls are all different to a unique constraint.
    if (match.some((name) => values[name] === undefined || values[name] === null)) return undefined
    const same = this.condition(model, Object.fromEntries(match.map((name) => [name, values[name]])))
    return this.queries.first(this.session, model, { where: both(readable, same) })
  }

  async #oneByOne(model: AnyModel, which: RowsQuery, change: (key: unknown) => Promise<unknown>): Promise<number> {
    const { rows } = await this.queries.find(this.session, model, {
      ...which,
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

/** What was given and is still there: hooks may refer to rows that their user can't see. */
function ownOf(given: AnyRow, values: AnyRow): AnyRow {
  if (values === given) return given
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => values[name] === value))
}
