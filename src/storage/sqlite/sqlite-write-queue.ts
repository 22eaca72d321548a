import { MonoblocError } from '../../errors.ts'
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
  /** Runs in a turn of its own: it changes the schema, or the turn it was in could not commit and one of it is why. */
  alone: boolean
  session: SqliteWriteSession | undefined
  /** Set when the work has ended; what is said once the commit is on disk. */
  failed: boolean
  outcome: unknown
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

export interface WriterOptions {
  /** Milliseconds since the epoch, for the log. */
  now: () => number
  /** How many writes may wait. */
  maxWaiting: number
  maxMembers: number
  maxMillis: number
  busyRetryMillis: number
  /** A commit or a sync failed and the process must end. */
  onFatal: (error: unknown) => void
  /** After each turn, when its members have been answered. */
  onCommit: () => void
  /** For the fault campaign, which must see this fail. */
  acknowledgeEarly: boolean
  /** Is told of each statement whose plan matters. */
  counts?: StatementCounts
}

/** Writes in the order in which they came. Removing the first costs the same however many wait. */
export class WriteQueue {
  readonly limit: number
  #members: WriteMember[] = []
  #first = 0

  /** @param limit how many may wait; one more is refused with `overloaded` */
  constructor(limit: number) {
    this.limit = limit
  }

  get length(): number {
    return this.#members.length - this.#first
  }

  get first(): WriteMember | undefined {
    return this.#members[this.#first]
  }

  push(member: WriteMember): void {
    if (this.length >= this.limit) {
      throw new MonoblocError('overloaded', {
        detail: `${this.limit} writes wait already.`,
        headers: { 'Retry-After': '1' },
      })
    }
    this.#members.push(member)
  }

  shift(): WriteMember | undefined {
    const member = this.#members[this.#first]
    if (!member) return undefined
    this.#members[this.#first] = undefined as unknown as WriteMember
    this.#first++
    if (this.#first === this.#members.length) {
      this.#members = []
      this.#first = 0
    } else if (this.#first >= 1024) {
      // Moving the rest once in 1,024 calls keeps the array from growing while writes wait all the time.
      this.#members = this.#members.slice(this.#first)
      this.#first = 0
    }
    return member
  }

  /** Members whose turn has to be run again come first, in their order. They have waited, so the limit is not theirs. */
  unshift(members: readonly WriteMember[]): void {
    this.#members = [...members, ...this.#members.slice(this.#first)]
    this.#first = 0
  }

  /** Takes out whoever the test picks. */
  remove(isOut: (member: WriteMember) => boolean): WriteMember[] {
    const waiting = this.#members.slice(this.#first)
    const out = waiting.filter(isOut)
    if (out.length > 0) {
      this.#members = waiting.filter((member) => !isOut(member))
      this.#first = 0
    }
    return out
  }
}
