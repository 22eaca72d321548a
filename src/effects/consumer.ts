import type { ScopedDb } from '../commit/index.ts'
import type { Logger } from '../observe/index.ts'
import type { LogEntry, LoggedTransaction, MaybePromise, Session } from '../storage/index.ts'
import type { RetryOptions } from './retry-delay.ts'

/** How far a consumer has come: all of the transactions up to a position, and entries of the one behind it. */
export interface Cursor {
  position: number
  /** Entries up to this number are done. 0: none of that transaction. */
  sequence: number
}

/** What comes next in the log for a consumer, in order. */
export interface ConsumerBatch {
  /**
   * Whole transactions, with the entries that the consumer wants. One that has more than a batch may hold comes in parts,
   * and so does one that has failed: then its entries come one by one.
   */
  transactions: readonly LoggedTransaction[]
  log: Logger
  /** Aborted when the process stops, or when another has taken over. */
  signal: AbortSignal
}

export interface ConsumerWork extends ConsumerBatch {
  /** Acts as the system, in the transaction in which the consumer's position moves. */
  db: ScopedDb
  session: Session
  /** What `prepare` has returned. */
  prepared: unknown
}

/** What a consumer does besides its batches, while this process runs it. */
export interface ConsumerAside {
  /**
   * This process runs the consumer from now on.
   *
   * @param signal aborted when it does no more
   * @param wake lets the consumer go on, where `isReady` was false
   */
  lead(fence: number, signal: AbortSignal, wake: () => void): void
  /** Whether the consumer may take more out of the log. */
  readonly isReady: boolean
  /** Something may be due. */
  poke(): void
  isIdle(): boolean
  /** Resolves when nothing of it is under way. */
  settled(): Promise<void>
}

/** Something that follows the commit log: pure, until a `ConsumerHost` runs it. */
export interface Consumer {
  /** By which its position is kept: `subscriber:mailer`, `webhooks`. */
  name: string
  /** Which entries it is given. The others it passes over without a transaction. Default: all. */
  wants?(entry: LogEntry): boolean
  /** Where it begins when the database does not know it. Default `newest`. */
  from?: 'newest' | 'start'
  /** Entries of one transaction of the consumer, at most. Default 100: what is gained beyond is little. */
  most?: number
  /** Milliseconds for one transaction of the consumer. Default 30,000. */
  deadline?: number
  retry?: RetryOptions
  /** Runs before the transaction and may await anything. It may run again for what was prepared and not committed. */
  prepare?(batch: ConsumerBatch): unknown
  /**
   * Runs in the transaction in which the position moves: both are on disk, or neither. What it throws undoes the
   * transaction, and is tried again. As in every unit of work it may run again from its beginning.
   *
   * @returns how far it came where that is less than all of it; the rest comes again
   */
  handle(work: ConsumerWork): MaybePromise<Cursor | undefined | void>
  aside?: ConsumerAside
}
