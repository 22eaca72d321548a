import { clearTimeout, setTimeout } from 'node:timers'
import { quoted } from '../sql/quoted.ts'
import type { Statement, WriteOptions } from '../storage.ts'
import { type Answer, Skipped } from './postgres-batch.ts'
import { appendUnit, appendUnits, unitRows } from './postgres-commit-rows.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { translateError } from './postgres-errors.ts'
import { type InsertGroup, InsertsTogether } from './postgres-inserts-together.ts'
import { ConnectionLost, endsConnection, isMemberOnly, isPassing } from './postgres-lost.ts'
import { longestStatement } from './postgres-options.ts'
import type { LostTransaction } from './postgres-outcome.ts'
import { longestTimer } from './postgres-pool.ts'
import { memberSavepoint, StartOver } from './postgres-session.ts'
import type { WriteMember } from './postgres-write-member.ts'
import { PostgresWriteSession } from './postgres-write-session.ts'

type Isolation = NonNullable<WriteOptions['isolation']>

const begin: Record<Isolation, Statement> = {
  serializable: { sql: 'begin isolation level serializable read write', reach: 'bounded' },
  committed: { sql: 'begin isolation level read committed read write', reach: 'bounded' },
}
const commit: Statement = { sql: 'commit', reach: 'bounded' }
const rollback: Statement = { sql: 'rollback', reach: 'bounded' }
const ownNumber: Statement = { sql: 'select pg_current_xact_id_if_assigned()::text', reach: 'bounded' }
const setLocal: Statement = { sql: 'select set_config($1, $2, true)', reach: 'bounded' }

export interface TurnOptions {
  /** What the log is to say of a unit that has ended. */
  row(member: WriteMember): string
  /** Inserts that don't go together: what their table does with them is up to somebody else, too. */
  apart: WeakSet<Statement>
  /** What each transaction begins with, where the connection itself can't keep it. */
  opening: Statement | undefined
  /** Milliseconds that a member may wait for a lock while others wait for it. */
  guestLockMillis: number
  /** The ticket of whoever came last. */
  lastTicket(): number
}

/** How a turn ended for those in it. */
export interface TurnEnd {
  /** Answered as they ended. */
  answered: WriteMember[]
  /** To be run again. */
  again: WriteMember[]
  /** The connection was lost at COMMIT: they are answered when it is known what became of the transaction. */
  unknown: { members: WriteMember[]; lost: LostTransaction } | undefined
}

/**
 * One transaction on one connection, in which members run one after another, each after the first under a savepoint, or
 * all together, where each has one statement.
 *
 * - fresh: nothing was asked. The first statement of a member takes BEGIN along.
 * - begun: its snapshot is taken. Members that came before that may follow.
 * - broken: the connection was lost, or the server wants the whole transaction again. Everyone in it runs again.
 * - over: committed, undone, or lost at COMMIT, when `pg_xact_status` has to tell.
 *
 * A crash of this process ends the connection, and the server undoes what was not committed.
 */
export class PostgresWriteTurn {
  readonly #connection: PostgresConnection
  readonly #options: TurnOptions
  #state: 'fresh' | 'begun' | 'broken' = 'fresh'
  #isolation: Isolation = 'serializable'
  /** Whoever came until this ticket may follow. */
  #ticket = Infinity
  #transaction: string | undefined
  /** Members that have ended well or ill, and what they did is in the transaction or undone. */
  #done: WriteMember[] = []
  /** Some member's changes are in the transaction. */
  #isUsed = false
  #hasGuests = false
  #again: WriteMember[] = []

