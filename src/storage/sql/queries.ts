import type { Kysely } from 'kysely'
import type { AnyModel, Condition, Schema } from '../../schema/index.ts'
import type { MaybePromise, Session } from '../storage.ts'
import { Aggregates } from './aggregates.ts'
import type { Dialect } from './dialect.ts'
import { Inserts } from './inserts.ts'
import { LinkWriter } from './links.ts'
import { ModelPlans } from './model-plan.ts'
import { type Purged, Purges } from './purges.ts'
import type {
  AggregateQuery,
  AnyRow,
  ChangeQuery,
  CountQuery,
  DeleteQuery,
  FindQuery,
  GetQuery,
  JsonPage,
  Page,
  SearchPage,
  SearchQuery,
  WriteQuery,
} from './query.ts'
import { Reads } from './reads.ts'
import { References } from './references.ts'
import { Searches } from './searches.ts'
import { kyselyFor, type OnQuery } from './session-kysely.ts'
import { Updates } from './updates.ts'

export interface QueriesOptions {
  /** Milliseconds since 1970: what `createdAt`, `updatedAt` and new ids go by. Default: the system's clock. */
  now?: () => number
}

/**
 * What a model's rows are asked and told in SQL. Each call is one statement (writes with links are a few), whose
 * template was compiled when its shape was first seen. Answers of an engine in this process come at once.
 */
export class Queries {
  readonly dialect: Dialect
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly #reads: Reads
  readonly #aggregates: Aggregates
  readonly #searches: Searches
  readonly #inserts: Inserts
  readonly #updates: Updates
  readonly #purges: Purges

  constructor(dialect: Dialect, schema: Schema, { now = Date.now }: QueriesOptions = {}) {
    const plans = new ModelPlans(dialect, schema)
    const links = new LinkWriter(plans)
    const references = new References(plans)
    this.dialect = dialect
    this.now = now
    this.#reads = new Reads(plans)
    this.#aggregates = new Aggregates(plans)
    this.#searches = new Searches(plans)
    this.#inserts = new Inserts(plans, now, links, references)
    this.#updates = new Updates(plans, now, links, references, this.#reads)
    this.#purges = new Purges(plans)
  }

  get(session: Session, model: AnyModel, key: unknown, query?: GetQuery): MaybePromise<AnyRow | undefined> {
    return this.#reads.get(session, model, key, query)
  }

  /** `get` as one JSON document. */
  getJson(session: Session, model: AnyModel, key: unknown, query?: GetQuery): MaybePromise<string | undefined> {
    return this.#reads.getJson(session, model, key, query)
  }

  /** @throws MonoblocError `invalid_query`, `invalid_filter`, `invalid_cursor`, `result_too_large` */
  find(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<Page> {
    return this.#reads.find(session, model, query)
  }

  /** `find` as one JSON array, made by the database where no field needs code. */
  findJson(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<JsonPage> {
    return this.#reads.findJson(session, model, query)
  }

  first(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<AnyRow | undefined> {
    return this.#reads.first(session, model, query)
  }

  count(session: Session, model: AnyModel, query?: CountQuery): MaybePromise<number> {
    return this.#reads.count(session, model, query)
  }

  /** One row for each group: the `by` fields, `count`, and `sum`, `avg`, `min`, `max` as objects by field. */
  aggregate(session: Session, model: AnyModel, query: AggregateQuery): MaybePromise<AnyRow[]> {
    return this.#aggregates.aggregate(session, model, query)
  }

  /** Full-text search, best first. */
  search(session: Session, model: AnyModel, text: string, query?: SearchQuery): MaybePromise<SearchPage> {
    return this.#searches.search(session, model, text, query)
  }

  /** @throws MonoblocError `unique_violation`, `reference_not_found`, `check_violation`, with the fields */
  insert(session: Session, model: AnyModel, values: AnyRow, query?: WriteQuery): MaybePromise<AnyRow> {
    return this.#inserts.insert(session, model, values, query)
  }

  /** All or none. */
  insertMany(session: Session, model: AnyModel, values: readonly AnyRow[], query?: WriteQuery): MaybePromise<AnyRow[]> {
    return this.#inserts.insertMany(session, model, values, query)
  }

  /** The new row, or undefined when there is none that may be changed. Links that are given are replaced. */
  update(
    session: Session,
    model: AnyModel,
    key: unknown,
    patch: AnyRow,
    query?: ChangeQuery,
  ): MaybePromise<AnyRow | undefined> {
    return this.#updates.update(session, model, key, patch, query)
  }

  /** How many rows changed. */
  updateMany(session: Session, model: AnyModel, where: Condition, patch: AnyRow): MaybePromise<number> {
    return this.#updates.updateMany(session, model, where, patch)
  }

  /**
   * The row that went (in models with a `t.deletedAt()`, as it is now that this is set), or undefined.
   *
   * @throws MonoblocError `reference_in_use` with what refers to it
   */
  delete(session: Session, model: AnyModel, key: unknown, query?: DeleteQuery): MaybePromise<AnyRow | undefined> {
    return this.#updates.delete(session, model, key, query)
  }

  deleteMany(
    session: Session,
    model: AnyModel,
    where: Condition,
    query?: Pick<DeleteQuery, 'purge'>,
  ): MaybePromise<number> {
    return this.#updates.deleteMany(session, model, where, query)
  }

  /**
   * Deletes for good at most `most` rows that were deleted softly before an instant, oldest first. Those that are held by
   * rows which would go with them are counted, and passed over by the next call that gives their number to `skip`.
   */
  purge(session: Session, model: AnyModel, before: Date, most: number, skip = 0): MaybePromise<Purged> {
    return this.#purges.purge(session, model, before, most, skip)
  }

  /** Typed SQL in the session's own transaction. @param onQuery hears of each statement before it runs */
  kyselyFor<Db>(session: Session, onQuery?: OnQuery): Kysely<Db> {
    return kyselyFor<Db>(this.dialect, session, onQuery)
  }
}
