import type { MaybePromise, WriteOptions } from '../storage.ts'
import type { StatementCounts } from './sqlite-statement-counts.ts'
import type { SqliteWriteSession } from './sqlite-write-session.ts'

export type WriteWork = (session: SqliteWriteSession) => MaybePromise<unknown>

/** One write that waits for a turn, runs in one, or waits for its commit. */
export interface WriteMember {
  options: WriteOptions
  work: WriteWork
  /** On the monotonic clock (`performance.now`). */
  deadlineAt: number
  /** When it was asked for, on the same clock. */
  since: number
  /** Runs in a turn of its own: it changes the schema, or the turn it was in could not commit and one of it is why. */
  alone: boolean
  session: SqliteWriteSession | undefined
  /** Set when the work has ended; what is said once the commit is on disk. */
  failed: boolean
  outcome: unknown
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/**
 * Says who of several processes may write, so that they need not find out by trying. What fences is the lock of the file;
 * whoever has the turn still meets it where a process that was not asked holds it.
 */
export interface WriteTurns {
  /**
   * Asks for the turn. Asking again before it came replaces `granted`.
   *
   * @param granted called once when it comes, unless it is there already
   * @returns whether it is there already
   */
  take(granted: () => void): boolean
  /**
   * The transaction is over: whoever waits may have the turn.
   *
   * @param refused it did not even begin, because a process that has no turn holds the file's lock
   */
  give(refused: boolean): void
}

export interface WriterOptions {
  /** Milliseconds since the epoch, for the log. */
  now: () => number
  /** How many writes may wait. */
  maxWaiting: number
  maxMembers: number
  maxMillis: number
  /** Absent where nobody passes turns around. */
  turns: WriteTurns | undefined
  /** A commit or a sync failed and the process must end. */
  onFatal: (error: unknown) => void
  /** After each turn, when its members have been answered. */
  onCommit: () => void
  /** For the fault campaign, which must see this fail. */
  acknowledgeEarly: boolean
  /** Is told of each statement whose plan matters. */
  counts?: StatementCounts
}
