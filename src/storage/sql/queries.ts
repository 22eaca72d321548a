import type { Kysely } from 'kysely'
import type { AnyModel, Condition, Schema } from '../../schema/index.ts'
import type { MaybePromise, Session } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import type {
  AggregateQuery,
  AnyRow,
  ChangeQuery,
  FindQuery,
  GetQuery,
  JsonPage,
  Page,
  SearchPage,
  SearchQuery,
  UpsertQuery,
  WriteQuery,
} from './query.ts'

/** What a model's rows are asked and told in SQL: templates compiled once for each shape, filled in for each call. */
export declare class Queries {
  constructor(dialect: Dialect, schema: Schema)
  get(session: Session, model: AnyModel, key: unknown, query?: GetQuery): MaybePromise<AnyRow | undefined>
  /** `get` as one JSON document. */
  getJson(session: Session, model: AnyModel, key: unknown, query?: GetQuery): MaybePromise<string | undefined>
  find(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<Page>
  findJson(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<JsonPage>
  first(session: Session, model: AnyModel, query?: FindQuery): MaybePromise<AnyRow | undefined>
  count(session: Session, model: AnyModel, query?: Pick<FindQuery, 'where' | 'search'>): MaybePromise<number>
  /** One row for each group: the `by` fields, `count`, and `sum`, `avg`, `min`, `max` as objects by field. */
  aggregate(session: Session, model: AnyModel, query: AggregateQuery): MaybePromise<AnyRow[]>
  search(session: Session, model: AnyModel, text: string, query?: SearchQuery): MaybePromise<SearchPage>
  insert(session: Session, model: AnyModel, values: AnyRow, query?: WriteQuery): MaybePromise<AnyRow>
  insertMany(session: Session, model: AnyModel, values: readonly AnyRow[], query?: WriteQuery): MaybePromise<AnyRow[]>
  /** The new row, or undefined when there is none that may be changed. */
  update(
    session: Session,
    model: AnyModel,
    key: unknown,
    patch: AnyRow,
    query?: ChangeQuery,
  ): MaybePromise<AnyRow | undefined>
  /** How many rows changed. */
  updateMany(session: Session, model: AnyModel, where: Condition, patch: AnyRow): MaybePromise<number>
  /** The row that went, or undefined. */
  delete(session: Session, model: AnyModel, key: unknown, query?: ChangeQuery): MaybePromise<AnyRow | undefined>
  deleteMany(session: Session, model: AnyModel, where: Condition): MaybePromise<number>
  upsert(session: Session, model: AnyModel, query: UpsertQuery): MaybePromise<AnyRow>
  /** Typed SQL in the session's own transaction. */
  kyselyFor<Db>(session: Session): Kysely<Db>
}
