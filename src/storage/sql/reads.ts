import { type AnyModel, lookedUp } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { Asked, positive } from './include-resolve.ts'
import { JsonPages, mostRows, type PageCall, tooLarge, valuesOf } from './json-pages.ts'
import { type Position, readCursor } from './keyset.ts'
import { chain } from './maybe-promise.ts'
import { badQuery, type ModelPlan, type ModelPlans } from './model-plan.ts'
import type { AnyRow, CountQuery, FindQuery, GetQuery, JsonPage, Page } from './query.ts'
import { fieldsShape, levelOf } from './read-level.ts'
import type { ReadForm } from './read-sql.ts'
import {
  compileCount,
  compileGet,
  compilePage,
  type PageTemplate,
  type ReadTemplate,
  unlessTooMany,
} from './read-template.ts'
import { searchWords } from './search-words.ts'
import { sortingOf } from './sorting.ts'
import { laidOut, Shapes, type Template } from './template.ts'

/** Skipped rows are read and thrown away. */
const greatestOffset = 10_000
// Two generations of so many shapes: twice what the engine keeps prepared for one connection.
const keptShapes = 512

interface Call<T extends Template> {
  template: T
  values: readonly SqlValue[]
}

/** Rows by key and by page, as code has them or as JSON text. */
export class Reads {
  readonly plans: ModelPlans
  readonly #gets = new Shapes<ReadTemplate>(keptShapes)
  readonly #pages = new Shapes<PageTemplate>(keptShapes)
  readonly #counts = new Shapes<Template>(keptShapes)
  readonly #documents = new JsonPages()

  constructor(plans: ModelPlans) {
    this.plans = plans
  }

  get(session: Session, model: AnyModel, key: unknown, query: GetQuery = {}): MaybePromise<AnyRow | undefined> {
    const call = this.#get('rows', model, key, query)
    if (!call) return undefined
    const { template, values } = call
    return unlessTooMany(this.plans.engine, template, () =>
      chain(session.cells(template.statement, values), (cells) => cells && template.codec.row(cells)),
    )
  }

  getJson(session: Session, model: AnyModel, key: unknown, query: GetQuery = {}): MaybePromise<string | undefined> {
    const call = this.#get('json', model, key, query)
    if (!call) return undefined
    const { template, values } = call
    return unlessTooMany(this.plans.engine, template, () => {
      if (template.form === 'json') {
        return chain(session.cells(template.statement, values), (cells) => cells?.[0] as string | undefined)
      }
      const { codec } = template
      return chain(
        session.cells(template.statement, values),
        (cells) => cells && JSON.stringify(codec.jsonOf(codec.row(cells))),
      )
    })
  }

  find(session: Session, model: AnyModel, query: FindQuery = {}): MaybePromise<Page> {
    const call = this.#page('rows', model, query)
    const { template } = call
    return unlessTooMany(this.plans.engine, template, () =>
      chain(rowsOf(session, call), (found) => pageOf(call, found)),
    )
  }

  findJson(session: Session, model: AnyModel, query: FindQuery = {}): MaybePromise<JsonPage> {
    const call = this.#page('json', model, query)
    const { template, values } = call
    return unlessTooMany(this.plans.engine, template, () => {
      if (template.form === 'json') {
        return chain(session.cells(template.statement, values), (cells) => this.#documents.pageOf(call, cells!))
      }
      return chain(rowsOf(session, call), (found) => {
        const { rows, next } = pageOf(call, found)
        return { json: JSON.stringify(rows.map((row) => template.codec.jsonOf(row))), count: rows.length, next }
      })
    })
  }

  first(session: Session, model: AnyModel, query: FindQuery = {}): MaybePromise<AnyRow | undefined> {
    const call = this.#page('rows', model, { ...query, limit: 1 }, 1)
    const { template } = call
    return unlessTooMany(this.plans.engine, template, () =>
      chain(rowsOf(session, call), ([cells]) => {
        if (cells && call.bounds) call.bounds.last = valuesOf(template.cursor(cells))
        return cells && template.codec.row(cells)
      }),
    )
  }

  count(session: Session, model: AnyModel, query: CountQuery = {}): MaybePromise<number> {
    const plan = this.plans.of(model)
    const asked = new Asked(this.plans, plan.name, undefined)
    const where = asked.rows(plan, query.where, query.withDeleted)
    const search = this.#search(plan, asked, query.search)
    const template =
      this.#counts.get(asked.key) ??
      this.#counts.set(asked.key, compileCount(this.plans, levelOf(plan, undefined, []), where, search))
    return chain(session.value(template.statement, laidOut(template, asked.values)), Number)
  }

  #get(form: ReadForm, model: AnyModel, key: unknown, query: GetQuery): Call<ReadTemplate> | undefined {
    const plan = this.plans.of(model)
    const values = keyValues(this.plans, plan, key)
    if (!values) return undefined
    const { where, fields, include, withDeleted } = query
    if (where === undefined && fields === undefined && include === undefined && !withDeleted) {
      const shape = form === 'json' ? plan.jsonShape : plan.rowShape
      const live = plan.live && { condition: plan.live, at: values.length }
      const template =
        this.#gets.get(shape) ?? this.#gets.set(shape, compileGet(this.plans, form, levelOf(plan, undefined, []), live))
      return { template, values }
    }
    const asked = new Asked(this.plans, `${form}:${plan.name}:${fieldsShape(fields)}`, query.restrict)
    for (const value of values) asked.value(value)
    const includes = asked.includes(plan, include, ['include'], 1)
    const placed = asked.rows(plan, where, withDeleted)
    const template =
      this.#gets.get(asked.key) ??
      this.#gets.set(asked.key, compileGet(this.plans, form, levelOf(plan, fields, includes), placed))
    return { template, values: laidOut(template, asked.values) }
  }

