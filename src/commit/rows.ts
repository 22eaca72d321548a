import { MonoblocError } from '../errors.ts'
import {
  type AnyModel,
  allOf,
  type Condition,
  compileMatcher,
  type Field,
  parseFilter,
  reachOf,
  type Schema,
} from '../schema/index.ts'
import {
  type AggregateQuery,
  type AnyRow,
  type CountQuery,
  chain,
  type FindQuery,
  type GetQuery,
  type JsonPage,
  type MaybePromise,
  type Page,
  type PageBounds,
  type Queries,
  type Restrict,
  type SearchHit,
  type SearchQuery,
  type Session,
} from '../storage/index.ts'
import type { Action, Guard } from './guard.ts'
import { asOwnFault } from './own-fault.ts'
import type { NotedRead, ReadRecorder } from './reads.ts'
import { checkAsked, checkNames } from './rows-asked.ts'
import { WireFilter } from './wire-filter.ts'

/** As the query layer takes it, but with filters as users write them. */
export type Asked<Q> = Omit<Q, 'where' | 'restrict'> & { where?: unknown }

/**
 * The rows of one unit of work, as somebody may read them. Answers come at once where the engine is in this process.
 * `RowWriter` adds the writes.
 */
export class RowReader {
  readonly session: Session
  readonly queries: Queries
  readonly schema: Schema
  readonly guard: Guard | undefined
  readonly #restrict: Restrict | undefined
  readonly #recorder: ReadRecorder | undefined

  /**
   * @param guard who acts; the system when undefined
   * @param recorder hears of each read, where its answer is to be kept
   */
  constructor(
    session: Session,
    queries: Queries,
    schema: Schema,
    guard: Guard | undefined,
    recorder?: ReadRecorder | undefined,
  ) {
    this.session = session
    this.queries = queries
    this.schema = schema
    this.guard = guard
    this.#recorder = recorder
    this.#restrict = guard && (recorder ? recordedRule(guard, recorder) : (model) => guard.rule(model, 'read'))
  }

