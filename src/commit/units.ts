import { MonoblocError } from '../errors.ts'
import { newTraceId } from '../observe/index.ts'
import type { MaybePromise, ReadOptions, Session, Storage, WriteOptions } from '../storage/index.ts'
import { type DbScope, ScopedDb } from './db.ts'
import type { Guard } from './guard.ts'
import type { ReadRecorder } from './reads.ts'
import { RowReader } from './rows.ts'
import { actorText, noteSystem, type ScopeOptions, SessionScope } from './session-scope.ts'
import { Turns } from './turns.ts'

export interface UnitsOptions extends ScopeOptions {
  storage: Storage
  /** Milliseconds for units that say no deadline. Default: 10,000. */
  deadline?: number
}

/** Who a unit of work acts for: a user, nobody (null), or the system. */
export type Actor = object | null | 'system'

export interface LooseOptions {
  /** Refuses every write. */
  readOnly: boolean
  /** Milliseconds for each call. */
  deadline?: number
  /** What the log is told of each write. */
  write?: Omit<WriteOptions, 'deadline'>
}

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
    options: ReadOptions & { recorder?: ReadRecorder | undefined },
    actor: Actor,
    work: (db: ScopedDb, session: Session) => MaybePromise<T>,
  ): MaybePromise<T> {
    const guard = this.#guard(actor)
    const { recorder } = options
    if (recorder) recorder.guard = guard
    return this.#options.storage.read(options, (session) => {
      // Work that starts over reads everything again.
      if (recorder) recorder.pending = 0
      return work(this.#bound(session, guard, undefined, recorder), session)
    })
  }

  /** `work` in one transaction; resolves when it is on disk. Without a trace it begins one. */
  write<T>(options: WriteOptions, actor: Actor, work: (db: ScopedDb, session: Session) => MaybePromise<T>): Promise<T> {
    const guard = this.#guard(actor)
    // The engine writes the actor down when the work is over, so that `asSystem` can still show in it.
    const noted = { ...options, actor: actorText(options.actor), trace: options.trace ?? newTraceId() }
    return this.#options.storage.write(noted, (session) => work(this.#bound(session, guard, noted), session))
  }

  /** A db of the system over a session that somebody else began, and ends. `noted` is what the log is told of it. */
  over(session: Session, noted: WriteOptions): ScopedDb {
    return this.#bound(session, undefined, noted)
  }

  /** A db each of whose calls is a unit of its own; its `transaction` is one for several. */
  loose(actor: Actor, options: LooseOptions): ScopedDb {
    const write = { ...options.write, actor: actorText(options.write?.actor) }
    return new ScopedDb(this.#looseScope(this.#guard(actor), { ...options, write }))
  }

  #guard(actor: Actor): Guard | undefined {
    return actor === 'system' ? undefined : this.#options.guardFor(actor)
  }

  #bound(
    session: Session,
    guard: Guard | undefined,
    noted: WriteOptions | undefined,
    recorder?: ReadRecorder,
  ): ScopedDb {
    return new ScopedDb(SessionScope.of(this.#options, session, guard, noted, recorder))
  }

  #looseScope(guard: Guard | undefined, options: LooseOptions, recorder?: ReadRecorder): DbScope {
    const { storage, queries, schema } = this.#options
    const deadline = options.deadline ?? this.#deadline
    const write = <T>(work: (scope: SessionScope) => MaybePromise<T>): Promise<T> => {
      if (options.readOnly) throw new MonoblocError('transaction_read_only')
      // What a transaction that writes reads is not noted, and what it does must be done again.
      if (recorder) recorder.pending++
      const noted = { ...options.write, deadline, trace: options.write?.trace ?? newTraceId() }
      return storage.write(noted, (session) => work(SessionScope.of(this.#options, session, guard, noted)))
    }
    const effects = new Turns()
    return {
      effect: (work) => effects.takeAside(() => write((scope) => scope.effect(work))),
      settled: () => effects.settled(),
      read: (work) => {
        let tries = 0
        return storage.read({ deadline }, (session) => {
          // The read that starts over is one.
          if (recorder && tries++ > 0) recorder.pending--
          return work(new RowReader(session, queries, schema, guard, recorder))
        })
      },
      write: (work) => write((scope) => scope.write(work)),
      nested: async (work) => write((scope) => work(scope)),
      as: (user) => {
        const noted = { deadline, ...options.write }
        if (!user) noteSystem(noted)
        return this.#looseScope(user && this.#guard(user), { ...options, write: noted }, recorder)
      },
      standing: { keeper: this.#options.keeper, guard, recorder, mark: undefined },
      recorded: (own) => this.#looseScope(guard, options, own),
      sql: () => {
        throw new MonoblocError('definition_invalid', {
          detail: 'Here each call is a transaction of its own: use db.transaction((db) => …db.asSystem().sql…).',
        })
      },
    }
  }
}
