import { MonoblocError } from '../../errors.ts'
import type { AnyModel, Condition } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { Asked } from './include-resolve.ts'
import { withKey } from './inserts.ts'
import { mostRows } from './json-pages.ts'
import { sql } from './kysely.ts'
import type { LinkWriter } from './links.ts'
import { attempt, chain, each } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans, StoredColumn } from './model-plan.ts'
import type { AnyRow, ChangeQuery, DeleteQuery } from './query.ts'
import { fieldsShape, type PlacedCondition } from './read-level.ts'
import { ref, SqlWriter } from './read-sql.ts'
import { keyValues, type Reads } from './reads.ts'
import type { References } from './references.ts'
import { compileTemplate, laidOut, Shapes, Slot, type Template } from './template.ts'
import { assignments, encodePatch, givenLinks, patchedColumns, returning, type WriteTemplate } from './write-plan.ts'

const keptShapes = 256

/** Changes of rows that are there: one by its key, or all that match. */
export class Updates {
  readonly #plans: ModelPlans
  readonly #now: () => number
  readonly #links: LinkWriter
  readonly #references: References
  readonly #reads: Reads
  readonly #templates = new Shapes<WriteTemplate>(keptShapes)
  readonly #many = new Shapes<Template>(keptShapes)

  constructor(plans: ModelPlans, now: () => number, links: LinkWriter, references: References, reads: Reads) {
    this.#plans = plans
    this.#now = now
    this.#links = links
    this.#references = references
    this.#reads = reads
  }

