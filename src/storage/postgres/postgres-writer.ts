import { randomBytes } from 'node:crypto'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { MonoblocError } from '../../errors.ts'
import { Gathering } from '../gathering.ts'
import type { MaybePromise, Session, WriteOptions } from '../storage.ts'
import { WriteQueue } from '../write-queue.ts'
import { BriefWork } from './postgres-brief-work.ts'
import { answerFor, isMisconfigured } from './postgres-connect-errors.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { endsConnection } from './postgres-lost.ts'
import type { LostTransaction, Outcome } from './postgres-outcome.ts'
import { longestTimer, type PostgresPool } from './postgres-pool.ts'
import { StartOver } from './postgres-session.ts'
import type { WriteMember } from './postgres-write-member.ts'
import { PostgresWriteTurn, type TurnEnd, type TurnOptions } from './postgres-write-turn.ts'

export interface WriterOptions extends Omit<TurnOptions, 'apart' | 'lastTicket'> {
  /** Writes that may wait. */
  maxWaiting: number
  /** Connections that may write at the same time. */
  lanes: number
  maxMembers: number
  maxMillis: number
  /** Milliseconds after its deadline that a COMMIT under way may still be answered. */
  commitGraceMillis: number
  /** For the fault campaign, which must see this fail. */
  acknowledgeEarly: boolean
  /** What became of a transaction whose COMMIT was not answered. */
  outcome(lost: LostTransaction, deadlineAt: number): Promise<Outcome>
}

/**
 * Milliseconds for which a turn of brief work keeps the next one waiting. What a transaction costs both sides beside its
 * members is some ten times what one of them costs, so that two turns with half of them each do less than one with all of
 * them; one that takes longer than this holds up nobody.
 */
const briefPatience = 5

/**
 * Writes of one process. Each lane is a connection that takes members from the one queue, turn after turn; while there
 * are free lanes each write has a transaction of its own, and when there are not, those that wait share one. Brief work
 * (`postgres-brief-work.ts`) gathers before each turn, and goes one turn after another while they are quick.
 *
 * What a member waits for, and what happens to it, is in `postgres-write-member.ts` and `postgres-write-turn.ts`. Whoever
 * is put back (a serialization failure, a lock, a connection that went) waits for a short random time first, so that two
 * which met do not meet again.
 */
export class PostgresWriter {
  readonly #pool: PostgresPool
  readonly #options: WriterOptions
  readonly #turnOptions: TurnOptions
  readonly #queue: WriteQueue<WriteMember>
  /** Members that wait for another try. */
  readonly #resting = new Set<WriteMember>()
  /** Of the names of its units of work: 72 random bits. Other writers, of this process too, have others. */
  readonly #name = `${randomBytes(9).toString('base64url')}-`
  readonly #brief = new BriefWork()
  readonly #gathering = new Gathering()
  #isGathering = false
  #isPumping = false
  #lanes = 0
  /** Lanes that have no member yet: they wait for a connection, or for others to share their turn. */
  #free = 0
  /** When each turn of brief work that is under way began, on the monotonic clock. */
  readonly #briefTurns = new Set<number>()
  #patience: NodeJS.Timeout | undefined
  #ticket = 0
  #closing = false
  #whenIdle: (() => void)[] = []

  constructor(pool: PostgresPool, options: WriterOptions) {
    this.#pool = pool
    this.#options = options
    this.#turnOptions = { ...options, apart: new WeakSet(), lastTicket: () => this.#ticket }
    this.#queue = new WriteQueue(options.maxWaiting)
  }