  /** @param key the key, or a filter whose first row is meant */
  get(model: AnyModel, key: unknown, options: Asked<GetQuery> = {}): MaybePromise<AnyRow> {
    if (isFilter(model, key))
      return chain(this.#first(model, { ...options, where: key }), (row) => row ?? missing(model))
    const query = this.#asked<GetQuery>(model, options)
    const found = this.queries.get(this.session, model, givenKey(model, key), query)
    return chain(
      this.#noted(found, (shown) => ({ kind: 'row', model, key, query, shown })),
      (row) => row ?? missing(model),
    )
  }

  /** The row as one JSON document. */
  getJson(model: AnyModel, key: unknown, options: Asked<GetQuery> = {}): MaybePromise<string> {
    const query = this.#asked<GetQuery>(model, options)
    const found = this.queries.getJson(this.session, model, givenKey(model, key), query)
    return chain(
      this.#noted(found, (shown) => ({ kind: 'row', model, key, query, shown })),
      (json) => json ?? missing(model),
    )
  }

  find(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<Page> {
    const { query, bounds } = this.#bounded(model, options)
    const found = this.queries.find(this.session, model, query)
    return this.#noted(found, ({ rows }) => ({ kind: 'page', model, query, bounds, shown: rows }))
  }

  findJson(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<JsonPage> {
    const { query, bounds } = this.#bounded(model, options)
    const found = this.queries.findJson(this.session, model, query)
    return this.#noted(found, ({ json }) => ({ kind: 'page', model, query, bounds, shown: json }))
  }

  first(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<AnyRow | null> {
    return chain(this.#first(model, options), (row) => row ?? null)
  }

  #first(model: AnyModel, options: Asked<FindQuery>): MaybePromise<AnyRow | undefined> {
    const { query, bounds } = this.#bounded(model, options)
    const found = this.queries.first(this.session, model, query)
    return this.#noted(found, (row) => ({ kind: 'page', model, query, bounds, shown: row ? [row] : [] }))
  }

  count(model: AnyModel, options: Asked<CountQuery> = {}): MaybePromise<number> {
    const query = this.#asked<CountQuery>(model, options)
    return this.#noted(this.queries.count(this.session, model, query), () => ({ kind: 'count', model, query }))
  }

  aggregate(model: AnyModel, options: Asked<AggregateQuery>): MaybePromise<AnyRow[]> {
    for (const option of ['by', 'sum', 'avg', 'min', 'max'] as const) {
      checkNames(model, option, options[option] ?? [], this.guard !== undefined)
    }
    const query = this.#asked<AggregateQuery>(model, options)
    return this.#noted(this.queries.aggregate(this.session, model, query), () => ({ kind: 'aggregate', model, query }))
  }

  search(
    model: AnyModel,
    text: string,
    options: Asked<SearchQuery> = {},
  ): MaybePromise<{ hits: SearchHit[]; next: string | null }> {
    const asked = this.#asked<SearchQuery>(model, options)
    const found = this.#noted(this.queries.search(this.session, model, text, asked), ({ hits }) => ({
      kind: 'search',
      model,
      query: asked,
      shown: hits.map(({ row }) => row),
    }))
    return asked.where && this.guard ? chain(found, rankedByPlace) : found
  }

  /** Whether a row with this key is there to be read. */
  async isVisible(model: AnyModel, key: unknown): Promise<boolean> {
    const where = this.guard?.rule(model, 'read')
    if (where?.kind === 'constant' && !where.value) return false
    return (await this.queries.get(this.session, model, key, { where, fields: [...model.key] })) !== undefined
  }

  /** Whether a row of this unit of work, as a write returned it, meets a condition. */
  async meets(model: AnyModel, condition: Condition, row: AnyRow): Promise<boolean> {
    if (isOwnFields(model, condition)) return compileMatcher(condition)(row)
    const query = { where: condition, fields: [...model.key], withDeleted: true }
    return (await this.queries.get(this.session, model, keyOf(model, row), query)) !== undefined
  }

  /**
   * The rows for which an action is granted; undefined where that is all of them.
   *
   * @throws MonoblocError `forbidden`, or `unauthenticated` where nobody has been identified, when it is none
   */
  may(model: AnyModel, action: Action): Condition | undefined {
    const rule = this.guard?.rule(model, action)
    if (rule && this.#recorder) this.#recorder.rule(model, rule)
    if (rule?.kind !== 'constant') return rule
    if (rule.value) return undefined
    throw this.denied(model, `The policy of ${model.name} grants nobody here to ${action}.`)
  }

  /** What somebody who is known may not do; for others, an identity might grant it. */
  denied(model: AnyModel, detail: string): MonoblocError {
    return new MonoblocError(this.guard?.anonymous ? 'unauthenticated' : 'forbidden', { subject: model.name, detail })
  }

  /** @throws MonoblocError `invalid_filter`, `invalid_query`, `undefined_in_filter`, `call_invalid` */
  condition(model: AnyModel, filter: unknown): Condition {
    if (filter instanceof WireFilter) return filter.condition(this.schema, model, this.#restrict)
    try {
      return parseFilter(this.schema, model, filter, this.#restrict ? { restrict: this.#restrict } : { secret: true })
    } catch (error) {
      throw asOwnFault(error, model)
    }
  }

  /** With where its page lies, where somebody wants to know. */
  #bounded(model: AnyModel, options: Asked<FindQuery>): { query: FindQuery; bounds: PageBounds } {
    const query = this.#asked<FindQuery>(model, options)
    if (!this.#recorder) return { query, bounds: unbounded }
    const bounds: PageBounds = {}
    return { query: { ...query, bounds }, bounds }
  }

  #noted<T>(found: MaybePromise<T>, read: (result: T) => NotedRead): MaybePromise<T> {
    const recorder = this.#recorder
    if (!recorder) return found
    return chain(found, (result) => {
      recorder.note(read(result))
      return result
    })
  }

  #asked<Q extends GetQuery>(model: AnyModel, options: Asked<Q>): Q {
    if (this.#recorder) this.#recorder.pending++
    const rule = this.may(model, 'read')
    checkAsked(this.schema, model, options, this.guard !== undefined)
    if (!rule && !this.#restrict && options.where === undefined) return options as unknown as Q
    const where = options.where === undefined ? rule : both(rule, this.condition(model, options.where))
    return { ...options, where, restrict: this.#restrict } as unknown as Q
  }
}

/** Of reads that nobody keeps. */
const unbounded: PageBounds = Object.freeze({})

function recordedRule(guard: Guard, recorder: ReadRecorder): Restrict {
  return (model) => {
    const rule = guard.rule(model, 'read')
    recorder.rule(model, rule)
    return rule
  }
}

// An engine ranks by how often words occur in all rows, hidden ones included: the number would tell of them. The place
// says what a rank is for.
function rankedByPlace({ hits, next }: { hits: SearchHit[]; next: string | null }) {
  return { hits: hits.map((hit, at) => ({ ...hit, rank: (hits.length - at) / hits.length })), next }
}

/** An object that is no composite key: the key of such a model is one, with exactly its fields. */
function isFilter(model: AnyModel, key: unknown): key is object {
  if (typeof key !== 'object' || key === null || key instanceof Date) return false
  const names = Object.keys(key)
  return names.length !== model.key.length || names.some((name) => !model.key.includes(name)) || model.key.length === 1
}

/** @throws MonoblocError `undefined_in_filter`: a missing key is a mistake, not a row that is missing */
export function givenKey(model: AnyModel, key: unknown): unknown {
  if (key !== undefined && key !== null) return key
  throw new MonoblocError('undefined_in_filter', {
    subject: model.name,
    detail: `A row of ${model.name} was named by ${key}.`,
  })
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

export function both(one: Condition | undefined, other: Condition): Condition {
  return one ? allOf([one, other]) : other
}

export function missing(model: AnyModel): never {
  throw new MonoblocError('not_found', { subject: model.name })
}
