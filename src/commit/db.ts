import type { Kysely } from 'kysely'
import { MonoblocError } from '../errors.ts'
import type { AnyModel } from '../schema/index.ts'
import type { AnyRow, MaybePromise, Page, SearchHit, WriteOptions } from '../storage/index.ts'
import { Calls, type CallsLeft, missingAwait } from './calls.ts'
import type { Guard } from './guard.ts'
import { asOwnFault } from './own-fault.ts'
import type { Keeper, ReadRecorder } from './reads.ts'
import type { Change, Deletion, RowWriter } from './row-writer.ts'
import type { RowReader } from './rows.ts'

/** What a result that is to be kept has to know of where it was made. */
export interface Standing {
  /** Undefined inside a transaction that writes, and where nothing is kept. */
  keeper: Keeper | undefined
  /** Who acts: the system when undefined. */
  guard: Guard | undefined
  /** Of what this is a part of. */
  recorder: ReadRecorder | undefined
  /** The keeper's mark when the unit of work began; undefined where each call is one. */
  mark: number | undefined
}

/** Where the calls of a `db` run: in one unit of work, or each in its own. */
export interface DbScope {
  read<T>(work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T>
  write<T>(work: (rows: RowWriter) => MaybePromise<T>): MaybePromise<T>
  /** What goes along with the unit of work and nobody need wait for: events, jobs. `noted` is what the log is told of it. */
  effect<T>(work: (rows: RowWriter, noted: WriteOptions) => MaybePromise<T>): MaybePromise<T>
  /** The end of such effects that are under way, once; undefined when there are none. Rejects with the first that failed. */
  settled(): Promise<unknown> | undefined
  nested<T>(work: (scope: DbScope) => Promise<T>): Promise<T>
  /** The same place for the system (undefined) or for a user. */
  as(user: object | undefined): DbScope
  sql(): Kysely<any>
  readonly standing: Standing
  /** The same place, whose reads are recorded. */
  recorded(recorder: ReadRecorder): DbScope
  /** The end of the writes of this unit of work that are under way. */
  readonly writing?: Promise<unknown> | undefined
}

const calls = [
  'get',
  'find',
  'first',
  'count',
  'aggregate',
  'search',
  'insert',
  'update',
  'delete',
  'empty',
  'upsert',
] as const

/** What `Db` and `SystemDb` are at run time: every call goes to its scope. */
export class ScopedDb {
  readonly #scope: DbScope
  /** Made with the first call: most reads of resources make none. */
  #calls: Calls | undefined

  constructor(scope: DbScope, calls?: Calls) {
    this.#scope = scope
    this.#calls = calls
  }

  static {
    const methods = ScopedDb.prototype as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>
    for (const verb of calls) {
      const call = methods[verb]!
      methods[verb] = function (this: ScopedDb, model, target, change, options) {
        this.#calls ??= new Calls()
        return this.#calls.note(verb, model as AnyModel, call.call(this, model, target, change, options))
      } as (this: unknown, ...given: unknown[]) => Promise<unknown>
    }
  }

  async get(model: AnyModel, key: unknown, options?: any): Promise<AnyRow> {
    return this.#read(model, (rows) => rows.get(model, key, options))
  }

