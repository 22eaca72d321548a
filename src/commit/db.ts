import type { Kysely } from 'kysely'
import { MonoblocError } from '../errors.ts'
import type { AnyModel } from '../schema/index.ts'
import type { AnyRow, MaybePromise, Page, SearchHit } from '../storage/index.ts'
import type { Change, RowWriter } from './row-writer.ts'
import type { RowReader } from './rows.ts'

/** Where the calls of a `db` run: in one unit of work, or each in its own. */
export interface DbScope {
  read<T>(work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T>
  write<T>(work: (rows: RowWriter) => MaybePromise<T>): MaybePromise<T>
  nested<T>(work: (scope: DbScope) => Promise<T>): Promise<T>
  /** The same place for the system (undefined) or for a user. */
  as(user: object | undefined): DbScope
  sql(): Kysely<any>
}

/** What `Db` and `SystemDb` are at run time: every call goes to its scope. */
export class ScopedDb {
  readonly #scope: DbScope

  constructor(scope: DbScope) {
    this.#scope = scope
  }

  async get(model: AnyModel, key: unknown, options?: any): Promise<AnyRow> {
    return this.#scope.read((rows) => rows.get(model, key, options))
  }

  async find(model: AnyModel, options?: any): Promise<unknown[]> {
    return paged(await this.#scope.read((rows) => rows.find(model, options)))
  }

  async first(model: AnyModel, options?: any): Promise<AnyRow | null> {
    return this.#scope.read((rows) => rows.first(model, options))
  }

  async count(model: AnyModel, options?: any): Promise<number> {
    return this.#scope.read((rows) => rows.count(model, options))
  }

  async aggregate(model: AnyModel, options: any): Promise<AnyRow[]> {
    return this.#scope.read((rows) => rows.aggregate(model, options))
  }

  async search(model: AnyModel, text: string, options?: any): Promise<unknown[]> {
    const { hits, next } = await this.#scope.read((rows) => rows.search(model, text, options))
    return paged<SearchHit>({ rows: hits, next })
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

  async delete(model: AnyModel, target: unknown, options?: Change): Promise<AnyRow | number> {
    const filter = filterOf(model, target)
    return this.#scope.write(
      (rows): Promise<AnyRow | number> =>
        filter ? rows.deleteMany(model, filter) : rows.delete(model, target, options),
    )
  }

  async upsert(model: AnyModel, options: any): Promise<AnyRow> {
    return this.#scope.write((rows) => rows.upsert(model, options))
  }

  async transaction<T>(work: (db: ScopedDb) => Promise<T>): Promise<T> {
    return this.#scope.nested((scope) => work(new ScopedDb(scope)))
  }

  asSystem(): ScopedDb {
    return new ScopedDb(this.#scope.as(undefined))
  }

  as(user: object): ScopedDb {
    if (typeof user !== 'object' || user === null)
      throw new MonoblocError('definition_invalid', { detail: 'db.as() takes a row of the user model.' })
    return new ScopedDb(this.#scope.as(user))
  }

  get sql(): Kysely<any> {
    return this.#scope.sql()
  }

  /** The rows beneath a db, for the rooms above that need answers as JSON text and at once. */
  static read<T>(db: unknown, work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    return (db as ScopedDb).#scope.read(work)
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
