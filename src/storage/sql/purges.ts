import { MonoblocError } from '../../errors.ts'
import type { AnyModel, Field } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlRow, SqlValue } from '../storage.ts'
import { sql } from './kysely.ts'
import { attempt, chain, each } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans } from './model-plan.ts'
import { ref } from './read-sql.ts'
import { compileTemplate, laidOut, Slot, type Template } from './template.ts'

export interface Purged {
  /** Rows that went for good. */
  purged: number
  /** Rows that others still refer to, by way of rows that would go with them. */
  held: number
}

interface PurgeTemplates {
  /** All rows of one step. */
  together: Template
  /** Their keys, for when one of them is held. */
  keys: Template
  one: Template
}

/** Deletes for good what was deleted softly. */
export class Purges {
  readonly #plans: ModelPlans
  readonly #templates = new Map<ModelPlan, PurgeTemplates>()

  constructor(plans: ModelPlans) {
    this.#plans = plans
  }

  /**
   * One step: at most `most` rows that were deleted before an instant, those first that were deleted first. Rows to
   * which others refer that would keep them are passed over.
   */
  purge(session: Session, model: AnyModel, before: Date, most: number, skip: number): MaybePromise<Purged> {
    const plan = this.#plans.of(model)
    if (!plan.deletedAt) return { purged: 0, held: 0 }
    const { together, keys, one } = this.#of(plan)
    const values = [this.#plans.dialect.encode(plan.deletedAt.type, before), most, skip]
    return attempt<Purged>(
      () =>
        chain(
          session.savepoint(() => session.run(together.statement, laidOut(together, values))),
          (purged) => ({ purged, held: 0 }),
        ),
      (error) => {
        if (!isHeld(error)) throw error
        return chain(session.all(keys.statement, laidOut(keys, values)), (rows) => this.#oneByOne(session, one, rows))
      },
    )
  }

  #oneByOne(session: Session, { statement }: Template, rows: readonly SqlRow[]): MaybePromise<Purged> {
    const result: Purged = { purged: 0, held: 0 }
    const purgeOne = (row: SqlRow) =>
      attempt<void>(
        () =>
          chain(
            session.savepoint(() => session.run(statement, Object.values(row) as SqlValue[])),
            () => void result.purged++,
          ),
        (error) => {
          if (!isHeld(error)) throw error
          result.held++
        },
      )
    return chain(each(rows, purgeOne), () => result)
  }

  #of(plan: ModelPlan): PurgeTemplates {
    let templates = this.#templates.get(plan)
    if (!templates) {
      templates = this.#compile(plan)
      this.#templates.set(plan, templates)
    }
    return templates
  }

  #compile(plan: ModelPlan): PurgeTemplates {
    const table = sql`${sql.table(plan.name)} as t`
    const own = (name: string) => ref('t', name)
    const key = sql.join(plan.key.map(({ name }) => own(name)))
    const deletedAt = own(plan.deletedAt!.name)
    const free = this.#holders(plan.model).map(
      ({ model, field }, at) =>
        sql` and not exists (select 1 from ${sql.table(model)} as ${sql.ref(`h${at}`)} where ${ref(`h${at}`, field)} = ${own(plan.key[0]!.name)})`,
    )
    const chosen = sql`select ${key} from ${table} where ${deletedAt} < ${new Slot(0)}${sql.join(free, sql``)} order by ${deletedAt}, ${key} limit ${new Slot(1)} offset ${new Slot(2)}`
    const names = sql.join(plan.key.map(({ name }) => sql.ref(name)))
    const isOne = sql.join(
      plan.key.map(({ name }, at) => sql`${sql.ref(name)} = ${new Slot(at)}`),
      sql` and `,
    )
    const compile = (query: typeof chosen) => compileTemplate(this.#plans.dialect, query, 'bounded')
    return {
      together: compile(sql`delete from ${sql.table(plan.name)} where (${names}) in (${chosen})`),
      keys: compile(chosen),
      one: compile(sql`delete from ${sql.table(plan.name)} where ${isOne}`),
    }
  }

  /** References that keep a row of this model from going. */
  #holders(model: AnyModel): { model: string; field: string }[] {
    return [...this.#plans.schema.models.values()].flatMap((other) =>
      [...(other.fields as Map<string, Field>)]
        .filter(
          ([, { kind, options }]) => kind === 'ref' && options.target === model && options.onDelete === 'restrict',
        )
        .map(([field]) => ({ model: other.name, field })),
    )
  }
}

function isHeld(error: unknown): boolean {
  return error instanceof MonoblocError && (error.code === 'reference_in_use' || error.code === 'reference_not_found')
}