  async find(model: AnyModel, options?: any): Promise<unknown[]> {
    return paged(await this.#read(model, (rows) => rows.find(model, options)))
  }

  async first(model: AnyModel, options?: any): Promise<AnyRow | null> {
    return this.#read(model, (rows) => rows.first(model, options))
  }

  async count(model: AnyModel, options?: any): Promise<number> {
    return this.#read(model, (rows) => rows.count(model, options))
  }

  async aggregate(model: AnyModel, options: any): Promise<AnyRow[]> {
    return this.#read(model, (rows) => rows.aggregate(model, options))
  }

  async search(model: AnyModel, text: string, options?: any): Promise<unknown[]> {
    const { hits, next } = await this.#read(model, (rows) => rows.search(model, text, options))
    return paged<SearchHit>({ rows: hits, next })
  }

  #read<T>(model: AnyModel, work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    return this.#scope.read((rows) => {
      try {
        return work(rows)
      } catch (error) {
        throw asOwnFault(error, model)
      }
    })
  }

  async insert(model: AnyModel, input: unknown): Promise<AnyRow | AnyRow[]> {
    return this.#scope.write(
      (rows): Promise<AnyRow | AnyRow[]> =>
        Array.isArray(input) ? rows.insertMany(model, input) : rows.insert(model, input),
    )
  }

  async update(model: AnyModel, target: unknown, patch: unknown, options?: Change): Promise<AnyRow | number> {
    const filter = filterOf(model, target)
    return this.#scope.write(
      (rows): Promise<AnyRow | number> =>
        filter ? rows.updateMany(model, filter, patch) : rows.update(model, target, patch, options),
    )
  }

  async delete(model: AnyModel, target: unknown, options?: Deletion): Promise<AnyRow | number> {
    const filter = filterOf(model, target)
    return this.#scope.write(
      (rows): Promise<AnyRow | number> =>
        filter ? rows.deleteMany(model, filter, options) : rows.delete(model, target, options),
    )
  }

  async empty(model: AnyModel): Promise<number> {
    return this.#scope.write((rows) => rows.empty(model))
  }

  async upsert(model: AnyModel, options: any): Promise<AnyRow> {
    return this.#scope.write((rows) => rows.upsert(model, options))
  }

  transaction<T>(work: (db: ScopedDb) => Promise<T>): Promise<T> {
    this.#calls ??= new Calls()
    const nested = async () => this.#scope.nested((scope) => ScopedDb.whole(new ScopedDb(scope), work))
    return this.#calls.note('transaction', undefined, nested())
  }

  asSystem(): ScopedDb {
    return new ScopedDb(this.#scope.as(undefined), (this.#calls ??= new Calls()))
  }

  as(user: object): ScopedDb {
    if (typeof user !== 'object' || user === null)
      throw new MonoblocError('definition_invalid', { detail: 'db.as() takes a row of the user model.' })
    return new ScopedDb(this.#scope.as(user), (this.#calls ??= new Calls()))
  }

  get sql(): Kysely<any> {
    return this.#scope.sql()
  }

  /** The rows beneath a db, for the rooms above that need answers as JSON text and at once. */
  static read<T>(db: unknown, work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    return (db as ScopedDb).#scope.read(work)
  }

  /** As `read`, for rows of no model: nothing tells when they change, so that what comes of them is not kept. */
  static beneath<T>(db: unknown, work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    const { recorder } = ScopedDb.standing(db)
    if (recorder) recorder.pending++
    return ScopedDb.read(db, work)
  }

  static standing(db: unknown): Standing {
    return (db as ScopedDb).#scope.standing
  }

  /** A db of the same place, whose reads are recorded. */
  static recorded<D>(db: D, recorder: ReadRecorder): D {
    return new ScopedDb((db as ScopedDb).#scope.recorded(recorder)) as D
  }

  /** A new row, which `documentOf` has as a document where that costs nothing more. */
  static insert(db: unknown, model: AnyModel, input: unknown): MaybePromise<AnyRow> {
    return (db as ScopedDb).#scope.write((rows) => rows.insert(model, input, true))
  }

  /**
   * Does what goes along with the unit of work of a db: it commits with it, or is undone with it. Outside a transaction it
   * is one of its own. Nobody need wait for the promise, nor look at how it ends: the unit of work does.
   *
   * @throws MonoblocError `transaction_read_only`, `transaction_ended`, `transaction_busy`
   */
  static effect<T>(db: unknown, work: (rows: RowWriter, noted: WriteOptions) => MaybePromise<T>): Promise<T> {
    const result = (db as ScopedDb).#scope.effect(work)
    if (!(result instanceof Promise)) return Promise.resolve(result)
    result.catch(() => {})
    return result
  }

  /**
   * Sees that all calls of a db, and of those made of it, have been waited for.
   *
   * @returns the end of its effects, where it has some under way
   * @throws MonoblocError `missing_await`
   */
  static finish(db: unknown): Promise<unknown> | undefined {
    const left = ScopedDb.#left(db)
    if (left) throw left.error
    if (typeof db !== 'object' || db === null || !(#scope in db)) return undefined
    return db.#scope.settled()
  }

  /** All of some work with a db, its calls included. @throws MonoblocError `missing_await`, once they have ended */
  static async whole<D, T>(db: D, work: (db: D) => T): Promise<Awaited<T>> {
    const result = await work(db)
    const left = ScopedDb.#left(db)
    if (left) {
      await left.ended
      throw left.error
    }
    if (typeof db === 'object' && db !== null && #scope in db) await db.#scope.settled()
    return result
  }

  static #left(db: unknown): CallsLeft | undefined {
    if (typeof db !== 'object' || db === null || !(#calls in db) || !db.#calls) return undefined
    const left = db.#calls.left()
    const { writing } = db.#scope
    if (left || !writing) return left
    return { error: missingAwait('a write that is still under way'), ended: writing }
  }
}

// `next` is not part of the list's content: it is neither iterated nor written as JSON.
function paged<R>(page: Page | { rows: R[]; next: string | null }): unknown[] {
  return Object.defineProperty(page.rows, 'next', { value: page.next })
}

/** The filter of a target that is one; undefined for a key. */
function filterOf(model: AnyModel, target: unknown): unknown {
  if (target === undefined || target === null) {
    throw new MonoblocError('undefined_in_filter', {
      subject: model.name,
      detail: `A row of ${model.name} was named by ${target}.`,
    })
  }
  if (typeof target !== 'object' || !('where' in target)) return undefined
  if (Object.keys(target).length > 1) {
    throw new MonoblocError('definition_invalid', {
      subject: model.name,
      detail: `Rows of ${model.name} are named by a key or by { where } alone, not by ${Object.keys(target).join(', ')}.`,
    })
  }
  if (target.where === undefined) throw new MonoblocError('undefined_in_filter', { subject: model.name })
  return target.where
}