  write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closing) throw new MonoblocError('shutting_down')
      const { deadline } = options
      const member: WriteMember = {
        options,
        work,
        unit: `${this.#name}${this.#ticket.toString(36)}`,
        deadlineAt: performance.now() + deadline,
        ticket: ++this.#ticket,
        state: 'waiting',
        alone: false,
        single: false,
        careful: false,
        tries: 0,
        obstacle: undefined,
        session: undefined,
        connection: undefined,
        failed: false,
        outcome: undefined,
        timer: undefined,
        resolve: resolve as (value: unknown) => void,
        reject,
      }
      this.#queue.push(member)
      this.#setTimer(member, deadline)
      this.#pumpSoon()
    })
  }

  /** Refuses new writes and those that wait, and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closing = true
    const waiting = [...this.#queue.remove(() => true), ...this.#resting]
    this.#resting.clear()
    for (const member of waiting) this.#settle(member, new MonoblocError('shutting_down'))
    if (this.#lanes > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** With the end of this round of the event loop, so that what arrives in it can go together. */
  #pumpSoon(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    setImmediate(() => {
      this.#isPumping = false
      this.#pump()
    })
  }

  #pump(): void {
    // More lanes than members would find nothing to do.
    while (this.#lanes < this.#options.lanes && this.#free < this.#queue.length) {
      const first = this.#queue.first!
      const isBrief = this.#isBrief(first)
      if (isBrief && !this.#mayBeginBrief()) return
      this.#lanes++
      void this.#lane(first, isBrief).finally(() => {
        this.#lanes--
        if (this.#lanes === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
        this.#pump()
      })
    }
  }

  /** Whether a turn of brief work may begin to gather. If not, it is asked again when one may. */
  #mayBeginBrief(): boolean {
    if (this.#isGathering) return false
    const now = performance.now()
    const quick = [...this.#briefTurns].filter((since) => now - since < briefPatience)
    if (quick.length === 0 || (quick.length === 1 && this.#queue.length >= this.#options.maxMembers)) return true
    this.#patience ??= setTimeout(
      () => {
        this.#patience = undefined
        this.#pump()
      },
      Math.max(...quick) + briefPatience - now,
    )
    return false
  }

  async #lane(first: WriteMember, isBrief: boolean): Promise<void> {
    if (isBrief) this.#isGathering = true
    this.#free++
    let connection: PostgresConnection
    try {
      connection = this.#pool.takeIdle() ?? (await this.#pool.take(first.deadlineAt, 'database_busy', true))
    } catch (error) {
      if (isBrief) this.#isGathering = false
      this.#notBegun(error)
      return
    } finally {
      this.#free--
    }
    try {
      do {
        if (isBrief) await this.#gather()
        await this.#turn(connection)
      } while (this.#mayGoOn(isBrief) && !connection.isLost && !this.#pool.hasWaiting)
    } finally {
      this.#pool.give(connection)
    }
  }

  #mayGoOn(isBrief: boolean): boolean {
    const { first } = this.#queue
    return first !== undefined && this.#isBrief(first) === isBrief && (!isBrief || this.#mayBeginBrief())
  }

  /** Waits for others to share the turn. */
  async #gather(): Promise<void> {
    this.#isGathering = true
    this.#free++
    while (!this.#gathering.isOver() && this.#queue.length < this.#options.maxMembers)
      await new Promise<void>((resolve) => setImmediate(resolve))
    this.#free--
    this.#isGathering = false
  }

  async #turn(connection: PostgresConnection): Promise<void> {
    const turn = new PostgresWriteTurn(connection, this.#turnOptions)
    const begun = this.#takeBrief()
    const since = performance.now()
    try {
      if (begun.length > 0) {
        this.#briefTurns.add(since)
        // Who is behind them is not of their kind, or too many.
        this.#pump()
        for (const member of begun) member.connection = connection
        await turn.runTogether(begun)
        for (const member of begun) this.#learn(member)
      } else await this.#oneByOne(turn, connection, begun)
      if (this.#options.acknowledgeEarly) await this.#acknowledge(turn)
      const committing = performance.now()
      const end = await turn.commit()
      this.#gathering.committed(performance.now() - committing)
      this.#distribute(end)
    } catch (error) {
      // A mistake of ours: nobody may wait for good because of it.
      connection.lose(error)
      for (const member of begun) this.#settle(member, error)
    } finally {
      this.#briefTurns.delete(since)
    }
  }

  /** Long enough for the answers to leave. */
  async #acknowledge(turn: PostgresWriteTurn): Promise<void> {
    for (const member of turn.members) this.#answer(member)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** @param begun gets whoever was begun */
  async #oneByOne(turn: PostgresWriteTurn, connection: PostgresConnection, begun: WriteMember[]): Promise<void> {
    const startedAt = performance.now()
    for (let member = this.#next(turn, startedAt); member; member = this.#next(turn, startedAt)) {
      begun.push(member)
      member.connection = connection
      await turn.run(member)
      this.#learn(member)
    }
  }

  /** Whoever is first in line, as far as each is brief. */
  #takeBrief(): WriteMember[] {
    const found: WriteMember[] = []
    for (let { first } = this.#queue; first && found.length < this.#options.maxMembers; { first } = this.#queue) {
      if (!this.#isBrief(first)) break
      found.push(this.#queue.shift()!)
    }
    return found
  }

  /** It will ask one statement and end, as far as is known. */
  #isBrief({ alone, single, careful, options }: WriteMember): boolean {
    if (alone || single || careful || options.isolation || options.deadline > longestBrief) return false
    return this.#brief.isBrief(options.label)
  }

  #learn(member: WriteMember): void {
    const { session, failed, outcome, options } = member
    member.connection = undefined
    if (!session) return
    const isBrief = session.steps === 1 && !session.startOver && !failed && !(outcome instanceof StartOver)
    if (session.steps > 0) this.#brief.note(options.label, isBrief)
  }

  #next(turn: PostgresWriteTurn, startedAt: number): WriteMember | undefined {
    const { maxMembers, maxMillis } = this.#options
    if (turn.isBroken || turn.size >= maxMembers) return undefined
    if (turn.size > 0 && performance.now() - startedAt >= maxMillis) return undefined
    const { first } = this.#queue
    return first && turn.takes(first) ? this.#queue.shift() : undefined
  }

  #distribute({ answered, again, unknown }: TurnEnd): void {
    for (const member of answered) this.#answer(member)
    this.#putBack(again)
    if (unknown) void this.#findOut(unknown.members, unknown.lost)
  }

  #answer(member: WriteMember): void {
    if (member.failed) this.#settle(member, answerFor(member.outcome))
    else {
      clearTimeout(member.timer)
      member.state = 'settled'
      member.session?.committed()
      member.resolve(member.outcome)
    }
  }

  #settle(member: WriteMember, error: unknown): void {
    clearTimeout(member.timer)
    member.state = 'settled'
    member.reject(error)
  }

  /** In line again, first of all, and after a moment where they met others. */
  #putBack(members: readonly WriteMember[]): void {
    const atOnce: WriteMember[] = []
    for (const member of members) {
      if (member.state === 'settled') continue
      if (this.#closing) {
        this.#settle(member, new MonoblocError('shutting_down'))
        continue
      }
      member.state = 'waiting'
      member.session = undefined
      member.tries++
      if (member.obstacle === undefined || endsConnection(member.obstacle)) atOnce.push(member)
      else this.#rest(member)
    }
    if (atOnce.length === 0) return
    for (const member of atOnce) member.ticket = ++this.#ticket
    this.#queue.unshift(atOnce)
    this.#pump()
  }

  #rest(member: WriteMember): void {
    member.alone ||= member.tries > 1
    this.#resting.add(member)
    const pause = Math.random() * Math.min(longestPause, shortestPause * 2 ** member.tries)
    setTimeout(() => {
      if (!this.#resting.delete(member)) return
      member.ticket = ++this.#ticket
      this.#queue.unshift([member])
      this.#pump()
    }, pause)
  }

  #notBegun(error: unknown): void {
    const now = performance.now()
    // Those whose time is over too, and all of them where waiting is of no use.
    const isHopeless = this.#pool.isClosed || isMisconfigured(this.#pool.failure)
    for (const member of this.#queue.remove((one) => isHopeless || one.deadlineAt <= now)) this.#settle(member, error)
  }

  async #findOut(members: WriteMember[], lost: LostTransaction): Promise<void> {
    const deadlineAt = Math.max(...members.map((member) => member.deadlineAt)) + this.#options.commitGraceMillis
    const outcome = await this.#options.outcome(lost, deadlineAt)
    const left = members.filter((member) => member.state !== 'settled')
    if (outcome === 'aborted') this.#putBack(left)
    else
      for (const member of left) outcome === 'committed' ? this.#answer(member) : this.#settle(member, unknownOutcome())
  }

  #setTimer(member: WriteMember, millis: number): void {
    if (millis < longestTimer) member.timer = setTimeout(() => this.#late(member), Math.max(0, millis))
  }

  #late(member: WriteMember): void {
    switch (member.state) {
      case 'waiting':
        this.#resting.delete(member)
        this.#queue.remove((one) => one === member)
        this.#settle(member, this.#neverBegun(member))
        return
      case 'running':
        member.session?.giveUp('deadline_exceeded')
        member.connection?.interrupt()
        this.#settle(member, new MonoblocError('deadline_exceeded'))
        return
      case 'done':
        // It may be committed at this very moment, so that no answer would be true before that is known.
        member.timer = setTimeout(() => {
          if (member.state === 'done') this.#settle(member, unknownOutcome())
        }, this.#options.commitGraceMillis)
    }
  }

  #neverBegun({ obstacle }: WriteMember): unknown {
    if (this.#pool.failure !== undefined) return this.#pool.failure
    const detail =
      obstacle instanceof Error
        ? `The write was put back until its deadline: ${obstacle.message}.`
        : 'The write did not begin before its deadline.'
    return new MonoblocError('database_busy', { detail, cause: obstacle, headers: { 'Retry-After': '1' } })
  }
}

/** Milliseconds of a deadline: every connection ends a statement after so long by itself. */
const longestBrief = 60_000

// Milliseconds: from about what a transaction takes to what nobody notices beside a deadline of seconds.
const shortestPause = 2
const longestPause = 250

function unknownOutcome(): MonoblocError {
  return new MonoblocError('commit_unknown', { headers: { 'Retry-After': '5' } })
}