  constructor(connection: PostgresConnection, options: TurnOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** Those whose work has ended. */
  get members(): readonly WriteMember[] {
    return this.#done
  }

  get size(): number {
    return this.#done.length
  }

  get isBroken(): boolean {
    return this.#state === 'broken'
  }

  /** May the member run in this transaction? */
  takes(member: WriteMember): boolean {
    if (this.#state === 'fresh') return true
    if (isolationOf(member) !== this.#isolation) return false
    if (!this.#isUsed) return true
    return !member.alone && member.ticket <= this.#ticket && !this.#done.some((one) => one.alone)
  }

  /**
   * Runs members that ask one statement each, as far as is known: all statements go to the server at once, each with the row
   * of its unit behind it, and nobody waits for the answer of who came before. The order is theirs all the same, since each
   * asks nothing more. Without savepoints: where one of them fails, or does ask more, nothing of this turn stays, and all
   * run again, each for itself.
   */
  async runTogether(waiting: readonly WriteMember[]): Promise<void> {
    const members: WriteMember[] = []
    const works: Promise<void>[] = []
    const inserts = new InsertsTogether()
    for (const member of waiting) {
      // Its deadline came while somebody before it had not asked yet.
      if (member.state === 'settled') continue
      members.push(member)
      const { promise: asked, resolve } = Promise.withResolvers<void>()
      works.push(this.#runOnce(member, inserts, resolve))
      await asked
    }
    const apart = inserts.groups().map((group) => this.#insert(group))
    const failure = await this.#numbered()
    await Promise.all(works)
    const areApart = (await Promise.all(apart)).includes(true)
    const isSpoiltByOne = members.some((member) => isSpoilt(member))
    if (failure === undefined && !areApart && !isSpoiltByOne && !this.#connection.isLost) {
      this.#isUsed = members.some(({ session }) => session!.steps > 0)
      for (const member of members) this.#hasEnded(member)
      return
    }
    if (this.#state === 'begun') this.#connection.tell(rollback)
    this.#state = 'broken'
    for (const member of members) {
      member.single = true
      member.obstacle = member.session!.lost ?? (isSpoiltByOne ? undefined : failure)
    }
    this.#again.push(...members)
  }

  /** @returns whether it turns out that these have to go each for itself */
  async #insert({ statement, members, operations }: InsertGroup): Promise<boolean> {
    this.#beginBrief(members[0]!)
    for (const operation of operations) this.#connection.ask(operation)
    if (members.length === 1) {
      this.#unit(members[0]!)
      return false
    }
    const values = [unitRows(members.map((member) => this.#options.row(member))), quoted(statement.together!.table)]
    const isApart = await new Promise<boolean>((resolve) =>
      this.#connection.ask({
        ...{ statement: appendUnits, values, maxRows: 1 },
        done: ({ rows }) => resolve(rows[0]![0] === 't'),
        failed: () => resolve(false),
      }),
    )
    if (isApart) this.#options.apart.add(statement)
    return isApart
  }

  #beginBrief(member: WriteMember): void {
    if (this.#state !== 'fresh') return
    this.#begin(member)
    this.#set('lock_timeout', String(this.#options.guestLockMillis))
  }

  async #runOnce(member: WriteMember, inserts: InsertsTogether, asked: () => void): Promise<void> {
    const { actor } = member.options
    const session = new PostgresWriteSession({
      careful: false,
      once: true,
      deadlineAt: member.deadlineAt,
      // Also where it is alone: it holds a lane up for no longer than that.
      isGuest: true,
      connection: () => {
        this.#beginBrief(member)
        return this.#connection
      },
      sent: () => {
        this.#unit(member)
        asked()
      },
      together: (statement) => {
        if (!statement.together || this.#options.apart.has(statement)) return undefined
        return (operation) => {
          inserts.add(member, operation)
          asked()
        }
      },
    })
    await this.#work(member, session)
    // The row says who acts, as far as was known when it was sent.
    if (member.options.actor !== actor && session.steps > 0) session.startOver = true
    asked()
  }

  /** Runs one member's work to its end. */
  async run(member: WriteMember): Promise<void> {
    const isGuest = this.#isUsed
    let asked = false
    const session = new PostgresWriteSession({
      careful: member.careful,
      deadlineAt: member.deadlineAt,
      isGuest,
      connection: () => {
        if (!asked) this.#enter(isGuest, member)
        asked = true
        return this.#connection
      },
      sent: this.#number,
    })
    await this.#work(member, session)
    this.#ended(member, session, asked)
  }

  async #work(member: WriteMember, session: PostgresWriteSession): Promise<void> {
    member.session = session
    member.state = 'running'
    let failed = false
    let outcome: unknown
    try {
      session.watch()
      const working = member.work(session)
      outcome = isThenable(working) ? await Promise.race([working, session.givenUp]) : working
    } catch (error) {
      failed = true
      outcome = error
    }
    // Given up, its failure is the refusal too.
    const refusal = failed ? undefined : session.refusal()
    session.over()
    if (session.isPending) await session.settled()
    member.failed = failed || refusal !== undefined || isSettled(member)
    member.outcome = refusal ?? outcome
  }

  #enter(isGuest: boolean, member: WriteMember): void {
    const connection = this.#connection
    if (this.#state === 'fresh') this.#begin(member)
    const left = member.deadlineAt - performance.now()
    if (left > longestStatement) this.#set('statement_timeout', Number.isFinite(left) ? String(Math.ceil(left)) : '0')
    if (!isGuest) return
    if (!this.#hasGuests) this.#set('lock_timeout', String(this.#options.guestLockMillis))
    this.#hasGuests = true
    connection.tell(memberSavepoint.begin)
    member.session!.hasSavepoint = true
  }

  #begin(member: WriteMember): void {
    this.#state = 'begun'
    this.#isolation = isolationOf(member)
    this.#ticket = this.#options.lastTicket()
    this.#connection.tell(begin[this.#isolation])
    if (this.#options.opening) this.#connection.tell(this.#options.opening)
    this.#transaction = undefined
  }

  // A transaction has a number once it has written. It is asked for along with each statement until it has one, since it
  // has to be known before COMMIT is on its way: it may be all that is left to ask by.
  #number = (): void => {
    if (this.#transaction !== undefined) return
    this.#connection.ask({ statement: ownNumber, values: [], maxRows: 1, done: this.#isNumbered, failed: nothing })
  }

  /** Asks for the number, whatever has been written. @returns why it, or anything before it, has failed */
  #numbered(): Promise<unknown> {
    if (this.#state !== 'begun') return Promise.resolve()
    return new Promise((resolve) => {
      const done = (answer: Answer) => {
        this.#isNumbered(answer)
        resolve(undefined)
      }
      const failed = (error: unknown) => resolve(error instanceof Skipped ? error.cause : error)
      this.#connection.ask({ statement: ownNumber, values: [], maxRows: 1, done, failed })
    })
  }

  #isNumbered = ({ rows }: Answer): void => {
    this.#transaction ??= rows[0]?.[0] ?? undefined
  }

  #set(name: string, value: string): void {
    this.#connection.ask({ statement: setLocal, values: [name, value], maxRows: 1, done: nothing, failed: nothing })
  }

  #ended(member: WriteMember, session: PostgresWriteSession, asked: boolean): void {
    const { lost } = session
    const { failed, outcome } = member
    const isLost = lost !== undefined && !(session.hasSavepoint && isMemberOnly(lost))
    if (this.#connection.isLost || isLost) {
      this.#break(member, lost)
      return
    }
    const goesOn = session.startOver || outcome instanceof StartOver || (!failed && session.isFailed)
    if (lost !== undefined || goesOn) {
      if (goesOn && lost === undefined) member.careful = true
      else member.alone = true
      member.obstacle = lost
      this.#undo(session, asked)
      this.#again.push(member)
      return
    }
    if (failed) this.#undo(session, asked)
    else if (asked) {
      // First, so that who comes next has a savepoint of its own to go back to, or none: this row may fail.
      if (session.hasSavepoint) this.#connection.tell(memberSavepoint.release)
      if (this.#transaction !== undefined) this.#unit(member)
      this.#isUsed = true
    }
    this.#hasEnded(member)
  }

  #hasEnded(member: WriteMember): void {
    member.state = member.state === 'settled' ? 'settled' : 'done'
    this.#done.push(member)
  }

  #unit(member: WriteMember): void {
    const values = [this.#options.row(member)]
    this.#connection.ask({ statement: appendUnit, values, maxRows: 1, done: nothing, failed: nothing })
  }

  #undo(session: PostgresWriteSession, asked: boolean): void {
    if (!asked) return
    if (session.hasSavepoint) {
      this.#connection.tell(memberSavepoint.undo)
      this.#connection.tell(memberSavepoint.release)
    } else {
      this.#connection.tell(rollback)
      this.#state = 'fresh'
    }
  }

  /** Nothing of this transaction will be: whoever is in it runs again. */
  #break(member: WriteMember, why: unknown): void {
    if (this.#state === 'begun') this.#connection.tell(rollback)
    this.#state = 'broken'
    const members = [...this.#done, member]
    this.#done = []
    for (const one of members) one.obstacle = why
    this.#again.push(...members)
  }

  async commit(): Promise<TurnEnd> {
    if (!this.#isUsed || this.#state !== 'begun') {
      // What has only asked has nothing to commit, and what failed is undone already.
      if (this.#state === 'begun') this.#connection.tell(rollback)
      return this.#end(this.#done)
    }
    const connection = this.#connection
    const before = connection.warnings
    // A connection may be silent for good, and nobody else could use it.
    const left = Math.max(
      shortestCommit,
      Math.max(...this.#done.map(({ deadlineAt }) => deadlineAt)) - performance.now(),
    )
    const giveUp = () => connection.lose(new Error('COMMIT was not answered in time'))
    const timer = left < longestTimer ? setTimeout(giveUp, left) : undefined
    try {
      const { tag } = await new Promise<Answer>((done, failed) =>
        connection.ask({ statement: commit, values: [], maxRows: 1, done, failed }),
      )
      if (tag === 'ROLLBACK') throw new Error('the server rolled back what was to be committed')
      // A pooler has passed on half of the answer, and then said in its own words that the server is gone.
      if (tag !== 'COMMIT') throw new ConnectionLost(new Error(`COMMIT was answered with ${tag}`), true)
    } catch (error) {
      if (error instanceof ConnectionLost) connection.lose(error)
      return this.#notCommitted(error)
    } finally {
      clearTimeout(timer)
    }
    // Such as that somebody has ended its wait for the standby: it is committed here, and may be nowhere else.
    return (connection.warnings !== before && this.#lookedUp()) || this.#end(this.#done)
  }

  /** What became of the transaction has to be looked up. Undefined for one that has written nothing. */
  #lookedUp(): TurnEnd | undefined {
    const transaction = this.#transaction
    if (transaction === undefined) return undefined
    const members = this.#done
    const units = new Set(members.map(({ unit }) => unit))
    return { ...this.#end([]), unknown: { members, lost: { transaction, epoch: this.#connection.epoch, units } } }
  }

  #notCommitted(error: unknown): TurnEnd {
    if (endsConnection(error) && !(error instanceof ConnectionLost && !error.sent)) {
      const end = this.#lookedUp()
      // What has written nothing can begin again.
      if (end) return end
    }
    const members = this.#done
    this.#done = []
    this.#connection.tell(rollback)
    if (members.length === 1 && !endsConnection(error) && !isPassing(error) && !isPassing((error as Error).cause)) {
      const [member] = members
      member!.failed = true
      member!.outcome = translateError(error instanceof Error && error.name === 'Skipped' ? error.cause : error)
      return this.#end(members)
    }
    // One of them is why. Each alone, it fails alone.
    for (const member of members) {
      member.obstacle = error
      member.alone = !endsConnection(error)
    }
    this.#again.push(...members)
    return this.#end([])
  }

  #end(answered: WriteMember[]): TurnEnd {
    return { answered, again: this.#again, unknown: undefined }
  }
}

/** Milliseconds that a COMMIT has at least to be answered, when the work took until its deadline. */
const shortestCommit = 1_000

function isolationOf({ options }: WriteMember): Isolation {
  return options.isolation ?? 'serializable'
}

/** Nothing of a turn that it is in can stay. */
function isSpoilt(member: WriteMember): boolean {
  const { session, failed, outcome } = member
  const { steps, lost, startOver, isFailed } = session!
  const isOver = failed || startOver || isFailed || lost !== undefined || isSettled(member)
  return steps > 0 && (isOver || outcome instanceof StartOver)
}

/** It was told that it was not saved, when its deadline came. */
function isSettled({ state }: WriteMember): boolean {
  return state === 'settled'
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

function nothing(): void {}
