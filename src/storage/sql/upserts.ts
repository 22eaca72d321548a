import { MonoblocError } from '../../errors.ts'
import type { AnyModel, TableSpec } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { type Inserts, insertInto } from './inserts.ts'
import { sql } from './kysely.ts'
import { attempt, chain } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans } from './model-plan.ts'
import type { AnyRow, UpsertQuery } from './query.ts'
import { fieldsShape } from './read-level.ts'
import type { References } from './references.ts'
import { compileTemplate, laidOut, Shapes, Slot, type Template } from './template.ts'
import type { Updates } from './updates.ts'
import {
  assignments,
  encodePatch,
  encodeRow,
  givenLinks,
  insertPlan,
  patchedColumns,
  returning,
  type WriteTemplate,
} from './write-plan.ts'

const keptShapes = 128

/** A row that is inserted, or changed when there is one with the same values of a unique constraint. */
export class Upserts {
  readonly #plans: ModelPlans
  readonly #now: () => number
  readonly #inserts: Inserts
  readonly #updates: Updates
  readonly #references: References
  readonly #templates = new Shapes<WriteTemplate>(keptShapes)
  readonly #matches = new Shapes<WriteTemplate>(keptShapes)

  constructor(plans: ModelPlans, now: () => number, inserts: Inserts, updates: Updates, references: References) {
    this.#plans = plans
    this.#now = now
    this.#inserts = inserts
    this.#updates = updates
    this.#references = references
  }

  upsert(session: Session, model: AnyModel, query: UpsertQuery): MaybePromise<AnyRow> {
    const plan = this.#plans.of(model)
    const { match, insert, update, fields } = query
    this.#checkMatch(plan, match)
    if (givenLinks(plan, { ...insert, ...update }).length > 0) return this.#inSteps(session, plan, query)
    const { columns, uncounted, serial } = insertPlan(plan)
    const given = serial !== undefined && insert[serial] === undefined ? uncounted : columns
    const patched = update && patchedColumns(plan, update)
    const shape = `${plan.name}:${given.length}:${match.join()}:${patched ? patched.map((column) => column.name).join() : '-'}:${fieldsShape(fields)}`
    const values: SqlValue[] = []
    const now = new Date(this.#now())
    encodeRow(this.#plans, given, insert, now, values)
    if (patched) encodePatch(this.#plans, plan, patched, update, now, values)
    const compile = (): WriteTemplate => {
      const { returned, codec } = returning(this.#plans, plan, fields)
      let at = given.length
      const action = patched
        ? sql`do update set ${assignments(this.#plans, plan, patched, 't', () => sql`${new Slot(at++)}`)}`
        : sql`do nothing`
      const conflict = sql`on conflict (${sql.join(match.map((name) => sql.ref(name)))}) ${action}`
      return {
        codec,
        ...compileTemplate(
          this.#plans.dialect,
          sql`${insertInto(plan, given, 1, 't')} ${conflict} returning ${returned}`,
          'bounded',
        ),
      }
    }
    const template = this.#templates.get(shape) ?? this.#templates.set(shape, compile())
    return attempt(
      () =>
        chain(session.first(template.statement, laidOut(template, values)), (row) =>
          row ? template.codec.row(row) : chain(this.#matched(session, plan, query, fields), (there) => there!),
        ),
      (error) => this.#references.refine(session, plan, [{ ...insert, ...update }], error),
    )
  }

  // The links of a row are written once it is known whether it was there.
  #inSteps(session: Session, plan: ModelPlan, query: UpsertQuery): Promise<AnyRow> {
    const { insert, update, fields } = query
    return session.savepoint(() =>
      chain(this.#matched(session, plan, query, update ? plan.key.map((column) => column.name) : fields), (there) => {
        if (!there) return this.#inserts.insert(session, plan.model, insert, { fields })
        if (!update) return there
        const key = plan.key.length === 1 ? there[plan.key[0]!.name] : there
        return chain(this.#updates.update(session, plan.model, key, update, { fields }), (row) => row!)
      }),
    )
  }

  #matched(
    session: Session,
    plan: ModelPlan,
    { match, insert }: UpsertQuery,
    fields: readonly string[] | undefined,
  ): MaybePromise<AnyRow | undefined> {
    const shape = `${plan.name}:${match.join()}:${fieldsShape(fields)}`
    const compile = (): WriteTemplate => {
      const { returned, codec } = returning(this.#plans, plan, fields)
      const parts = match.map((name, at) => sql`${sql.ref(name)} = ${new Slot(at)}`)
      const query = sql`select ${returned} from ${sql.table(plan.name)} where ${sql.join(parts, sql` and `)}`
      return { codec, ...compileTemplate(this.#plans.dialect, query, 'bounded') }
    }
    const template: WriteTemplate = this.#matches.get(shape) ?? this.#matches.set(shape, compile())
    const values = match.map((name) => this.#plans.dialect.encode(plan.columns.get(name)!.type, insert[name] ?? null))
    return chain(session.first((template as Template).statement, values), (row) => row && template.codec.row(row))
  }

  #checkMatch(plan: ModelPlan, match: readonly string[]): void {
    const table = this.#plans.schema.tables.find((one) => one.model === plan.model) as TableSpec
    const same = (fields: readonly string[]) =>
      fields.length === match.length && fields.every((field) => match.includes(field))
    const isUnique =
      same(table.key) || table.indexes.some((index) => index.unique && !index.where && same(index.fields))
    if (isUnique) return
    throw new MonoblocError('definition_invalid', {
      subject: plan.name,
      detail: `upsert of ${plan.name} can't match by ${match.join(', ') || 'nothing'}: no unique constraint has exactly these fields.`,
    })
  }
}
