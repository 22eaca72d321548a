import { setTimeout as wait } from 'node:timers/promises'
import { type ErrorCode, MonoblocError } from '../../errors.ts'
import { chain } from '../sql/maybe-promise.ts'
import type { MaybePromise, Session, SqlRow, SqlValue, Statement } from '../storage.ts'
import type { RawResult, SqliteConnection } from './sqlite-connection.ts'
import { isBusy, lockedOut } from './sqlite-errors.ts'
import { endSnapshot, type SharedSnapshot } from './sqlite-read-round.ts'

/** Thrown by a session whose work must start over in a reader process. It stays inside the engine. */
export class MoveToReader extends Error {
  constructor() {
    super('this read starts over in a reader process')
    this.name = 'MoveToReader'
  }
}

/** Between two tries of a statement that found the file locked. Taking up a log of some megabytes takes as long. */
const lockedMillis = 5

/** Where a session gets its connection when it first needs one. */
export interface ConnectionSource {
  /** A free connection at once, or a promise of the next, which is given up at the session's deadline. */
  take(session: SqliteReadSession): SqliteConnection | Promise<SqliteConnection>
  give(connection: SqliteConnection): void
  /** A connection for one statement, whose snapshot others of this round see too; undefined where none is free. */
  join(): SqliteConnection | undefined
  /** A snapshot that others of this round see too; undefined where none is free. */
  share(): SharedSnapshot | undefined
  unshare(snapshot: SharedSnapshot): void
  /** May the statement run here, where nothing can stop it? */
  isBounded(connection: SqliteConnection, statement: Statement): boolean
}

/**
 * One snapshot on a connection of this process. It begins with the first statement, so that a handler which asks
 * nothing holds nothing. The last statement of all needs no transaction where it is the first, too: it has a snapshot of
 * its own, or that of its round. A handler that has just been asked sees the snapshot of its round, if that is free.
 *
 * - fresh: no connection yet.
 * - open: a snapshot is held.
 * - moved: a statement turned out to be unbounded. Every call throws, whatever the work does with the first throw, and
 *   its result is thrown away.
 * - ended: over, or past its deadline.
 */
export class SqliteReadSession implements Session {
  readonly writable = false
  readonly position = undefined
  readonly #source: ConnectionSource
  readonly #deadline: number
  #deadlineAt: number | undefined
  #arriving: boolean
  #asked = false
  #last = false
  #connection: SqliteConnection | undefined
  #shared: SharedSnapshot | undefined
  #ended: ErrorCode | undefined
  moved = false

  /** @param deadline in milliseconds, and @param arriving as in `ReadOptions` */
  constructor(source: ConnectionSource, deadline: number, arriving: boolean) {
    this.#source = source
    this.#deadline = deadline
    this.#arriving = arriving
  }

  /** Counted from the first wait, of which most reads have none: the clock would cost them as much as a statement's plan. */
  get deadlineAt(): number {
    return (this.#deadlineAt ??= performance.now() + this.#deadline)
  }

  /** The work waits for something: what it asks first after that may depend on a later commit than its round's. */
  waits(): void {
    this.#arriving = false
  }

  last(): void {
    if (!this.#asked) this.#last = true
  }

  all(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow[]> {
    try {
      const connection = this.#open()
      if (connection instanceof Promise) return this.#later(connection, () => this.all(statement, values))
      return this.#bounded(connection, statement).all(statement, values)
    } catch (error) {
      return this.#unlocked(error, () => this.all(statement, values))
    }
  }

  first(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow | undefined> {
    try {
      const connection = this.#open()
      if (connection instanceof Promise) return this.#later(connection, () => this.first(statement, values))
      return this.#bounded(connection, statement).first(statement, values)
    } catch (error) {
      return this.#unlocked(error, () => this.first(statement, values))
    }
  }

  value(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue | undefined> {
    return chain(this.cells(statement, values), (cells) => cells?.[0])
  }

  cells(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[] | undefined> {
    try {
      const connection = this.#open()
      if (connection instanceof Promise) return this.#later(connection, () => this.cells(statement, values))
      return this.#bounded(connection, statement).cells(statement, values)
    } catch (error) {
      return this.#unlocked(error, () => this.cells(statement, values))
    }
  }

  rows(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[][]> {
    try {
      const connection = this.#open()
      if (connection instanceof Promise) return this.#later(connection, () => this.rows(statement, values))
      return this.#bounded(connection, statement).rows(statement, values)
    } catch (error) {
      return this.#unlocked(error, () => this.rows(statement, values))
    }
  }

  run(): never {
    throw new MonoblocError('transaction_read_only')
  }

  raw(): MaybePromise<RawResult> {
    this.#check()
    this.moved = true
    throw new MoveToReader()
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    this.#check()
    return work()
  }

  /** Gives the snapshot up. Later calls throw. */
  end(why: ErrorCode): void {
    this.#ended ??= why
    const connection = this.#connection
    if (!connection) return
    this.#connection = undefined
    if (this.#shared) {
      this.#source.unshare(this.#shared)
      return
    }
    if (!this.#last) endSnapshot(connection)
    this.#source.give(connection)
  }

  #open(): SqliteConnection | Promise<SqliteConnection> {
    this.#check()
    if (this.#last && this.#asked) throw new Error('a statement came after the last one')
    this.#asked = true
    if (this.#connection) return this.#connection
    if (this.#arriving) {
      const joined = this.#last ? this.#source.join() : this.#share()
      if (joined) return joined
    }
    const taken = this.#source.take(this)
    return taken instanceof Promise ? taken.then((connection) => this.#begin(connection)) : this.#begin(taken)
  }

  #later<T>(connection: Promise<SqliteConnection>, again: () => MaybePromise<T>): Promise<T> {
    return connection.then(() => {
      this.#asked = false
      return again()
    })
  }

  /** Of a statement that found the file locked: another process has died, and its log is being taken up. That ends soon. */
  #unlocked<T>(error: unknown, again: () => MaybePromise<T>): Promise<T> {
    if (!isBusy(error)) throw error
    if (performance.now() + lockedMillis >= this.deadlineAt) throw lockedOut('read', error)
    return wait(lockedMillis).then(() => {
      this.#asked = false
      return again()
    })
  }

  #share(): SqliteConnection | undefined {
    this.#shared = this.#source.share()
    this.#connection = this.#shared?.connection
    return this.#connection
  }

  #begin(connection: SqliteConnection): SqliteConnection {
    // While it waited, another statement of the same work may have begun the snapshot, or the work may have ended.
    if (this.#connection || this.#ended) {
      this.#source.give(connection)
      this.#check()
      return this.#connection!
    }
    if (!this.#last) connection.control('begin')
    this.#connection = connection
    return connection
  }

  #bounded(connection: SqliteConnection, statement: Statement): SqliteConnection {
    if (statement.reach === 'bounded' || this.#source.isBounded(connection, statement)) return connection
    this.moved = true
    throw new MoveToReader()
  }

  #check(): void {
    if (this.#ended) throw new MonoblocError(this.#ended)
    if (this.moved) throw new MoveToReader()
  }
}