  update(
    session: Session,
    model: AnyModel,
    key: unknown,
    patch: AnyRow,
    query: ChangeQuery = {},
  ): MaybePromise<AnyRow | undefined> {
    const plan = this.#plans.of(model)
    const links = givenLinks(plan, patch)
    const asked = { ...query, withDeleted: query.withDeleted ?? undeletes(plan, patch) }
    if (links.length === 0) return this.#one(session, plan, key, patch, asked)
    return session.savepoint(() =>
      chain(this.#one(session, plan, key, patch, { ...asked, fields: withKey(plan, query.fields) }), (row) =>
        row ? chain(this.#links.change(session, plan, row, links), () => row) : undefined,
      ),
    )
  }

  updateMany(session: Session, model: AnyModel, where: Condition, patch: AnyRow): MaybePromise<number> {
    const plan = this.#plans.of(model)
    if (givenLinks(plan, patch).length > 0) return this.#eachOf(session, plan, where, patch)
    return this.#all(session, plan, where, patch, undeletes(plan, patch))
  }

  #all(session: Session, plan: ModelPlan, where: Condition, patch: AnyRow, withDeleted: boolean): MaybePromise<number> {
    const columns = patchedColumns(plan, patch)
    const asked = new Asked(this.#plans, `update:${plan.name}:${shapeOfColumns(columns)}`, undefined)
    encodePatch(this.#plans, plan, columns, patch, new Date(this.#now()), asked.values)
    const placed = asked.rows(plan, where, withDeleted)
    const template =
      this.#many.get(asked.key) ?? this.#many.set(asked.key, compileUpdateMany(this.#plans, plan, columns, placed))
    return attempt(
      () => session.run(template.statement, laidOut(template, asked.values)),
      (error) => this.#references.refine(session, plan, [patch], error),
    )
  }

  delete(session: Session, model: AnyModel, key: unknown, query: DeleteQuery = {}): MaybePromise<AnyRow | undefined> {
    const plan = this.#plans.of(model)
    if (plan.deletedAt && !query.purge) return this.#one(session, plan, key, this.#deletion(plan.deletedAt), query)
    const asked = this.#target(plan, key, { ...query, withDeleted: true }, `delete:${plan.name}`)
    if (!asked) return undefined
    const template =
      this.#templates.get(asked.key) ?? this.#templates.set(asked.key, compileDelete(this.#plans, plan, asked, query))
    return attempt(
      () =>
        chain(session.cells(template.statement, laidOut(template, asked.values)), (cells) =>
          cells ? template.codec.row(cells) : this.#unchanged(session, plan, key, query),
        ),
      (error) => this.#references.refineDelete(session, plan, keyRows(plan, asked.values), error),
    )
  }

  deleteMany(
    session: Session,
    model: AnyModel,
    where: Condition,
    { purge }: Pick<DeleteQuery, 'purge'> = {},
  ): MaybePromise<number> {
    const plan = this.#plans.of(model)
    if (plan.deletedAt && !purge) return this.#all(session, plan, where, this.#deletion(plan.deletedAt), false)
    const asked = new Asked(this.#plans, `delete:${plan.name}`, undefined)
    const placed = asked.condition(where)
    const template =
      this.#many.get(asked.key) ??
      this.#many.set(
        asked.key,
        compileTemplate(this.#plans.dialect, sql`delete ${matchingRows(this.#plans, plan, placed).from}`, 'plan'),
      )
    return attempt(
      () => session.run(template.statement, laidOut(template, asked.values)),
      (error) => {
        const { from, key } = matchingRows(this.#plans, plan, placed)
        const keys = sql`select ${key} ${from}`
        return this.#references.refineDelete(session, plan, { keys, values: asked.values }, error)
      },
    )
  }

  #deletion({ name }: StoredColumn): AnyRow {
    return { [name]: new Date(this.#now()) }
  }

  #one(
    session: Session,
    plan: ModelPlan,
    key: unknown,
    patch: AnyRow,
    query: ChangeQuery,
  ): MaybePromise<AnyRow | undefined> {
    const columns = patchedColumns(plan, patch)
    const asked = this.#target(plan, key, query, `update:${plan.name}:${shapeOfColumns(columns)}`)
    if (!asked) return undefined
    const first = asked.values.length
    encodePatch(this.#plans, plan, columns, patch, new Date(this.#now()), asked.values)
    const template =
      this.#templates.get(asked.key) ??
      this.#templates.set(asked.key, compileUpdate(this.#plans, plan, columns, first, asked, query))
    return attempt(
      () =>
        chain(session.cells(template.statement, laidOut(template, asked.values)), (cells) =>
          cells ? template.codec.row(cells) : this.#unchanged(session, plan, key, query),
        ),
      (error) => {
        const changesKey = plan.key.some((column) => columns.includes(column))
        const rekeyed = changesKey ? keyRows(plan, asked.values) : undefined
        return this.#references.refine(session, plan, [patch], error, rekeyed)
      },
    )
  }

  /** The values of a change's target, in this order: key, version, condition. Undefined for what can be no key. */
  #target(plan: ModelPlan, key: unknown, query: ChangeQuery, shape: string): Target | undefined {
    const values = keyValues(this.#plans, plan, key)
    if (!values) return undefined
    const versioned = query.version !== undefined
    const asked = new Target(this.#plans, `${shape}:${versioned ? 'v' : ''}:${fieldsShape(query.fields)}`, undefined)
    for (const value of values) asked.value(value)
    if (versioned) asked.versionAt = asked.value(versionOf(plan, query.version))
    asked.where = asked.rows(plan, query.restrict?.(plan.model), query.withDeleted)
    return asked
  }

  /** Nothing had this key, this version and this condition: says whether it was for the version. */
  #unchanged(session: Session, plan: ModelPlan, key: unknown, query: ChangeQuery): MaybePromise<undefined> {
    if (query.version === undefined) return undefined
    const { restrict, withDeleted } = query
    const fields = [plan.key[0]!.name]
    const found = this.#reads.get(session, plan.model, key, { where: restrict?.(plan.model), fields, withDeleted })
    return chain(found, (row) => {
      if (row) throw new MonoblocError('precondition_failed', { subject: plan.name })
      return undefined
    })
  }

  #eachOf(session: Session, plan: ModelPlan, where: Condition, patch: AnyRow): MaybePromise<number> {
    const keys = plan.key.map((column) => column.name)
    const asked = { where, fields: keys, limit: mostRows, withDeleted: undeletes(plan, patch) }
    return chain(this.#reads.find(session, plan.model, asked), ({ rows, next }) => {
      if (next !== null)
        throw new MonoblocError('result_too_large', {
          subject: plan.name,
          detail: `Links of at most ${mostRows} rows are replaced at once.`,
        })
      const keyOf = (row: AnyRow) => (keys.length === 1 ? row[keys[0]!] : row)
      return session.savepoint(() =>
        chain(
          each(rows, (row) => this.update(session, plan.model, keyOf(row), patch)),
          () => rows.length,
        ),
      )
    })
  }
}

/** A change that says whether the row is deleted is about deleted rows too. */
function undeletes({ deletedAt }: ModelPlan, patch: AnyRow): boolean {
  return deletedAt !== undefined && patch[deletedAt.name] !== undefined
}

class Target extends Asked {
  versionAt: number | undefined
  where: PlacedCondition | undefined
}

function shapeOfColumns(columns: readonly StoredColumn[]): string {
  return columns.map((column) => column.name).join()
}

function versionOf(plan: ModelPlan, version: unknown): SqlValue {
  if (!plan.version)
    throw new MonoblocError('definition_invalid', { subject: plan.name, detail: `${plan.name} has no version field.` })
  if (!Number.isSafeInteger(version)) throw new MonoblocError('precondition_failed', { subject: plan.name })
  return version as number
}

function begin(plans: ModelPlans, plan: ModelPlan) {
  const writer = new SqlWriter(plans.dialect, plans.engine, 'rows')
  const table = writer.alias()
  return { writer, table, from: sql`${sql.table(plan.name)} as ${sql.ref(table)}` }
}

/** `from … where …` */
function matchingRows(plans: ModelPlans, plan: ModelPlan, where: PlacedCondition | undefined) {
  const { writer, table, from } = begin(plans, plan)
  const matching = where ? sql` where ${writer.condition(where, table)}` : sql``
  return { from: sql`from ${from}${matching}`, key: ref(table, plan.key[0]!.name) }
}

function keyRows(plan: ModelPlan, values: SqlValue[]) {
  const keys = plan.key.map(({ name }, at) => sql`${sql.ref(name)} = ${new Slot(at)}`)
  return {
    keys: sql`select ${sql.ref(plan.key[0]!.name)} from ${sql.table(plan.name)} where ${sql.join(keys, sql` and `)}`,
    values,
  }
}

/** `key = … and version = … and condition` */
function targetSql(plan: ModelPlan, table: string, target: Target, writer: SqlWriter) {
  const parts = plan.key.map(({ name }, at) => sql`${ref(table, name)} = ${new Slot(at)}`)
  if (target.versionAt !== undefined) parts.push(sql`${ref(table, plan.version!.name)} = ${new Slot(target.versionAt)}`)
  return sql`${sql.join(parts, sql` and `)}${writer.and(target.where, table)}`
}

function compileUpdate(
  plans: ModelPlans,
  plan: ModelPlan,
  columns: readonly StoredColumn[],
  first: number,
  target: Target,
  { fields }: ChangeQuery,
): WriteTemplate {
  const { writer, table, from } = begin(plans, plan)
  const { returned, codec } = returning(plans, plan, fields)
  let at = first
  const set = assignments(plans, plan, columns, table, () => sql`${new Slot(at++)}`)
  const query = sql`update ${from} set ${set} where ${targetSql(plan, table, target, writer)} returning ${returned}`
  return { codec, ...compileTemplate(plans.dialect, query, 'bounded') }
}

function compileUpdateMany(
  plans: ModelPlans,
  plan: ModelPlan,
  columns: readonly StoredColumn[],
  where: PlacedCondition | undefined,
): Template {
  const { writer, table, from } = begin(plans, plan)
  let at = 0
  const set = assignments(plans, plan, columns, table, () => sql`${new Slot(at++)}`)
  const matching = where ? sql` where ${writer.condition(where, table)}` : sql``
  return compileTemplate(plans.dialect, sql`update ${from} set ${set}${matching}`, 'plan')
}

function compileDelete(plans: ModelPlans, plan: ModelPlan, target: Target, { fields }: ChangeQuery): WriteTemplate {
  const { writer, table, from } = begin(plans, plan)
  const { returned, codec } = returning(plans, plan, fields)
  const query = sql`delete from ${from} where ${targetSql(plan, table, target, writer)} returning ${returned}`
  return { codec, ...compileTemplate(plans.dialect, query, 'bounded') }
}
