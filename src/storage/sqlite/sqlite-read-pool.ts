import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, ReadOptions, Session, Statement } from '../storage.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { endSnapshot, ReadRound, type SharedSnapshot } from './sqlite-read-round.ts'
import { type ConnectionSource, SqliteReadSession } from './sqlite-read-session.ts'

/**
 * How often snapshots and waiting reads are held against their deadlines, in milliseconds. One timer for all of them: a
 * deadline is met late by at most this, and a read that ends in time costs no timer at all.
 */
const sweepMillis = 50

export interface ReadPoolOptions {
  /** Connections at most: so many handlers can hold a snapshot while they wait for something else. */
  connections: number
  /** Statements that may wait for a connection; one more is refused with `overloaded`. */
  maxWaiting: number
  /** @param main it will be the one that is used whenever it is free */
  open: (main: boolean) => SqliteConnection
  isBounded: (connection: SqliteConnection, statement: Statement) => boolean
  /** Starts a read over in a reader process. */
  move: <T>(options: ReadOptions, deadlineAt: number, work: (session: Session) => MaybePromise<T>) => Promise<T>
}

interface Waiting {
  deadlineAt: number
  resolve: (connection: SqliteConnection) => void
  reject: (error: unknown) => void
}

interface OpenRead {
  session: SqliteReadSession
  since: number
  deadlineAt: number
  reject: (error: unknown) => void
}

/** What a read came to: its result, or that it has to start over in a reader process. */
export type Outcome<T> = { moved: false; value: T } | { moved: true }

/**
 * Connections for reading in this process. One of them, the main one, is used whenever it is free: handlers that wait for
 * nothing all run on it, and a large cache pays for itself there alone.
 */
export class SqliteReadPool implements ConnectionSource {
  readonly #options: ReadPoolOptions
  readonly #idle: SqliteConnection[] = []
  readonly #all = new Set<SqliteConnection>()
  #main: SqliteConnection | undefined
  readonly #round = new ReadRound(() => this.#idle.pop())
  readonly #waiting: Waiting[] = []
  readonly #open = new Set<OpenRead>()
  #sweeping = false
  #closed = false
  readonly #whenDrained: (() => void)[] = []

  constructor(options: ReadPoolOptions) {
    this.#options = options
  }

  get isBounded(): ReadPoolOptions['isBounded'] {
    return this.#options.isBounded
  }

  /** Runs `work` over one snapshot, or has it moved where a statement of it may not run here. */
  read<T>(options: ReadOptions, work: (session: Session) => MaybePromise<T>): MaybePromise<T> {
    const session = new SqliteReadSession(this, options.deadline, options.arriving === true)
    let result: MaybePromise<T>
    try {
      result = work(session)
    } catch (error) {
      session.end('transaction_ended')
      if (session.moved) return this.#options.move(options, session.deadlineAt, work)
      throw error
    }
    if (typeof (result as Promise<T> | undefined)?.then !== 'function') {
      session.end('transaction_ended')
      return session.moved ? this.#options.move(options, session.deadlineAt, work) : result
    }
    session.waits()
    return this.#later(session, result as Promise<T>, () => this.#options.move(options, session.deadlineAt, work))
  }

