import type { Expression } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import type { AnyModel } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlRow } from '../storage.ts'
import { type AggregateCell, cellsOf, type GroupField, groupFields } from './aggregate-cells.ts'
import { Asked, positive } from './include-resolve.ts'
import { mostRows } from './json-pages.ts'
import { sql } from './kysely.ts'
import { chain } from './maybe-promise.ts'
import { badQuery, type ModelPlan, type ModelPlans } from './model-plan.ts'
import type { AggregateQuery, AnyRow } from './query.ts'
import type { PlacedCondition } from './read-level.ts'
import { ref, SqlWriter } from './read-sql.ts'
import { compileTemplate, laidOut, Shapes, Slot, type Template } from './template.ts'

const keptShapes = 256

interface AggregateTemplate extends Template {
  by: readonly GroupField[]
  cells: readonly AggregateCell[]
}

/** Counts, sums, averages and extremes of groups of rows. */
export class Aggregates {
  readonly #plans: ModelPlans
  readonly #templates = new Shapes<AggregateTemplate>(keptShapes)

  constructor(plans: ModelPlans) {
    this.#plans = plans
  }

  aggregate(session: Session, model: AnyModel, query: AggregateQuery): MaybePromise<AnyRow[]> {
    const plan = this.#plans.of(model)
    const { by, count, sum, avg, min, max, sort, limit } = query
    const lists = [by, sum, avg, min, max].map((list) => (list ? list.join() : ''))
    const order = typeof sort === 'string' ? sort : (sort ?? []).join()
    const asked = new Asked(this.#plans, `${plan.name}:${lists.join(':')}:${count ? 1 : 0}:${order}`, undefined)
    const where = asked.rows(plan, query.where, query.withDeleted)
    const most = limit === undefined ? mostRows : positive('limit', limit)
    const limitAt = asked.value(limit === undefined ? most + 1 : most)
    const template =
      this.#templates.get(asked.key) ??
      this.#templates.set(asked.key, this.#compile(plan, query, order, where, limitAt))
    return chain(session.all(template.statement, laidOut(template, asked.values)), (rows) => {
      if (rows.length > most)
        throw new MonoblocError('result_too_large', { detail: `The limit is ${mostRows} groups.` })
      return rows.map((row) => group(template, row))
    })
  }

  #compile(
    plan: ModelPlan,
    query: AggregateQuery,
    order: string,
    where: PlacedCondition | undefined,
    limitAt: number,
  ): AggregateTemplate {
    const { dialect, engine } = this.#plans
    const writer = new SqlWriter(dialect, engine, 'rows')
    const table = writer.alias()
    const by = groupFields(plan, query.by ?? [])
    const cells = cellsOf(this.#plans, plan, query, table)
    if (by.length + cells.length === 0) throw badQuery('aggregate', 'asks for nothing')
    const clash = cells.find((cell) => by.some((field) => field.name === cell.kind))
    if (clash) throw badQuery('by', `can't name "${clash.kind}" beside the ${clash.kind} of each group`)
    const own = (name: string) => ref(table, name)
    const columns = [
      ...by.map(({ name, type }) => sql`${dialect.selected(type, own(name))} as ${sql.ref(name)}`),
      ...cells.flatMap((cell) => cell.columns),
    ]
    const matching = where ? sql` where ${writer.condition(where, table)}` : sql``
    const grouped = by.length > 0 ? sql` group by ${sql.join(by.map(({ name }) => own(name)))}` : sql``
    const terms = orderTerms(order, by, cells, own)
    const sorted = terms.length > 0 ? sql` order by ${sql.join(terms)}` : sql``
    const statement = sql`select ${sql.join(columns)} from ${sql.table(plan.name)} as ${sql.ref(table)}${matching}${grouped}${sorted} limit ${new Slot(limitAt)}`
    return { by, cells, ...compileTemplate(dialect, statement, 'plan') }
  }
}

/** What was asked for, then the groups' own fields, so that the order is total. */
function orderTerms(
  order: string,
  by: readonly GroupField[],
  cells: readonly AggregateCell[],
  own: (name: string) => Expression<unknown>,
): Expression<unknown>[] {
  const term = (value: Expression<unknown>, descending: boolean) =>
    sql`${value}${sql.raw(descending ? ' desc' : '')} nulls last`
  const asked = (order === '' ? [] : order.split(',')).map((text) => {
    const descending = text.startsWith('-')
    const name = descending ? text.slice(1) : text
    const field = by.find((one) => one.name === name)
    const cell = cells.find((one) => one.name === name)
    if (!field && !cell) {
      const allowed = [...by, ...cells].map((one) => one.name).join(', ')
      throw badQuery('sort', `can't be by "${name}": these groups sort by ${allowed}`)
    }
    return term(field ? own(field.name) : cell!.order, descending)
  })
  return [...asked, ...by.map(({ name }) => term(own(name), false))]
}

function group({ by, cells }: AggregateTemplate, row: SqlRow): AnyRow {
  const result: AnyRow = {}
  for (const { name, decode } of by) {
    const value = row[name]!
    result[name] = value === null || !decode ? value : decode(value)
  }
  for (const { kind, field, read } of cells) {
    if (field === undefined) {
      result[kind] = read(row)
    } else {
      result[kind] ??= {}
      ;(result[kind] as AnyRow)[field] = read(row)
    }
  }
  return result
}
