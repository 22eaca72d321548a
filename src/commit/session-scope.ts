import type { Kysely } from 'kysely'
import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import type { MaybePromise, Queries, Session, WriteOptions } from '../storage/index.ts'
import { type DbScope, ScopedDb, type Standing } from './db.ts'
import type { Guard } from './guard.ts'
import type { Hooks } from './hooks.ts'
import type { Keeper, ReadRecorder } from './reads.ts'
import { RowWriter } from './row-writer.ts'
import { RowReader } from './rows.ts'
import { Turns } from './turns.ts'

export interface ScopeOptions {
  queries: Queries
  schema: Schema
  hooks: Hooks
  /** What a user (null: nobody) may do. */
  guardFor: (user: object | null) => Guard
  /** Absent where nothing is kept. */
  keeper?: Keeper | undefined
}

/**
 * A level of transactions: `open`; `busy` while one inside it is open; `ended` when it is over. The outermost is ended
 * by the engine, which ends its session.
 */
interface Level {
  state: 'open' | 'busy' | 'ended'
}

interface Place {
  session: Session
  /** Who acts: the system when undefined. */
  guard: Guard | undefined
  /** What the log is told of this transaction; undefined in a read. */
  noted: WriteOptions | undefined
  level: Level
  /** Writes of one place run one after another, however they are called: each may be several steps. */
  turns: Turns
  /** How many hooks this place is inside of. */
  depth: number
  /** Hears of each read, where what comes of them is to be kept. */
  recorder?: ReadRecorder | undefined
  /** The keeper's mark when the unit of work began. */
  mark?: number | undefined
}

// Hooks that change rows with hooks are 2 or 3 deep. What is deeper goes round, and would until the deadline.
const deepestHook = 16

const systemNote = ' as system'

/** One unit of work's own session, as somebody may use it. */
export class SessionScope implements DbScope {
  readonly #options: ScopeOptions
  readonly #place: Place
  #reader: RowReader | undefined
  #writer: RowWriter | undefined

  constructor(options: ScopeOptions, place: Place) {
    this.#options = options
    this.#place = place
  }

  /** The outermost scope of a session. */
  static of(
    options: ScopeOptions,
    session: Session,
    guard: Guard | undefined,
    noted: WriteOptions | undefined,
    recorder?: ReadRecorder,
  ): SessionScope {
    return new SessionScope(options, {
      session,
      guard,
      noted,
      level: { state: 'open' },
      turns: new Turns(),
      depth: 0,
      recorder,
      mark: options.keeper?.mark,
    })
  }

  read<T>(work: (rows: RowReader) => MaybePromise<T>): MaybePromise<T> {
    const { session, guard, recorder } = this.#place
    if (session.writable) return work(this.#open())
    this.#check()
    const { queries, schema } = this.#options
    return work((this.#reader ??= new RowReader(session, queries, schema, guard, recorder)))
  }

  write<T>(work: (rows: RowWriter) => MaybePromise<T>): MaybePromise<T> {
    if (!this.#place.session.writable) throw new MonoblocError('transaction_read_only')
    this.#check()
    return this.#place.turns.take(() => work(this.#open()))
  }

  effect<T>(work: (rows: RowWriter, noted: WriteOptions) => MaybePromise<T>): MaybePromise<T> {
    const { session, noted, turns } = this.#place
    if (!session.writable || !noted) throw new MonoblocError('transaction_read_only')
    this.#check()
    return turns.takeAside(() => work(this.#open(), noted))
  }

  async nested<T>(work: (scope: DbScope) => Promise<T>): Promise<T> {
    const { session, level, turns } = this.#place
    this.#check()
    return turns.take(async () => {
      const inner: Level = { state: 'open' }
      level.state = 'busy'
      try {
        return await session.savepoint(() =>
          work(new SessionScope(this.#options, { ...this.#place, level: inner, turns: new Turns() })),
        )
      } finally {
        inner.state = 'ended'
        level.state = 'open'
      }
    })
  }

  get standing(): Standing {
    const { session, guard, recorder, mark } = this.#place
    return { keeper: session.writable ? undefined : this.#options.keeper, guard, recorder, mark }
  }

  recorded(recorder: ReadRecorder): DbScope {
    return new SessionScope(this.#options, { ...this.#place, recorder })
  }

  get writing(): Promise<unknown> | undefined {
    return this.#place.turns.last
  }

  settled(): Promise<unknown> | undefined {
    return this.#place.turns.settled()
  }

  as(user: object | undefined): DbScope {
    const { noted } = this.#place
    if (!user) noteSystem(noted)
    return new SessionScope(this.#options, { ...this.#place, guard: user && this.#options.guardFor(user) })
  }

  sql(): Kysely<any> {
    if (this.#place.guard) {
      throw new MonoblocError('forbidden', {
        detail: 'SQL knows no policies: say db.asSystem().sql where that is meant.',
      })
    }
    this.#check()
    const { session, recorder } = this.#place
    return this.#options.queries.kyselyFor(session, recorder?.sql)
  }

  #check(): void {
    const { state } = this.#place.level
    if (state === 'ended') throw new MonoblocError('transaction_ended')
    if (state === 'busy') throw new MonoblocError('transaction_busy')
  }

  #open(): RowWriter {
    this.#check()
    if (!this.#writer) {
      const { session, guard } = this.#place
      const { queries, schema, hooks } = this.#options
      this.#writer = new RowWriter(session, queries, schema, guard, hooks, () => this.#insideHook())
    }
    return this.#writer
  }

  // A hook runs inside a write that has its turn: its own writes take turns among themselves.
  #insideHook(): ScopedDb {
    const depth = this.#place.depth + 1
    if (depth > deepestHook) throw new MonoblocError('hook_loop')
    return new ScopedDb(new SessionScope(this.#options, { ...this.#place, turns: new Turns(), depth }))
  }
}

/** Lets the log say that a user's transaction acted as the system. */
export function noteSystem(noted: WriteOptions | undefined): void {
  if (noted?.actor && !noted.actor.endsWith(systemNote)) noted.actor += systemNote
}

/** Who acts, for the log. A key that reads as if it carried the note is quoted, as JSON has it: nobody can forge one. */
export function actorText(key: string | null | undefined): string | null {
  if (key === null || key === undefined) return null
  return key.endsWith(systemNote) || key.startsWith('"') ? JSON.stringify(key) : key
}
