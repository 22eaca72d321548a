import { type ErrorCode, MonoblocError } from '../../errors.ts'
import type { MaybePromise, SqlRow, SqlValue, Statement } from '../storage.ts'
import { type Answer, type Operation, Skipped, TooManyRows } from './postgres-batch.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { translateError } from './postgres-errors.ts'
import { checkRaw } from './postgres-guard.ts'
import { ConnectionLost, endsConnection, isPassing } from './postgres-lost.ts'
import { boundValue, naturalParsers, parseCells, type WireValue, wireValues } from './postgres-values.ts'

/** Rows of one answer where nothing else bounds them, as on SQLite. */
export const maxRows = 100_000

export interface RawResult {
  rows: SqlRow[]
  changes: number
  lastId: SqlValue
}

/** Thrown by a session whose work must start over, with each of its statements under a savepoint. It stays inside the engine. */
export class StartOver extends Error {
  constructor() {
    super('this work starts over')
    this.name = 'StartOver'
  }
}

/**
 * Statements of one unit of work in one transaction.
 *
 * PostgreSQL gives up a transaction when a statement in it fails, where SQLite undoes that statement alone. Savepoints
 * around every statement would cost all work for the little that goes on after an error. So a session begins without
 * them, and work that turns out to go on is started over with them.
 *
 * - open: statements run.
 * - failed: a statement failed. Leaving the savepoint around it heals this; another statement makes the work start over.
 * - careful: the work was started over. Each statement has a savepoint, and one that fails is undone alone.
 * - lost: the connection went, or the server wants the transaction again (a serialization failure).
 * - ended: over, or past its deadline; every call throws why.
 */
export abstract class PostgresSession {
  abstract readonly writable: boolean
  position: number | undefined
  /** Why the transaction is gone, through no fault of the work. */
  lost: unknown
  /** The work went on after a statement that had failed. */
  startOver = false
  readonly careful: boolean
  /** Statements and savepoints that the work has asked for. */
  steps = 0
  #failure: { depth: number } | undefined
  #depth = 0
  #pending = 0
  #ended: ErrorCode | undefined
  #whenSettled: (() => void)[] = []
  /** In careful work: what runs after what was asked before has ended. */
  #turn: Promise<unknown> = Promise.resolve()

  /** On the monotonic clock. */
  readonly #deadlineAt: number

  /** Only one statement may be asked for: with another, or a savepoint, the work starts over. */
  readonly #once: boolean

  constructor(careful: boolean, deadlineAt: number, once = false) {
    this.careful = careful
    this.#deadlineAt = deadlineAt
    this.#once = once
  }

  /** Something in the way of the whole unit of work, besides what is so for every one. */
  protected isObstacle(_error: unknown): boolean {
    return false
  }

  /** The connection to ask on, with its transaction begun. */
  protected abstract open(): PostgresConnection | Promise<PostgresConnection>

  /** What goes to the server together with a statement, behind it. */
  protected onSent(): void {}

  /** Hears when nothing is pending any more. */
  protected abstract onSettled(): void

  all(statement: Statement, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#ask(statement, wireValues(values), mostOf(statement), allRows)
  }

  rows(statement: Statement, values: readonly SqlValue[]): Promise<SqlValue[][]> {
    return this.#ask(statement, wireValues(values), mostOf(statement), allCells)
  }

  first(statement: Statement, values: readonly SqlValue[]): Promise<SqlRow | undefined> {
    return this.#ask(statement, wireValues(values), mostOf(statement), firstRow)
  }

  value(statement: Statement, values: readonly SqlValue[]): Promise<SqlValue | undefined> {
    return this.#ask(statement, wireValues(values), mostOf(statement), firstCell)
  }

  cells(statement: Statement, values: readonly SqlValue[]): Promise<SqlValue[] | undefined> {
    return this.#ask(statement, wireValues(values), mostOf(statement), firstCells)
  }

  run(statement: Statement, values: readonly SqlValue[]): Promise<number> {
    return this.#ask(statement, wireValues(values), maxRows, changesOf)
  }

