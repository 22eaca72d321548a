import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session, Statement } from '../storage.ts'
import type { Operation } from './postgres-batch.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { longestStatement } from './postgres-options.ts'
import type { PostgresPool } from './postgres-pool.ts'
import type { PostgresReadRound } from './postgres-read-round.ts'
import { PostgresSession } from './postgres-session.ts'

const begin: Statement = { sql: 'begin isolation level repeatable read read only', reach: 'bounded' }
const rollback: Statement = { sql: 'rollback', reach: 'bounded' }

const allow: Statement = {
  sql: "select set_config('idle_in_transaction_session_timeout', $1, true), set_config('statement_timeout', $1, true)",
  reach: 'bounded',
}

/** Milliseconds that every connection may hold a snapshot and ask nothing (`sessionSettings`); longer work says so. */
const longestIdle = 10_000

export interface ReadSource {
  pool: PostgresPool
  round: PostgresReadRound
  /** What each transaction begins with, where the connection itself can't keep it. */
  opening: Statement | undefined
}

/**
 * One snapshot. It begins with the first statement, so that work which asks nothing holds nothing; and a statement that
 * is the first and the last runs without a transaction, in one round trip; where it touches few rows, with others' of the
 * same moment.
 */
export class PostgresReadSession extends PostgresSession implements Session {
  readonly writable = false
  override readonly position = undefined
  readonly #source: ReadSource
  readonly #deadlineAt: number
  #connection: PostgresConnection | undefined
  #taking: Promise<PostgresConnection> | undefined
  #asked = false
  #isBegun = false
  #last = false

  readonly #isFirst: boolean

  /** @param isFirst it is the first try of its work */
  constructor(source: ReadSource, deadlineAt: number, careful: boolean, isFirst: boolean) {
    super(careful, deadlineAt)
    this.#isFirst = isFirst
    this.#source = source
    this.#deadlineAt = deadlineAt
  }

  last(): void {
    if (!this.#asked && !this.careful) this.#last = true
  }

  override run(): never {
    throw new MonoblocError('transaction_read_only')
  }

  // Nothing can be undone that was only read.
  override async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    this.check()
    return work()
  }

  /** Gives the connection back. Whatever it is asked is ended, when the work is given up. */
  finish(givenUp: boolean): void {
    const connection = this.#connection
    this.#connection = undefined
    if (!connection) return
    if (givenUp) connection.interrupt()
    if (this.#isBegun) connection.tell(rollback)
    this.#source.pool.give(connection)
  }

  protected override together({ reach }: Statement): ((operation: Operation) => void) | undefined {
    const { round, opening } = this.#source
    if (!this.#last || this.#asked || !this.#isFirst || opening || reach !== 'bounded') return undefined
    if (this.#deadlineAt - performance.now() > longestStatement) return undefined
    this.#asked = true
    return (operation) => round.ask(operation, this.#deadlineAt)
  }

  protected open(): PostgresConnection | Promise<PostgresConnection> {
    if (this.#last && this.#asked) throw new Error('a statement came after the last one')
    this.#asked = true
    if (this.#connection) return this.#connection
    const idle = this.#taking ? undefined : this.#source.pool.takeIdle()
    if (idle) return this.#begin(idle)
    this.#taking ??= this.#source.pool.take(this.#deadlineAt, 'deadline_exceeded').then((taken) => this.#begin(taken))
    return this.#taking
  }

  #begin(connection: PostgresConnection): PostgresConnection {
    // While it waited, the work may have ended.
    if (this.ended) {
      this.#source.pool.give(connection)
      this.check()
    }
    this.#connection = connection
    const { opening } = this.#source
    const left = this.#deadlineAt - performance.now()
    if (this.#last && !opening && left <= longestStatement) return connection
    this.#isBegun = true
    connection.tell(begin)
    if (opening) connection.tell(opening)
    if (left > longestIdle) {
      const values = [Number.isFinite(left) ? String(Math.ceil(left)) : '0']
      connection.ask({ statement: allow, values, maxRows: 1, done: nothing, failed: nothing })
    }
    return connection
  }

  protected onSettled(): void {}
}

function nothing(): void {}
