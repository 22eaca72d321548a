// Not the global ones, which tests of applications replace: a turn would never begin.
import { setImmediate, setTimeout } from 'node:timers'
import { MonoblocError } from '../../errors.ts'
import { Gathering } from '../gathering.ts'
import type { WriteOptions } from '../storage.ts'
import { WriteQueue } from '../write-queue.ts'
import { SqliteCommitRows } from './sqlite-commit-rows.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { isBusy, isFailedSync, isIoError, lockedOut, translateError } from './sqlite-errors.ts'
import { WritePace } from './sqlite-write-pace.ts'
import type { WriteMember, WriterOptions, WriteWork } from './sqlite-write-queue.ts'
import { SqliteWriteSession } from './sqlite-write-session.ts'

/** While a turn is waited for, deadlines are met late by at most this. */
const sweepMillis = 50

/**
 * Group commit. Writes queue; a turn is one transaction with one fsync, in which they run one after another, each under
 * a savepoint.
 *
 * - idle: nothing waits.
 * - scheduled: a turn begins with a round of the event loop in which nothing else arrives, or soon (`Gathering`), so that
 *   all that come together are in it.
 * - running: BEGIN IMMEDIATE is held, and one member runs. All of it happens within one macrotask: members go on by
 *   microtasks, and a macrotask that follows directly ends the turn. A member whose promise is still open then awaits
 *   something other than its session, and is refused.
 * - held: the WAL is about to begin anew, and turns wait for a moment.
 * - asking: other processes write too, and whoever passes the turns around was asked for one (`WriteTurns`).
 * - refused: someone outside holds the lock. A timer tries again, until each member's deadline.
 * - yielding: nobody passes turns around, and others have written a moment ago: they get the chance to.
 * - dead: COMMIT met an I/O error, or any sync of this connection failed. What is on disk is unknown; COMMIT is never
 *   tried again, nobody is answered any more, and the process must end.
 *
 * All of it is in one file, because every way into and out of a turn is a transition of this one machine.
 *
 * A crash before COMMIT returned leaves nothing of the turn, and nobody was answered; a crash after it leaves all of it.
 */
export class SqliteWriter {
  readonly #connection: SqliteConnection
  readonly #options: WriterOptions
  readonly #queue: WriteQueue<WriteMember>
  readonly #rows: SqliteCommitRows
  readonly #pace = new WritePace()
  readonly #gathering = new Gathering()
  #state: 'idle' | 'scheduled' | 'running' | 'asking' | 'refused' | 'yielding' | 'held' | 'dead' = 'idle'
  #isHeld = false
  #closing = false
  #current: WriteMember | undefined
  /** Members of this turn whose work has ended. */
  #done: WriteMember[] = []
  #startedAt = 0
  #whenIdle: (() => void)[] = []

  constructor(connection: SqliteConnection, options: WriterOptions) {
    this.#connection = connection
    this.#options = options
    this.#queue = new WriteQueue(options.maxWaiting)
    this.#rows = new SqliteCommitRows(connection.db, options.now)
  }