  #later<T>(session: SqliteReadSession, result: Promise<T>, moved: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const entry: OpenRead = { session, since: performance.now(), deadlineAt: session.deadlineAt, reject }
      this.#open.add(entry)
      this.#sweepLater()
      const settled = (settle: () => void) => {
        if (!this.#forget(entry)) return
        session.end('transaction_ended')
        if (session.moved) moved().then(resolve, reject)
        else settle()
      }
      result.then(
        (value) => settled(() => resolve(value)),
        (error) => settled(() => reject(error)),
      )
    })
  }

  /** The main connection for one statement of this round, unless somebody has it. */
  join(): SqliteConnection | undefined {
    const main = this.#main
    return main !== undefined && this.#idle.at(-1) === main ? this.#round.join(main) : undefined
  }

  /** The main connection with the snapshot of this round, unless somebody has it. */
  share(): SharedSnapshot | undefined {
    const main = this.#main
    return main !== undefined && this.#idle.at(-1) === main ? this.#round.share(main) : undefined
  }

  unshare(snapshot: SharedSnapshot): void {
    snapshot.readers--
    if (!snapshot.isLeft || snapshot.readers > 0) return
    endSnapshot(snapshot.connection)
    this.give(snapshot.connection)
  }

  /** Lets the next read see what has been committed by now. */
  endRound(): void {
    this.#round.end()
  }

  take(session: SqliteReadSession): SqliteConnection | Promise<SqliteConnection> {
    this.#round.end()
    const free = this.#idle.pop()
    if (free) return free
    if (this.#all.size < this.#options.connections) {
      const connection = this.#options.open(this.#main === undefined)
      this.#main ??= connection
      this.#all.add(connection)
      return connection
    }
    if (this.#waiting.length >= this.#options.maxWaiting) {
      throw new MonoblocError('overloaded', {
        detail: `${this.#waiting.length} reads wait for a snapshot already.`,
        headers: { 'Retry-After': '1' },
      })
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deadlineAt: session.deadlineAt, resolve, reject })
      this.#sweepLater()
    })
  }

  give(connection: SqliteConnection): void {
    const next = this.#waiting.shift()
    if (next) next.resolve(connection)
    else if (this.#closed) this.#drop(connection)
    else if (connection === this.#main) this.#idle.push(connection)
    else this.#idle.unshift(connection)
  }

  /** When the oldest read that is under way began; Infinity without one. */
  get oldest(): number {
    return Math.min(...[...this.#open].map((entry) => entry.since))
  }

  /** Gives up snapshots that are older than so many milliseconds, with `deadline_exceeded`. */
  endOlderThan(millis: number): void {
    const before = performance.now() - millis
    for (const entry of [...this.#open]) if (entry.since < before) this.#giveUp(entry, 'deadline_exceeded')
  }

  /** Closes what is not in use: the next reads open connections that know of the newest statistics. */
  refresh(): void {
    this.#round.end()
    for (const connection of this.#idle.splice(0)) this.#drop(connection)
  }

  /** Refuses what waits. Resolves when no read is under way any more. */
  async drain(): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) reject(new MonoblocError('shutting_down'))
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenDrained.push(resolve))
  }

  /** Ends every snapshot and closes every connection. */
  close(): void {
    this.#closed = true
    this.#round.end()
    for (const { reject } of this.#waiting.splice(0)) reject(new MonoblocError('shutting_down'))
    for (const entry of [...this.#open]) this.#giveUp(entry, 'shutting_down')
    for (const connection of this.#idle.splice(0)) this.#drop(connection)
  }

  #drop(connection: SqliteConnection): void {
    this.#all.delete(connection)
    if (connection === this.#main) this.#main = undefined
    connection.close()
  }

  #giveUp(entry: OpenRead, why: 'deadline_exceeded' | 'shutting_down'): void {
    this.#forget(entry)
    entry.session.end(why)
    entry.reject(new MonoblocError(why))
  }

  #forget(entry: OpenRead): boolean {
    const wasOpen = this.#open.delete(entry)
    if (this.#open.size === 0) for (const resolve of this.#whenDrained.splice(0)) resolve()
    return wasOpen
  }

  #sweepLater(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    setTimeout(this.#sweep, sweepMillis).unref()
  }

  #sweep = (): void => {
    this.#sweeping = false
    const now = performance.now()
    for (const entry of [...this.#open]) if (entry.deadlineAt <= now) this.#giveUp(entry, 'deadline_exceeded')
    for (const waiting of this.#waiting.filter((one) => one.deadlineAt <= now)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      waiting.reject(new MonoblocError('deadline_exceeded', { detail: 'No snapshot was free in time.' }))
    }
    if (this.#open.size > 0 || this.#waiting.length > 0) this.#sweepLater()
  }
}
