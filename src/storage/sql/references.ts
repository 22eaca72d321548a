import type { Expression } from 'kysely'
import { MonoblocError, type Violation } from '../../errors.ts'
import type { AnyModel, Field } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { sql } from './kysely.ts'
import { chain } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans } from './model-plan.ts'
import type { AnyRow } from './query.ts'
import { compileTemplate, laidOut, Slot, type Template } from './template.ts'

/** The rows that a delete was for: their keys as a subquery, whose slots take these values. */
export interface DoomedRows {
  keys: Expression<unknown>
  values: SqlValue[]
}

/** A reference that keeps a row from being deleted. */
interface Holder {
  model: string
  field: string
  query: Expression<unknown>
}

/**
 * Says what a broken foreign key was about. Databases say only that one broke, so that the rows are asked, once it is
 * too late, which of them is missing or in use.
 */
export class References {
  readonly #plans: ModelPlans
  readonly #existing = new Map<ModelPlan, Template>()

  constructor(plans: ModelPlans) {
    this.#plans = plans
  }

  /**
   * @param rekeyed the rows whose key was to change, which others may refer to
   * @throws the error, of rows that were to be written, with the fields that refer to nothing
   */
  refine(
    session: Session,
    plan: ModelPlan,
    rows: readonly AnyRow[],
    error: unknown,
    rekeyed?: DoomedRows,
  ): MaybePromise<never> {
    if (!isBroken(error)) throw error
    const given = rows.flatMap((row, at) =>
      referencesIn(plan, row).map((one) => ({ ...one, path: rows.length > 1 ? [at, one.name] : [one.name] })),
    )
    return chain(this.#missing(session, given, 0, []), (violations) => {
      if (violations.length === 0 && rekeyed) return this.refineDelete(session, plan, rekeyed, error)
      throw new MonoblocError('reference_not_found', { subject: plan.name, cause: error, violations })
    })
  }

  /** @throws the error, of rows that were to be deleted or to change their key, with what refers to them */
  refineDelete(session: Session, plan: ModelPlan, rows: DoomedRows, error: unknown): MaybePromise<never> {
    if (!isBroken(error)) throw error
    return chain(this.#holding(session, this.#holders(plan, rows.keys, new Set()), rows.values, 0), (holder) => {
      const message = holder && `${holder.model}.${holder.field} still refers to it`
      throw new MonoblocError('reference_in_use', {
        subject: plan.name,
        cause: error,
        ...(message ? { violations: [{ path: [], code: 'reference_in_use', message }] } : {}),
      })
    })
  }

  #missing(session: Session, given: GivenReference[], at: number, found: Violation[]): MaybePromise<Violation[]> {
    const one = given[at]
    if (!one) return found
    const target = this.#plans.of(one.target)
    const value = this.#plans.dialect.encode(target.key[0]!.type, one.value)
    return chain(session.value(this.#byKey(target).statement, [value]), (there) => {
      if (there === undefined)
        found.push({ path: one.path, code: 'reference_not_found', message: `refers to no ${target.name}` })
      return this.#missing(session, given, at + 1, found)
    })
  }

  #byKey(target: ModelPlan): Template {
    let template = this.#existing.get(target)
    if (!template) {
      const query = sql`select 1 from ${sql.table(target.name)} where ${sql.ref(target.key[0]!.name)} = ${new Slot(0)}`
      template = compileTemplate(this.#plans.dialect, query, 'bounded')
      this.#existing.set(target, template)
    }
    return template
  }

  /** References that hold rows with these keys, also by holding rows that would go with them. */
  #holders(target: ModelPlan, keys: Expression<unknown>, seen: Set<string>): Holder[] {
    const holders: Holder[] = []
    for (const model of this.#plans.schema.models.values()) {
      for (const [name, field] of model.fields as Map<string, Field>) {
        const path = `${model.name}.${name}`
        if (field.kind !== 'ref' || field.options.target !== target.model || seen.has(path)) continue
        const from = sql`from ${sql.table(model.name)} where ${sql.ref(name)} in (${keys})`
        if (field.options.onDelete === 'restrict') {
          holders.push({ model: model.name, field: name, query: sql`select 1 ${from} limit 1` })
        } else if (field.options.onDelete === 'cascade' && model.key.length === 1) {
          seen.add(path)
          holders.push(...this.#holders(this.#plans.of(model), sql`select ${sql.ref(model.key[0]!)} ${from}`, seen))
        }
      }
    }
    return holders
  }

  #holding(session: Session, holders: Holder[], values: SqlValue[], at: number): MaybePromise<Holder | undefined> {
    const holder = holders[at]
    if (!holder) return undefined
    const template = compileTemplate(this.#plans.dialect, sql`${holder.query}`, 'plan')
    return chain(session.value(template.statement, laidOut(template, values)), (found) =>
      found === undefined ? this.#holding(session, holders, values, at + 1) : holder,
    )
  }
}

interface GivenReference {
  path: (string | number)[]
  target: AnyModel
  value: unknown
}

function referencesIn(plan: ModelPlan, row: AnyRow): { name: string; target: AnyModel; value: unknown }[] {
  return [...plan.columns.values()].flatMap(({ name, field }) => {
    const value = row[name]
    if (field.kind !== 'ref' || value === undefined || value === null) return []
    return [{ name, target: field.options.target as AnyModel, value }]
  })
}

function isBroken(error: unknown): boolean {
  return (
    error instanceof MonoblocError &&
    (error.code === 'reference_not_found' || error.code === 'reference_in_use') &&
    error.violations.length === 0
  )
}