  write(options: WriteOptions, work: WriteWork, alone = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closing) throw new MonoblocError('shutting_down')
      if (this.#state === 'dead')
        throw new MonoblocError('database_error', { detail: 'The disk failed: nothing can be written any more.' })
      const deadlineAt = performance.now() + options.deadline
      this.#queue.push({
        options,
        work,
        deadlineAt,
        since: deadlineAt - options.deadline,
        alone,
        session: undefined,
        failed: false,
        outcome: undefined,
        resolve,
        reject,
      })
      if (this.#state === 'idle') this.#schedule()
    })
  }

  /** No turn begins until the function that this returns is called. A turn that runs goes on to its end. */
  hold(): () => void {
    this.#isHeld = true
    return () => {
      this.#isHeld = false
      if (this.#state === 'held') this.#scheduleNow()
    }
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  /** A sync failed on this connection, between the turns. */
  die(error: unknown): void {
    this.#state = 'dead'
    for (const resolve of this.#whenIdle.splice(0)) resolve()
    this.#options.onFatal(translateError(error))
  }

  /** Refuses new writes and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closing = true
    for (const member of this.#queue.remove(() => true)) member.reject(new MonoblocError('shutting_down'))
    if (this.#state === 'held' || this.#state === 'asking') this.#rest()
    if (this.#state === 'idle' || this.#state === 'dead') return
    await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  // The second follows the first with nothing but microtasks between: Node runs immediates of one round in a row.
  #schedule(): void {
    this.#state = 'scheduled'
    setImmediate(this.#begin)
    setImmediate(this.#end)
  }

  /** After a wait, in which others have come, or with a turn that others wait for. */
  #scheduleNow(): void {
    this.#gathering.skip()
    this.#schedule()
  }

  #begin = (): void => {
    if (this.#state === 'dead') return
    if (this.#queue.length === 0 || this.#isHeld) {
      this.#options.turns?.give(false)
      if (this.#queue.length === 0) this.#rest()
      else this.#state = 'held'
      return
    }
    if (!this.#gathering.isOver()) {
      this.#schedule()
      return
    }
    const { turns } = this.#options
    if (turns && !turns.take(this.#granted)) {
      this.#state = 'asking'
      setTimeout(this.#sweep, sweepMillis)
      return
    }
    try {
      this.#connection.db.exec('begin immediate')
      this.#rows.begin()
      this.#pace.begun(this.#rows.othersCommitted)
    } catch (error) {
      this.#notBegun(error)
      return
    }
    this.#state = 'running'
    this.#startedAt = performance.now()
    this.#advance()
  }

  #granted = (): void => {
    if (this.#state === 'asking') this.#scheduleNow()
    else if (this.#state !== 'dead') this.#options.turns!.give(false)
  }

  /** While a turn is waited for. */
  #sweep = (): void => {
    if (this.#state !== 'asking') return
    this.#refuseLate()
    if (this.#queue.length === 0) this.#rest()
    else setTimeout(this.#sweep, sweepMillis)
  }

  #end = (): void => {
    if (this.#state !== 'running') return
    const member = this.#current
    if (member) {
      this.#finish(member, true, new MonoblocError('foreign_await'))
      if (this.#state !== 'running') return
    }
    this.#commit()
  }

  /** Runs members until one is waiting for a promise, or the turn is full. */
  #advance(): void {
    while (this.#state === 'running') {
      const member = this.#next()
      if (!member) {
        this.#commit()
        return
      }
      if (!this.#start(member)) return
    }
  }

  #next(): WriteMember | undefined {
    const { length } = this.#done
    const now = performance.now()
    if (length >= this.#options.maxMembers) return undefined
    if (length > 0 && now - this.#startedAt >= this.#options.maxMillis) return undefined
    for (let { first } = this.#queue; first; { first } = this.#queue) {
      if (length > 0 && (first.alone || this.#done[0]!.alone)) return undefined
      this.#queue.shift()
      if (first.deadlineAt > now) return first
      first.reject(lockedOut('write'))
    }
    return undefined
  }

  /** True when the work has ended already. */
  #start(member: WriteMember): boolean {
    const session = new SqliteWriteSession(this.#connection, member.deadlineAt, this.#options.counts)
    member.session = session
    this.#current = member
    let result: unknown
    try {
      this.#connection.control('savepoint member')
      result = member.work(session)
    } catch (error) {
      this.#finish(member, true, error)
      return true
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') {
      this.#finish(member, false, result)
      return true
    }
    const settled = (failed: boolean, outcome: unknown) => {
      // A member that was refused may settle long after; and one that is run again has another session.
      if (this.#current !== member || member.session !== session) return
      this.#finish(member, failed, outcome)
      this.#advance()
    }
    ;(result as PromiseLike<unknown>).then(
      (value) => settled(false, value),
      (error) => settled(true, error),
    )
    return false
  }

  #finish(member: WriteMember, failed: boolean, outcome: unknown): void {
    const session = member.session!
    const refusal = failed ? session.lost : session.refusal()
    session.end('transaction_ended')
    this.#current = undefined
    // The work may have caught it, and gone on to something else.
    if (this.#diesOf(session.lost) || this.#diesOf(outcome)) return
    member.failed = failed || refusal !== undefined
    member.outcome = refusal ?? outcome
    if (!member.failed) this.#release(member, session)
    if (member.failed && !this.isDead) this.#undo(member)
  }

  #release(member: WriteMember, session: SqliteWriteSession): void {
    try {
      session.position = this.#rows.append(member.options)
      this.#connection.control('release member')
      this.#done.push(member)
    } catch (error) {
      member.failed = true
      member.outcome = error
      this.#diesOf(error)
    }
  }

  #undo(member: WriteMember): void {
    try {
      this.#connection.db.exec('rollback to member; release member')
      this.#rows.begin()
      this.#done.push(member)
    } catch (error) {
      if (!this.#diesOf(error)) this.#again(member)
    }
  }

  /** SQLite has ended the transaction itself, as it does when the disk is full: everyone but who did it runs again. */
  #again(culprit: WriteMember): void {
    if (this.#connection.db.isTransaction) this.#connection.db.exec('rollback')
    const others = this.#done
    this.#done = []
    this.#queue.unshift(others)
    culprit.reject(translateError(culprit.outcome, this.#connection.db))
    this.#continue()
  }

  #commit(): void {
    if (!this.#options.acknowledgeEarly) {
      this.#commitNow()
      return
    }
    this.#answer()
    // Out of the turn, and long enough for the answers to leave: in one macrotask the commit would still come first.
    this.#state = 'scheduled'
    setTimeout(() => this.#commitNow(), 5)
  }

  #commitNow(): void {
    if (this.#state === 'dead') return
    const committing = performance.now()
    try {
      this.#connection.db.exec('commit')
    } catch (error) {
      this.#notCommitted(error)
      return
    }
    this.#gathering.committed(performance.now() - committing)
    this.#answer()
    this.#options.onCommit()
    this.#continue()
  }

  #answer(): void {
    const done = this.#done
    this.#done = []
    for (const member of done) {
      if (member.failed) member.reject(translateError(member.outcome, this.#connection.db))
      else {
        member.session!.committed()
        member.resolve(member.outcome)
      }
    }
  }

  /** An I/O error here leaves unknown what is on disk; anything else (a full disk, a deferred constraint) left nothing. */
  #notCommitted(error: unknown): void {
    if (isIoError(error)) {
      this.die(error)
      return
    }
    if (this.#connection.db.isTransaction) this.#connection.db.exec('rollback')
    const members = this.#done
    this.#done = []
    if (members.length === 1) {
      const [member] = members
      member!.reject(translateError(member!.failed ? member!.outcome : error, this.#connection.db))
    } else {
      // One of them is why. Each alone, it fails alone.
      for (const member of members) member.alone = true
      this.#queue.unshift(members)
    }
    this.#continue()
  }

  #notBegun(error: unknown): void {
    if (this.#diesOf(error)) return
    if (this.#connection.db.isTransaction) this.#connection.db.exec('rollback')
    if (isBusy(error)) {
      this.#state = 'refused'
      this.#options.turns?.give(true)
      setTimeout(this.#retry, this.#pace.refused(this.#queue.first!))
      return
    }
    const translated = translateError(error, this.#connection.db)
    for (const member of this.#queue.remove(() => true)) member.reject(translated)
    this.#options.turns?.give(false)
    this.#rest()
  }

  #retry = (): void => {
    if (this.#state === 'dead') return
    this.#refuseLate()
    this.#scheduleNow()
  }

  #refuseLate(): void {
    const now = performance.now()
    for (const member of this.#queue.remove((waiting) => waiting.deadlineAt <= now)) member.reject(lockedOut('write'))
  }

  #diesOf(error: unknown): boolean {
    const failed = isFailedSync(error)
    if (failed) this.die(error)
    return failed
  }

  #continue(): void {
    const { turns } = this.#options
    turns?.give(false)
    if (this.#queue.length === 0) {
      this.#rest()
      return
    }
    const pause = turns ? 0 : this.#pace.courtesy()
    if (pause === 0) {
      this.#schedule()
    } else {
      this.#state = 'yielding'
      setTimeout(this.#retry, pause)
    }
  }

  #rest(): void {
    this.#state = 'idle'
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
