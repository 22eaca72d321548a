import { type ErrorCode, MonoblocError } from '../../errors.ts'
import type { TableSpec } from '../../schema/index.ts'
import { eventInsert, eventRow } from '../sql/event-shape.ts'
import type { LoggedEvent, MaybePromise, Session, SqlRow, SqlValue, Statement } from '../storage.ts'
import type { RawResult, SqliteConnection } from './sqlite-connection.ts'
import { emptyTable } from './sqlite-empty.ts'
import { translateError } from './sqlite-errors.ts'
import type { StatementCounts } from './sqlite-statement-counts.ts'

/**
 * Rows of one answer where nothing else bounds them: raw SQL, and in a write, which runs where nothing can stop it,
 * every statement whose reach is not known. 100,000 rows of some hundred bytes are tens of megabytes.
 */
export const maxRows = 100_000

const appendEvent: Statement = { sql: eventInsert('?'), reach: 'bounded' }

/**
 * The handle of one member's work.
 *
 * - open: statements run.
 * - ended: the work is over or was refused; every call throws why.
 * - lost: SQLite rolled the transaction around all members back by itself (a full disk); every call throws that error.
 */
export class SqliteWriteSession implements Session {
  readonly writable = true
  position: number | undefined
  /** The error with which the transaction around all members went, once it has. */
  lost: unknown
  readonly #connection: SqliteConnection
  readonly #deadlineAt: number
  readonly #counts: StatementCounts | undefined
  /** Savepoints that are open. */
  #depth = 0
  #ended: ErrorCode | undefined
  #listeners: (() => void)[] | undefined

  /** @param counts is told of each statement whose plan matters */
  constructor(connection: SqliteConnection, deadlineAt: number, counts?: StatementCounts) {
    this.#connection = connection
    this.#deadlineAt = deadlineAt
    this.#counts = counts
  }

  end(why: ErrorCode): void {
    this.#ended ??= why
  }

  all(statement: Statement, values: readonly SqlValue[]): SqlRow[] {
    this.#asked(statement)
    try {
      if (statement.reach === 'bounded') return this.#connection.all(statement, values)
      return this.#connection.allUpTo(statement, values, maxRows)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  first(statement: Statement, values: readonly SqlValue[]): SqlRow | undefined {
    this.#asked(statement)
    try {
      return this.#connection.first(statement, values)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  value(statement: Statement, values: readonly SqlValue[]): SqlValue | undefined {
    return this.cells(statement, values)?.[0]
  }

  cells(statement: Statement, values: readonly SqlValue[]): SqlValue[] | undefined {
    this.#asked(statement)
    try {
      return this.#connection.cells(statement, values)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  rows(statement: Statement, values: readonly SqlValue[]): SqlValue[][] {
    this.#asked(statement)
    try {
      if (statement.reach === 'bounded') return this.#connection.rows(statement, values)
      return this.#connection.rowsUpTo(statement, values, maxRows)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  run(statement: Statement, values: readonly SqlValue[]): number {
    this.#asked(statement)
    try {
      return this.#connection.run(statement, values)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  raw(sql: string, values: readonly unknown[]): RawResult {
    this.#check()
    try {
      return this.#connection.raw(sql, values, maxRows)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    this.#check()
    const depth = this.#depth + 1
    this.#control(`savepoint nested_${depth}`)
    this.#depth = depth
    const listeners = this.#listeners?.length ?? 0
    try {
      const result = await work()
      this.#check()
      this.#leave(depth, `release nested_${depth}`)
      return result
    } catch (error) {
      this.#listeners?.splice(listeners)
      if (this.#isUsable()) this.#leave(depth, `rollback to nested_${depth}; release nested_${depth}`)
      throw error
    }
  }

  empty(table: TableSpec): number {
    this.#check()
    try {
      return emptyTable(this.#connection.db, table)
    } catch (error) {
      throw this.#failed(translateError(error, this.#connection.db))
    }
  }

  event(event: LoggedEvent): void {
    // A document is text, as in a column.
    this.run(appendEvent, [eventRow(event, JSON.stringify(event.data))])
  }

  onCommit(listener: () => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** It is on disk. */
  committed(): void {
    if (this.#listeners) for (const listener of this.#listeners) listener()
  }

  /** Why the work may not commit, whatever it returned. */
  refusal(): unknown {
    if (this.lost !== undefined) return this.lost
    if (this.#ended) return new MonoblocError(this.#ended)
    if (this.#depth > 0) {
      return new MonoblocError('transaction_busy', { detail: 'The work ended before a savepoint inside it: await it.' })
    }
    return performance.now() > this.#deadlineAt ? new MonoblocError('deadline_exceeded') : undefined
  }

  // A savepoint's end takes those inside it along, so that one which is still in use would be cut off.
  #leave(depth: number, sql: string): void {
    if (this.#depth !== depth) {
      this.end('transaction_busy')
      throw new MonoblocError('transaction_busy')
    }
    this.#control(sql)
    this.#depth = depth - 1
  }

  #isUsable(): boolean {
    return this.#ended === undefined && this.lost === undefined
  }

  #asked(statement: Statement): void {
    this.#check()
    if (statement.reach === 'plan' && this.#counts) this.#counts.of(statement).runs++
  }

  #check(): void {
    if (this.#ended) throw new MonoblocError(this.#ended)
    if (this.lost !== undefined) throw this.lost
    if (performance.now() > this.#deadlineAt) {
      this.end('deadline_exceeded')
      throw new MonoblocError('deadline_exceeded', { detail: 'The deadline of the write passed while it ran.' })
    }
  }

  #control(sql: string): void {
    try {
      this.#connection.db.exec(sql)
    } catch (error) {
      throw this.#failed(translateError(error))
    }
  }

  #failed(error: unknown): unknown {
    if (!this.#connection.db.isTransaction) this.lost = error
    return error
  }
}
