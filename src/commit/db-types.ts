import type { Kysely } from 'kysely'
import type { Filter, Insert, Key, Patch, Row } from '../schema/index.ts'
import type {
  Aggregated,
  AggregateOptions,
  CountOptions,
  Database,
  FieldNames,
  FindOptions,
  Found,
  GetOptions,
  Include,
  SearchFound,
  SearchOptions,
} from '../storage/index.ts'

type ModelIn<Ms> = Ms[keyof Ms]
type Nothing = Record<never, never>

/** The rows of a page, and where the next one begins: what `after` takes; null on the last page. */
export type Rows<R> = R[] & { readonly next: string | null }

export interface ChangeOptions {
  /** The version that the change is based on. @throws MonoblocError `precondition_failed` when the row has another */
  version?: number
}

export interface DeleteOptions extends ChangeOptions {
  /** For good, and rows that are deleted already too. In models without a `t.deletedAt()` it is always so. */
  purge?: boolean
}

/**
 * The data, as one user or as the system may see and change it. In a handler it acts as the user: what the policies do
 * not grant is refused, in code as in REST.
 */
export interface Db<Ms, U> {
  /**
   * The row with this key, or the first that matches a filter: `db.get(Article, { slug })`.
   *
   * @throws MonoblocError `not_found`, also for a row that the policy hides
   */
  get<M extends ModelIn<Ms>, const F extends FieldNames<M> = never, const I extends Include<Ms, M> = Nothing>(
    model: M,
    key: Key<M> | Filter<Ms, M>,
    options?: GetOptions<Ms, M, F, I>,
  ): Promise<Found<Ms, M, { fields: NoInfer<F>[]; include: NoInfer<I> }>>

  /** The rows that match, in order. Without a limit at most 10,000. @throws MonoblocError `result_too_large` */
  find<M extends ModelIn<Ms>, const F extends FieldNames<M> = never, const I extends Include<Ms, M> = Nothing>(
    model: M,
    options?: FindOptions<Ms, M, F, I>,
  ): Promise<Rows<Found<Ms, M, { fields: NoInfer<F>[]; include: NoInfer<I> }>>>

  /** The first row that matches, or null. */
  first<M extends ModelIn<Ms>, const F extends FieldNames<M> = never, const I extends Include<Ms, M> = Nothing>(
    model: M,
    options?: FindOptions<Ms, M, F, I>,
  ): Promise<Found<Ms, M, { fields: NoInfer<F>[]; include: NoInfer<I> }> | null>

  count<M extends ModelIn<Ms>>(model: M, options?: CountOptions<Ms, M>): Promise<number>

  aggregate<M extends ModelIn<Ms>, const O extends AggregateOptions<Ms, M>>(
    model: M,
    options: O,
  ): Promise<Aggregated<M, O>[]>

  /** Full-text search over the fields that the model names, best first. */
  search<M extends ModelIn<Ms>, const O extends SearchOptions<Ms, M>>(
    model: M,
    text: string,
    options?: O,
  ): Promise<Rows<SearchFound<Ms, M, O>>>

  /**
   * Adds a row and returns it; of one that the writer may not read, its key and what was given.
   *
   * @throws MonoblocError `validation_failed`, `forbidden`, `unique_violation`, `reference_not_found`, `check_violation`
   */
  insert<M extends ModelIn<Ms>>(model: M, input: Insert<M>): Promise<Row<M>>
  /** Adds all of them or none. */
  insert<M extends ModelIn<Ms>>(model: M, inputs: readonly Insert<M>[]): Promise<Row<M>[]>

  /**
   * Changes one row and returns it. It must be one that may be read, too. As the system, `{ deletedAt: null }` brings a
   * deleted row back.
   *
   * @throws MonoblocError `not_found`, `forbidden`, `precondition_failed`, and what an insert throws
   */
  update<M extends ModelIn<Ms>>(model: M, key: Key<M>, patch: Patch<M>, options?: ChangeOptions): Promise<Row<M>>
  /** Changes the rows that match and returns how many there were. */
  update<M extends ModelIn<Ms>>(model: M, target: { where: Filter<Ms, M> }, patch: Patch<M>): Promise<number>

  /**
   * Deletes one row and returns it as it was. In a model with a `t.deletedAt()` that is set instead, and returned with
   * the rest; rows that refer to it are left as they are.
   *
   * @throws MonoblocError `not_found`, `forbidden`, `reference_in_use`
   */
  delete<M extends ModelIn<Ms>>(model: M, key: Key<M>, options?: DeleteOptions): Promise<Row<M>>
  /** Deletes the rows that match and returns how many there were. */
  delete<M extends ModelIn<Ms>>(
    model: M,
    target: { where: Filter<Ms, M> },
    options?: Pick<DeleteOptions, 'purge'>,
  ): Promise<number>

  /**
   * Inserts, or updates the row that has the same values in the `match` fields, which are the key or a unique
   * constraint; without `update` that row is left as it is. One that may not be read is not found.
   */
  upsert<M extends ModelIn<Ms>>(
    model: M,
    options: { match: readonly (keyof Insert<M> & string)[]; insert: Insert<M>; update?: Patch<M> },
  ): Promise<Row<M>>

  /**
   * A transaction inside this one (a savepoint): undone alone when it throws. Until it ends this `db` is busy: use the
   * one that `work` is given. Outside a transaction, one of its own.
   */
  transaction<T>(work: (db: this) => Promise<T>): Promise<T>

  /** The same transaction without policies. The log says so. */
  asSystem(): SystemDb<Ms, U>
  /** The same transaction as this user. */
  as(user: Row<U>): Db<Ms, U>
}

/** The data as the system sees it: no policy is asked. */
export interface SystemDb<Ms, U> extends Db<Ms, U> {
  /**
   * Typed SQL in the same transaction: everything that SQL can say. Its changes are logged like all others. With models
   * `any`, as in a migration, any table and column.
   */
  readonly sql: Kysely<0 extends 1 & Ms ? any : Database<Ms>>

  /**
   * Removes every row of a model (TRUNCATE), deleted ones too, without hooks, and returns how many there were. The log is
   * told once that the table is empty. Rows that refer to them go, or refer to nothing, as their `onDelete` says.
   *
   * @throws MonoblocError `reference_in_use`
   */
  empty<M extends ModelIn<Ms>>(model: M): Promise<number>
}
