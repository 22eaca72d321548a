import { clearImmediate, setImmediate } from 'node:timers'
import { type ErrorCode, MonoblocError } from '../../errors.ts'
import type { TableSpec } from '../../schema/index.ts'
import { eventInsert, eventRow } from '../sql/event-shape.ts'
import type { LoggedEvent, MaybePromise, Session, Statement } from '../storage.ts'
import type { Operation } from './postgres-batch.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { emptyTable } from './postgres-empty.ts'
import { isServerError } from './postgres-lost.ts'
import { PostgresSession } from './postgres-session.ts'

const appendEvent: Statement = { sql: eventInsert('$1'), reach: 'bounded' }

export interface WriteSessionOptions {
  careful: boolean
  /** It has one statement at most: see `PostgresSession`. */
  once?: boolean
  /** On the monotonic clock. */
  deadlineAt: number
  /** Others' changes are in the transaction already, and wait for this work's end. */
  isGuest: boolean
  /** The connection, with the transaction begun. */
  connection(): PostgresConnection
  /** A statement of the work has been sent. */
  sent(): void
  /** Takes a statement that is to go with those of others; undefined for one that goes by itself. */
  together?(statement: Statement): ((operation: Operation) => void) | undefined
}

/** The handle of one unit's work. */
export class PostgresWriteSession extends PostgresSession implements Session {
  readonly writable = true
  /** Is the work under a savepoint of its own? */
  hasSavepoint = false
  /** Rejects when the work is given up, whatever it waits for. */
  readonly givenUp: Promise<never>
  readonly #giveUp: (error: MonoblocError) => void
  readonly #options: WriteSessionOptions
  #watch: NodeJS.Immediate | undefined
  #isOver = false
  #listeners: (() => void)[] | undefined

  constructor(options: WriteSessionOptions) {
    super(options.careful, options.deadlineAt, options.once)
    this.#options = options
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.givenUp = promise
    this.#giveUp = reject
  }

  empty(table: TableSpec): Promise<number> {
    return emptyTable(this, table)
  }

  async event(event: LoggedEvent): Promise<void> {
    await this.run(appendEvent, [eventRow(event, event.data)])
  }

  override async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    const listeners = this.#listeners?.length ?? 0
    try {
      return await super.savepoint(work)
    } catch (error) {
      this.#listeners?.splice(listeners)
      throw error
    }
  }

  onCommit(listener: () => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** It is on disk. */
  committed(): void {
    if (this.#listeners) for (const listener of this.#listeners) listener()
  }

  giveUp(why: ErrorCode): void {
    this.end(why)
    this.#giveUp(new MonoblocError(why))
  }

  /**
   * From here on the work may go on by microtasks only, or by asking. It is called before the work goes on, so that an
   * immediate of the work's own comes too late.
   */
  watch(): void {
    if (this.#isOver) return
    if (this.#watch) clearImmediate(this.#watch)
    this.#watch = setImmediate(() => {
      this.#watch = undefined
      if (this.isPending || this.#isOver) return
      this.end('transaction_ended')
      this.#giveUp(new MonoblocError('foreign_await'))
    })
  }

  /** The work has ended. */
  over(): void {
    this.end('transaction_ended')
    this.#isOver = true
    if (this.#watch) clearImmediate(this.#watch)
  }

  protected open(): PostgresConnection {
    return this.#options.connection()
  }

  protected override together(statement: Statement): ((operation: Operation) => void) | undefined {
    return this.#options.together?.(statement)
  }

  protected override onSent(): void {
    this.#options.sent()
  }

  protected onSettled(): void {
    this.watch()
  }

  // Who waits for a lock in a transaction with others holds up whoever waits for theirs: it runs again, alone.
  protected override isObstacle(error: unknown): boolean {
    if (!isServerError(error)) return false
    // The server has become a standby, or was told to take no writes: another connection may be to another server.
    if (error.code === '25006') this.#options.connection().lose(error)
    return error.code === '25006' || (this.#options.isGuest && error.code === '55P03')
  }
}
