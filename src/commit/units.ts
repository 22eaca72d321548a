import type { Kysely } from 'kysely'
import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import type { MaybePromise, Queries, ReadOptions, Session, Storage, WriteOptions } from '../storage/index.ts'
import { type DbScope, ScopedDb } from './db.ts'
import type { Guard } from './guard.ts'
import type { Hooks } from './hooks.ts'
import { RowWriter } from './row-writer.ts'
import { RowReader } from './rows.ts'

export interface UnitsOptions {
  storage: Storage
  queries: Queries
  schema: Schema
  hooks: Hooks
  /** What a user (null: nobody) may do. */
  guardFor: (user: object | null) => Guard
  /** Milliseconds for units that say no deadline. Default: 10,000. */
  deadline?: number
}

/** Who a unit of work acts for: a user, nobody (null), or the system. */
export type Actor = object | null | 'system'

const systemNote = ' as system'

/**
 * Units of work: a `db` over one snapshot, one transaction, or neither.
 */
export class Units {
  readonly #options: UnitsOptions
  readonly #deadline: number

  constructor(options: UnitsOptions) {
    this.#options = options
    this.#deadline = options.deadline ?? 10_000
  }

  /** `work` over one snapshot. It may start over, on another one. */
  read<T>(
    options: ReadOptions,
    actor: Actor,
    work: (db: ScopedDb, session: Session) => MaybePromise<T>,
  ): MaybePromise<T> {
    const guard = this.#guard(actor)
    return this.#options.storage.read(options, (session) => work(this.#bound(session, guard), session))
  }

  /** `work` in one transaction; resolves when it is on disk. */
  write<T>(options: WriteOptions, actor: Actor, work: (db: ScopedDb, session: Session) => MaybePromise<T>): Promise<T> {
    const guard = this.#guard(actor)
    // The engine writes the actor down when the work is over, so that `asSystem` can still show in it.
    const noted = { ...options }
    return this.#options.storage.write(noted, (session) => work(this.#bound(session, guard, noted), session))
  }

  /** A db each of whose calls is a unit of its own; its `transaction` is one for several. */
  loose(
    actor: Actor,
    options: { readOnly: boolean; deadline?: number; write?: Omit<WriteOptions, 'deadline'> },
  ): ScopedDb {
    return new ScopedDb(this.#looseScope(this.#guard(actor), options))
  }

  #guard(actor: Actor): Guard | undefined {
    return actor === 'system' ? undefined : this.#options.guardFor(actor)
  }

  #bound(session: Session, guard: Guard | undefined, noted?: WriteOptions): ScopedDb {
    return new ScopedDb(new SessionScope(this.#options, session, guard, noted))
  }

  #looseScope(
    guard: Guard | undefined,
    options: { readOnly: boolean; deadline?: number; write?: Omit<WriteOptions, 'deadline'> },
  ): DbScope {
    const { storage, queries, schema } = this.#options
    const deadline = options.deadline ?? this.#deadline
    const write = <T>(work: (scope: SessionScope) => MaybePromise<T>): Promise<T> => {
      if (options.readOnly) throw readOnly()
      const noted = { ...options.write, deadline }
      return storage.write(noted, (session) => work(new SessionScope(this.#options, session, guard, noted)))
    }
    return {
      read: (work) => storage.read({ deadline }, (session) => work(new RowReader(session, queries, schema, guard))),
      write: (work) => write((scope) => scope.write(work)),
      nested: (work) => write((scope) => work(scope)),
      as: (user) => this.#looseScope(user ? this.#guard(user) : undefined, options),
      sql: () => {
        throw new MonoblocError('definition_invalid', {
          detail: 'Here each call is a transaction of its own: use db.transaction((db) => …db.asSystem().sql…).',
        })
      },
    }
  }
}

/** One unit of work's own session. Open until the engine ends the session, or until a nested one is over. */
class SessionScope implements DbScope {
  readonly #options: UnitsOptions
  readonly #session: Session
  readonly #guard: Guard | undefined
  readonly #noted: WriteOptions | undefined
  readonly #level: { state: 'open' | 'busy' | 'ended' }
  #rows: RowWriter | undefined

  constructor(
    options: UnitsOptions,
    session: Session,
    guard: Guard | undefined,
    noted: WriteOptions | undefined,
    level?: { state: 'open' | 'busy' | 'ended' },
  ) {
    this.#options = options
    this.#session = session
    this.#guard = guard
    this.#noted = noted
    this.#level = level ?? { state: 'open' }
  }

  read<T>(work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    return work(this.#open())
  }

  write<T>(work: (rows: RowWriter) => MaybePromise<T>): MaybePromise<T> {
    if (!this.#session.writable) throw readOnly()
    return work(this.#open())
  }

  async nested<T>(work: (scope: DbScope) => Promise<T>): Promise<T> {
    this.#open()
    const inner = { state: 'open' as const } as { state: 'open' | 'busy' | 'ended' }
    this.#level.state = 'busy'
    try {
      return await this.#session.savepoint(() =>
        work(new SessionScope(this.#options, this.#session, this.#guard, this.#noted, inner)),
      )
    } finally {
      inner.state = 'ended'
      this.#level.state = 'open'
    }
  }

  as(user: object | undefined): DbScope {
    if (!user && this.#noted?.actor && !this.#noted.actor.endsWith(systemNote)) this.#noted.actor += systemNote
    return new SessionScope(
      this.#options,
      this.#session,
      user && this.#options.guardFor(user),
      this.#noted,
      this.#level,
    )
  }

  sql(): Kysely<any> {
    if (this.#guard) {
      throw new MonoblocError('forbidden', {
        detail: 'SQL knows no policies: say db.asSystem().sql where that is meant.',
      })
    }
    this.#open()
    return this.#options.queries.kyselyFor(this.#session)
  }

  #open(): RowWriter {
    if (this.#level.state === 'ended') throw new MonoblocError('transaction_ended')
    if (this.#level.state === 'busy') throw new MonoblocError('transaction_busy')
    if (!this.#rows) {
      const { queries, schema, hooks } = this.#options
      this.#rows = new RowWriter(this.#session, queries, schema, this.#guard, hooks, () => new ScopedDb(this))
    }
    return this.#rows
  }
}

function readOnly(): MonoblocError {
  return new MonoblocError('transaction_read_only')
}