  async raw(sql: string, values: readonly unknown[]): Promise<RawResult> {
    this.check()
    checkRaw(sql)
    return this.#ask(rawStatement(sql), values.map(boundValue), maxRows, rawResult)
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    this.check()
    this.#step(2)
    const depth = ++this.#depth
    await this.#control(savepointAt(depth).begin)
    try {
      const result = await work()
      await this.settled()
      // What was refused meanwhile is undone already, its savepoints with it.
      this.check()
      await this.#leave(depth, false)
      return result
    } catch (error) {
      await this.settled()
      if (this.#isUsable()) await this.#leave(depth, true)
      throw error
    }
  }

  /** Later calls throw. */
  end(why: ErrorCode): void {
    this.#ended ??= why
  }

  get ended(): ErrorCode | undefined {
    return this.#ended
  }

  get isPending(): boolean {
    return this.#pending > 0
  }

  /** Resolves when what was asked has been answered. */
  settled(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenSettled.push(resolve))
  }

  /** Why the work may not end well, whatever it returned. */
  refusal(): MonoblocError | undefined {
    if (this.#ended) return new MonoblocError(this.#ended)
    if (this.#depth > 0) {
      return new MonoblocError('transaction_busy', { detail: 'The work ended before a savepoint inside it: await it.' })
    }
    return performance.now() > this.#deadlineAt ? new MonoblocError('deadline_exceeded') : undefined
  }

  /** A statement failed, and no savepoint has undone it. */
  get isFailed(): boolean {
    return this.#failure !== undefined
  }

  protected check(): void {
    if (this.#ended) throw new MonoblocError(this.#ended)
    if (this.lost !== undefined) throw this.lost
    if (performance.now() > this.#deadlineAt) {
      this.end('deadline_exceeded')
      throw new MonoblocError('deadline_exceeded', { detail: 'The deadline passed while the work ran.' })
    }
    this.#healthy()
  }

  #step(count: number): void {
    this.steps += count
    if (!this.#once || this.steps === 1) return
    this.startOver = true
    throw new StartOver()
  }

  #healthy(): void {
    if (this.#failure) this.startOver = true
    if (this.startOver) throw new StartOver()
  }

  #isUsable(): boolean {
    return this.#ended === undefined && this.lost === undefined && !this.startOver
  }

  // A savepoint's end takes those inside it along, so that one which is still in use would be cut off.
  async #leave(depth: number, undo: boolean): Promise<void> {
    if (this.#depth !== depth) {
      this.end('transaction_busy')
      throw new MonoblocError('transaction_busy')
    }
    this.#depth = depth - 1
    if (this.#failure && this.#failure.depth >= depth) this.#failure = undefined
    const savepoint = savepointAt(depth)
    if (undo) await this.#control(savepoint.undo)
    await this.#control(savepoint.release)
  }

  #control(statement: Statement): MaybePromise<void> {
    const connection = this.open()
    if (connection instanceof Promise) return connection.then((opened) => opened.tell(statement))
    connection.tell(statement)
  }

  #ask<T>(statement: Statement, values: readonly WireValue[], most: number, read: (answer: Answer) => T): Promise<T> {
    try {
      this.check()
      this.#step(1)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#pending++
    const asked = this.careful ? this.#askCarefully(statement, values, most) : this.#send(statement, values, most)
    const answered = asked.then(
      (answer) => {
        this.#answered()
        if (answer.rows.length > most) throw tooLarge(most)
        return read(answer)
      },
      (error) => {
        this.#answered()
        throw this.#failed(error, most)
      },
    )
    // Who does not wait for it hears of it all the same: the session has noted it.
    answered.catch(() => {})
    return answered
  }

  /** Where a statement goes together with those of others; undefined for one that goes by itself. */
  protected together(_statement: Statement): ((operation: Operation) => void) | undefined {
    return undefined
  }

