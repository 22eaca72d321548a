import type { MaybePromise, Session, WriteOptions } from '../storage.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { PostgresWriteSession } from './postgres-write-session.ts'

/** One write that waits for a turn, runs in one, or waits for its commit. */
export interface WriteMember {
  readonly options: WriteOptions
  readonly work: (session: Session) => MaybePromise<unknown>
  /** By which the row of this write in the log can be told from every other. */
  readonly unit: string
  /** On the monotonic clock (`performance.now`). */
  readonly deadlineAt: number
  /** When it came, as a number that grows: a snapshot taken later sees whatever was acknowledged before the write came. */
  ticket: number
  /**
   * waiting: in line, or for another try. running: its work has begun. done: its work has ended, and nobody is told before
   * the commit. settled: answered.
   */
  state: 'waiting' | 'running' | 'done' | 'settled'
  /** Runs in a transaction of its own: it met others, or the transaction it was in could not commit. */
  alone: boolean
  /** Was in a turn with others, before anyone had an answer, that could not go on so: not again. */
  single: boolean
  /** Runs with a savepoint around each statement: it goes on after one that failed. */
  careful: boolean
  /** How often it was put back. */
  tries: number
  /** Why it was put back last. */
  obstacle: unknown
  session: PostgresWriteSession | undefined
  /** Where it runs. */
  connection: PostgresConnection | undefined
  failed: boolean
  outcome: unknown
  timer: NodeJS.Timeout | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
}
