import { MonoblocError } from '../errors.ts'
import type { TableSpec } from '../schema/index.ts'
import type { LoggedEvent, MaybePromise, Session, SqlRow, SqlValue, Statement } from '../storage/index.ts'

/**
 * The session of a job that may need none: its transaction begins with the first statement that is asked.
 *
 * - fresh: nothing was asked.
 * - entering: it has been, and waits for the transaction.
 * - open: statements run in it.
 * - ended: over, or never begun. Every call throws why.
 */
export class LateSession implements Session {
  readonly writable = true
  readonly #enter: () => void
  #state: 'fresh' | 'entering' | 'open' | 'ended' = 'fresh'
  #session: Session | undefined
  #waiting: PromiseWithResolvers<Session> | undefined
  #error: unknown

  /** @param enter called once, when a transaction is needed: `begin` or `end` follows */
  constructor(enter: () => void) {
    this.#enter = enter
  }

  get isFresh(): boolean {
    return this.#state === 'fresh'
  }

  /** The transaction has begun. */
  begin(session: Session): void {
    if (this.#state === 'ended') return
    this.#state = 'open'
    this.#session = session
    this.#waiting?.resolve(session)
  }

  end(error: unknown): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#error = error
    this.#session = undefined
    this.#waiting?.reject(error)
  }

  all(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow[]> {
    return this.#ask((session) => session.all(statement, values))
  }

  first(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow | undefined> {
    return this.#ask((session) => session.first(statement, values))
  }

  value(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue | undefined> {
    return this.#ask((session) => session.value(statement, values))
  }

  cells(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[] | undefined> {
    return this.#ask((session) => session.cells(statement, values))
  }

  rows(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[][]> {
    return this.#ask((session) => session.rows(statement, values))
  }

  run(statement: Statement, values: readonly SqlValue[]): MaybePromise<number> {
    return this.#ask((session) => session.run(statement, values))
  }

  raw(sql: string, values: readonly unknown[]): ReturnType<Session['raw']> {
    return this.#ask((session) => session.raw(sql, values))
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    return this.#ask((session) => session.savepoint(work))
  }

  empty(table: TableSpec): MaybePromise<number> {
    return this.#ask((session) => session.empty!(table))
  }

  event(event: LoggedEvent): MaybePromise<void> {
    return this.#ask((session) => session.event!(event))
  }

  onCommit(listener: () => void): void {
    // What has something to say at the commit has asked something before.
    this.#session?.onCommit?.(listener)
  }

  get position(): number | undefined {
    return this.#session?.position
  }

  #ask<T>(ask: (session: Session) => MaybePromise<T>): MaybePromise<T> {
    if (this.#session) return ask(this.#session)
    if (this.#state === 'ended') throw this.#error
    if (!this.#waiting) {
      this.#waiting = Promise.withResolvers()
      this.#waiting.promise.catch(() => {})
      this.#state = 'entering'
      this.#enter()
    }
    return this.#waiting.promise.then(ask)
  }
}

/** What a handler meets that goes on when its attempt is over. */
export function attemptOver(): MonoblocError {
  return new MonoblocError('transaction_ended', { detail: 'The attempt of this job is over.' })
}