  #send(statement: Statement, values: readonly WireValue[], most: number): Promise<Answer> {
    const ask = this.together(statement)
    if (ask) return new Promise((done, failed) => ask({ statement, values, maxRows: most, done, failed }))
    const connection = this.open()
    if (connection instanceof Promise) return connection.then((opened) => send(opened, statement, values, most))
    const sent = send(connection, statement, values, most)
    this.onSent()
    return sent
  }

  /** One after another, each under a savepoint: what fails is undone alone. */
  #askCarefully(statement: Statement, values: readonly WireValue[], most: number): Promise<Answer> {
    const asked = this.#turn.then(async () => {
      const connection = await this.open()
      connection.tell(statementSavepoint.begin)
      const sent = send(connection, statement, values, most)
      this.onSent()
      connection.tell(statementSavepoint.release)
      return sent.catch((error) => {
        if (!connection.isLost) {
          connection.tell(statementSavepoint.undo)
          connection.tell(statementSavepoint.release)
        }
        throw error
      })
    })
    this.#turn = asked.catch(() => {})
    return asked
  }

  #answered(): void {
    if (--this.#pending > 0) return
    for (const resolve of this.#whenSettled.splice(0)) resolve()
    this.onSettled()
  }

  #failed(error: unknown, most: number): unknown {
    if (endsConnection(error) || isPassing(error) || this.isObstacle(error)) {
      this.lost ??= error
      return this.#ended ? new MonoblocError(this.#ended) : error
    }
    if (this.#ended) return new MonoblocError(this.#ended)
    if (error instanceof Skipped) {
      // What failed before it was another statement of the work, or one of ours, which means that the connection went.
      if (!this.#failure) this.lost ??= new ConnectionLost(error.cause, true)
      return new StartOver()
    }
    if (error instanceof MonoblocError) return error
    if (!this.careful) this.#failure ??= { depth: this.#depth }
    if (error instanceof TooManyRows) return tooLarge(most, error)
    return translateError(error)
  }
}

function tooLarge(most: number, cause?: unknown): MonoblocError {
  return new MonoblocError('result_too_large', { detail: `More than ${most} rows.`, cause })
}

function send(
  connection: PostgresConnection,
  statement: Statement,
  values: readonly WireValue[],
  most: number,
): Promise<Answer> {
  return new Promise((done, failed) => connection.ask({ statement, values, maxRows: most, done, failed }))
}

function mostOf({ reach }: Statement): number {
  return reach === 'bounded' ? Infinity : maxRows
}

function changesOf({ changes }: Answer): number {
  return changes
}

function allCells({ rows, parsers }: Answer): SqlValue[][] {
  if (parsers) for (const row of rows) parseCells(row, parsers)
  return rows
}

function firstCells({ rows, parsers }: Answer): SqlValue[] | undefined {
  return rows[0] && parseCells(rows[0], parsers)
}

function firstCell(answer: Answer): SqlValue | undefined {
  return firstCells(answer)?.[0]
}

function allRows(answer: Answer): SqlRow[] {
  return allCells(answer).map((cells) => record(answer, cells))
}

function firstRow(answer: Answer): SqlRow | undefined {
  const cells = firstCells(answer)
  return cells && record(answer, cells)
}

function record({ fields }: Answer, cells: readonly SqlValue[]): SqlRow {
  const row: SqlRow = {}
  for (let at = 0; at < fields.length; at++) row[fields[at]!.name] = cells[at]!
  return row
}

function rawResult(answer: Answer): RawResult {
  const parsers = naturalParsers(answer.fields)
  const rows = answer.rows.map((cells) => record(answer, parseCells(cells, parsers)))
  return { rows, changes: answer.changes, lastId: null }
}

/** Raw SQL is kept by its text, which applications also build with values inside: few are worth keeping. */
const keptRawStatements = 128
const rawStatements = new Map<string, Statement>()

function rawStatement(sql: string): Statement {
  let statement = rawStatements.get(sql)
  if (!statement) {
    statement = { sql, reach: 'plan' }
    if (rawStatements.size >= keptRawStatements) rawStatements.delete(rawStatements.keys().next().value!)
    rawStatements.set(sql, statement)
  }
  return statement
}

interface Savepoint {
  begin: Statement
  undo: Statement
  release: Statement
}

const savepoints: Savepoint[] = []

function savepointAt(depth: number): Savepoint {
  return (savepoints[depth] ??= savepointNamed(`nested_${depth}`))
}

function savepointNamed(name: string): Savepoint {
  return {
    begin: { sql: `savepoint ${name}`, reach: 'bounded' },
    undo: { sql: `rollback to savepoint ${name}`, reach: 'bounded' },
    release: { sql: `release savepoint ${name}`, reach: 'bounded' },
  }
}

const statementSavepoint = savepointNamed('statement')

/** Around a member of a group. */
export const memberSavepoint = savepointNamed('member')
