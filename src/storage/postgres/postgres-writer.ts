import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session, Statement, WriteOptions } from '../storage.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { translateError } from './postgres-errors.ts'
import type { PostgresPool } from './postgres-pool.ts'
import { StartOver } from './postgres-session.ts'
import { PostgresWriteSession } from './postgres-write-session.ts'

const begin: Statement = { sql: 'begin isolation level serializable read write', reach: 'bounded' }
const commit: Statement = { sql: 'commit', reach: 'bounded' }
const rollback: Statement = { sql: 'rollback', reach: 'bounded' }

/** Writes, one transaction each. */
export class PostgresWriter {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  async write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T> {
    const deadlineAt = performance.now() + options.deadline
    let careful = false
    for (;;) {
      const connection = await this.#pool.take(deadlineAt, 'database_busy')
      try {
        const done = await this.#attempt(connection, careful, work)
        if (done === 'carefully') careful = true
        else if (done !== 'again') return done.value
      } finally {
        this.#pool.give(connection)
      }
      if (performance.now() > deadlineAt) throw new MonoblocError('deadline_exceeded')
    }
  }

  async #attempt<T>(
    connection: PostgresConnection,
    careful: boolean,
    work: (session: Session) => MaybePromise<T>,
  ): Promise<{ value: T } | 'again' | 'carefully'> {
    let begun = false
    const foreign = Promise.withResolvers<never>()
    foreign.promise.catch(() => {})
    const session = new PostgresWriteSession(
      () => {
        if (!begun) connection.tell(begin)
        begun = true
        return connection
      },
      careful,
      () => {
        session.end('foreign_await')
        foreign.reject(new MonoblocError('foreign_await'))
      },
    )
    let failed = false
    let outcome: unknown
    try {
      session.watch()
      const working = work(session)
      outcome = await (working instanceof Promise ? Promise.race([working, foreign.promise]) : working)
    } catch (error) {
      failed = true
      outcome = error
    }
    session.over()
    const refusal = failed ? undefined : session.refusal()
    await session.settled()
    const goesOn = session.startOver || outcome instanceof StartOver || (!failed && session.isFailed)
    session.end('transaction_ended')
    if (session.lost !== undefined || goesOn || failed || refusal) {
      if (begun) connection.tell(rollback)
      if (session.lost !== undefined) return 'again'
      if (refusal) throw refusal
      if (goesOn) return 'carefully'
      throw outcome
    }
    if (!begun) return { value: outcome as T }
    try {
      await new Promise((done, failed) => connection.ask({ statement: commit, values: [], maxRows: 1, done, failed }))
    } catch (error) {
      throw translateError(error)
    }
    return { value: outcome as T }
  }
}
