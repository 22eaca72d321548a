import { MonoblocError } from '../errors.ts'
import { type AnyModel, allOf, type Condition, type Field, parseFilter, type Schema } from '../schema/index.ts'
import {
  type AggregateQuery,
  type AnyRow,
  chain,
  type FindQuery,
  type GetQuery,
  type JsonPage,
  type MaybePromise,
  type Page,
  type Queries,
  type Restrict,
  type SearchHit,
  type SearchQuery,
  type Session,
} from '../storage/index.ts'
import type { Action, Guard } from './guard.ts'

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

  /** @param guard who acts; the system when undefined */
  constructor(session: Session, queries: Queries, schema: Schema, guard: Guard | undefined) {
    this.session = session
    this.queries = queries
    this.schema = schema
    this.guard = guard
    this.#restrict = guard && ((model) => guard.rule(model, 'read'))
  }

  /** @param key the key, or a filter whose first row is meant */
  get(model: AnyModel, key: unknown, options: Asked<GetQuery> = {}): MaybePromise<AnyRow> {
    const found = isFilter(model, key)
      ? this.queries.first(this.session, model, this.#asked(model, { ...options, where: key }))
      : this.queries.get(this.session, model, key, this.#asked(model, options))
    return chain(found, (row) => row ?? missing(model))
  }

  /** The row as one JSON document. */
  getJson(model: AnyModel, key: unknown, options: Asked<GetQuery> = {}): MaybePromise<string> {
    return chain(
      this.queries.getJson(this.session, model, key, this.#asked(model, options)),
      (json) => json ?? missing(model),
    )
  }

  find(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<Page> {
    return this.queries.find(this.session, model, this.#asked(model, options))
  }

  findJson(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<JsonPage> {
    return this.queries.findJson(this.session, model, this.#asked(model, options))
  }

  first(model: AnyModel, options: Asked<FindQuery> = {}): MaybePromise<AnyRow | null> {
    return chain(this.queries.first(this.session, model, this.#asked(model, options)), (row) => row ?? null)
  }

  count(model: AnyModel, options: Asked<Pick<FindQuery, 'where' | 'search'>> = {}): MaybePromise<number> {
    return this.queries.count(this.session, model, this.#asked(model, options))
  }

  aggregate(model: AnyModel, options: Asked<AggregateQuery>): MaybePromise<AnyRow[]> {
    for (const names of [options.by, options.sum, options.avg, options.min, options.max])
      this.#refuseSecrets(model, names)
    return this.queries.aggregate(this.session, model, this.#asked(model, options))
  }

  search(
    model: AnyModel,
    text: string,
    options: Asked<SearchQuery> = {},
  ): MaybePromise<{ hits: SearchHit[]; next: string | null }> {
    return this.queries.search(this.session, model, text, this.#asked(model, options))
  }

  /** Whether a row with this key is there to be read. */
  async isVisible(model: AnyModel, key: unknown): Promise<boolean> {
    const where = this.may(model, 'read')
    const row = await this.queries.get(
      this.session,
      model,
      key,
      where ? { where, fields: [...model.key] } : { fields: [...model.key] },
    )
    return row !== undefined
  }

  /**
   * The rows for which an action is granted; undefined where that is all of them.
   *
   * @throws MonoblocError `forbidden`, or `unauthenticated` where nobody has been identified, when it is none
   */
  may(model: AnyModel, action: Action): Condition | undefined {
    const rule = this.guard?.rule(model, action)
    if (rule?.kind !== 'constant') return rule
    if (rule.value) return undefined
    throw new MonoblocError(this.guard?.anonymous ? 'unauthenticated' : 'forbidden', {
      subject: model.name,
      detail: `The policy of ${model.name} grants nobody here to ${action}.`,
    })
  }

  /** @throws MonoblocError `invalid_filter`, `undefined_in_filter` */
  condition(model: AnyModel, filter: unknown): Condition {
    return parseFilter(this.schema, model, filter, this.#restrict ? { restrict: this.#restrict } : { secret: true })
  }

  #asked<Q extends GetQuery>(model: AnyModel, options: Asked<Q>): Q {
    const rule = this.may(model, 'read')
    this.#refuseSecrets(model, (options as GetQuery).fields)
    if (!rule && !this.#restrict && options.where === undefined) return options as unknown as Q
    const where = options.where === undefined ? rule : both(rule, this.condition(model, options.where))
    return { ...options, where, restrict: this.#restrict } as unknown as Q
  }

  #refuseSecrets(model: AnyModel, names: readonly string[] | undefined): void {
    if (!this.guard || !names) return
    for (const name of names) {
      if ((model.fields as Map<string, Field>).get(name)?.options.writeOnly) {
        throw new MonoblocError('forbidden', {
          subject: model.name,
          detail: `${model.name}.${name} is write-only: only the system may ask for it.`,
        })
      }
    }
  }
}

// A composite key is an object too, and as a filter it means the same.
function isFilter(model: AnyModel, key: unknown): boolean {
  return typeof key === 'object' && key !== null && model.key.length === 1
}

export function both(one: Condition | undefined, other: Condition): Condition {
  return one ? allOf([one, other]) : other
}

export function missing(model: AnyModel): never {
  throw new MonoblocError('not_found', { subject: model.name })
}