  #page(form: ReadForm, model: AnyModel, query: FindQuery, fetched?: number): PageCall {
    const plan = this.plans.of(model)
    const { fields, limit, offset, after } = query
    const asked = new Asked(this.plans, `${form}:${plan.name}:${fieldsShape(fields)}`, query.restrict)
    const includes = asked.includes(plan, query.include, ['include'], 1)
    const where = asked.rows(plan, query.where, query.withDeleted)
    const search = this.#search(plan, asked, query.search)
    const sorting = sortingOf(plan, query.sort)
    asked.key += `^${sorting.id}`
    const position =
      after === undefined || after === null ? undefined : placed(asked, readCursor(this.plans.dialect, sorting, after))
    const most = limit === undefined ? mostRows : positive('limit', limit)
    const asks = fetched ?? most + 1
    const limitAt = asked.value(asks)
    const skipped = checkedOffset(offset)
    const ceiling = this.plans.engine.ceilingOf?.(asks + skipped)
    if (ceiling !== undefined) asked.key += `<${ceiling}`
    const skips = offset !== undefined || includes.length > 0 || form === 'json'
    const offsetAt = skips ? asked.value(skipped) : undefined
    if (skips) asked.key += '#'
    const template =
      this.#pages.get(asked.key) ??
      this.#pages.set(
        asked.key,
        compilePage(this.plans, form, levelOf(plan, fields, includes), {
          where,
          search,
          sorting,
          after: position,
          limitAt,
          ceiling,
          offsetAt,
        }),
      )
    const { bounds } = query
    if (bounds) {
      bounds.terms = sorting.terms.map(({ column: { name, type }, descending }) => ({
        column: name,
        type,
        descending,
      }))
      // Rows that are skipped move the page, too.
      bounds.after = position && skipped === 0 ? valuesOf(after!) : undefined
    }
    return { template, values: laidOut(template, asked.values), most, bounded: limit !== undefined, bounds }
  }

  #search(plan: ModelPlan, asked: Asked, text: string | undefined): number | undefined {
    if (text === undefined) return undefined
    asked.key += '~'
    return asked.value(this.plans.engine.searchQuery(searchWords(plan, text)))
  }
}

function placed(asked: Asked, { values, shape }: Position): { shape: string; at: number } {
  const at = asked.values.length
  for (const value of values) asked.value(value)
  asked.key += `>${shape}`
  return { shape, at }
}

function checkedOffset(offset: number | undefined): number {
  if (offset === undefined) return 0
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= greatestOffset) return offset
  throw badQuery('offset', `must be a whole number from 0 to ${greatestOffset}; go on with a cursor`)
}

/** The engine's values of a key; undefined for what can be no row's key. */
export function keyValues({ dialect }: ModelPlans, { key }: ModelPlan, given: unknown): SqlValue[] | undefined {
  const values: SqlValue[] = []
  for (const { name, type, field } of key) {
    const part = key.length === 1 ? given : (given as Record<string, unknown> | null | undefined)?.[name]
    const value = lookedUp(field, type, part)
    if (value === undefined) return undefined
    values.push(dialect.encode(type, value))
  }
  return values
}

function rowsOf(session: Session, { template, values }: PageCall): MaybePromise<SqlValue[][]> {
  if (!template.whole) return session.rows(template.statement, values)
  return chain(session.cells(template.statement, values), (cells) => JSON.parse(cells![0] as string) as SqlValue[][])
}

function pageOf({ template, most, bounded, bounds }: PageCall, found: SqlValue[][]): Page {
  let next: string | null = null
  if (found.length > most) {
    if (!bounded) throw tooLarge()
    if (bounds) bounds.last = valuesOf(template.cursor(found[most]!))
    found.length = most
    next = template.cursor(found[most - 1]!)
  }
  return { rows: template.codec.rows(found), next }
}
