import { clearTimeout, setTimeout } from 'node:timers'
import type { Statement } from '../storage.ts'
import { Batch, type BatchItem, type BatchOwner, type Operation, type Prepared, TooManyRows } from './postgres-batch.ts'
import type { DriverClient } from './postgres-driver.ts'
import { ConnectionLost, endsConnection, isServerError, isStalePlan } from './postgres-lost.ts'
import { cellParsers } from './postgres-values.ts'

/**
 * Statements that one connection keeps prepared. An application has some hundreds of query shapes, and the server keeps
 * some 10 KB for each, in every backend.
 */
const keptStatements = 512

export interface ConnectionOptions {
  /** The life of the server in which it was opened: see `postgres-outcome.ts`. */
  epoch: string
  /** False behind a pooler in transaction mode: the next statement may meet another backend, which knows no names. */
  names: boolean
  /** Milliseconds that a statement may take to end once it was told to. */
  graceMillis: number
  /** Asks the server to end the statement that runs. Resolves when it has been asked, or could not be. */
  cancel(client: DriverClient): Promise<void>
}

/** The SQLSTATE of a warning that has none of its own. */
const warning = '01000'

/**
 * One connection, and what it has prepared.
 *
 * - idle: nothing is on its way. The first operation is sent at the end of this tick, with all that come until then.
 * - asking: a batch is on its way, and what comes meanwhile waits to be one batch behind it.
 * - lost: the socket has gone, or has been given up. Whatever was under way fails with `ConnectionLost`, and what the
 *   server made of it is not known.
 */
export class PostgresConnection implements BatchOwner {
  readonly client: DriverClient
  readonly #options: ConnectionOptions
  readonly #prepared = new Map<Statement, Prepared>()
  /** Names that the server may have, and is to forget. */
  #closing: string[] = []
  #waiting: Operation[] = []
  #asking = false
  #flushing = false
  #lost: ConnectionLost | undefined
  #names = 0
  #warnings = 0
  #interrupting: Promise<void> | undefined
  #whenQuiet: (() => void)[] = []
  /** Is told once, when the connection is lost. */
  onLost: (() => void) | undefined

  /** @param client connected already */
  constructor(client: DriverClient, options: ConnectionOptions) {
    this.client = client
    this.#options = options
    client.on('error', (error) => this.lose(error))
    client.on('end', () => this.lose(undefined))
    client.on('notice', ({ code }) => {
      if (code === warning) this.#warnings++
    })
  }

  /** How often the server has warned so far, whatever it said. */
  get warnings(): number {
    return this.#warnings
  }

  get epoch(): string {
    return this.#options.epoch
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Nothing is on its way or waits to be. */
  get isQuiet(): boolean {
    return !this.#asking && this.#waiting.length === 0
  }

  ask(operation: Operation): void {
    if (this.#lost) {
      const lost = this.#lost
      process.nextTick(() => operation.failed(lost))
      return
    }
    this.#waiting.push(operation)
    if (this.#asking || this.#flushing) return
    this.#flushing = true
    process.nextTick(this.#flush)
  }

  /** Transaction control. It can't fail, so that a connection where it does is given up. */
  tell(statement: Statement): void {
    this.ask({ statement, values: [], maxRows: 1, done: nothing, failed: this.#notDone })
  }

  #notDone = (error: unknown): void => {
    if (isServerError(error)) this.lose(error)
  }

  /**
   * Ends the statement that runs, if one does; it fails as the server says. Nothing new is sent until that is sure. A
   * connection that does not come to rest in `graceMillis` is given up.
   */
  interrupt(): void {
    if (!this.#asking || this.#interrupting || this.#lost) return
    const timer = setTimeout(() => this.lose(new Error('a statement could not be ended')), this.#options.graceMillis)
    void this.quiet().then(() => clearTimeout(timer))
    this.#interrupting = this.#options.cancel(this.client).finally(() => {
      this.#interrupting = undefined
      this.#flush()
      this.#rest()
    })
  }

  /** Resolves when nothing is on its way any more, or the connection is lost. */
  quiet(): Promise<void> {
    if (this.#isAtRest()) return Promise.resolve()
    return new Promise((resolve) => this.#whenQuiet.push(resolve))
  }

  /** Prepares everything anew: what was prepared before the schema changed may have another answer now. */
  forget(): void {
    for (const { name } of this.#prepared.values()) this.#closing.push(name)
    this.#prepared.clear()
  }

  /** The socket is gone, or not to be trusted any more. */
  lose(error: unknown): void {
    if (this.#lost) return
    this.#lost = new ConnectionLost(error, false)
    const waiting = this.#waiting.splice(0)
    this.client.connection.stream.destroy()
    for (const operation of waiting) operation.failed(this.#lost)
    this.onLost?.()
    this.#rest()
  }

  async close(): Promise<void> {
    if (this.#lost) return
    this.#lost = new ConnectionLost(undefined, false)
    const timer = setTimeout(() => this.client.connection.stream.destroy(), this.#options.graceMillis)
    await this.client.end().catch(nothing)
    clearTimeout(timer)
  }

  #flush = (): void => {
    this.#flushing = false
    if (this.#asking || this.#lost || this.#interrupting || this.#waiting.length === 0) return
    const operations = this.#waiting
    this.#waiting = []
    this.#asking = true
    // What these push out may be asked by one of them: it is closed with the next batch.
    const closing = this.#closing
    this.#closing = []
    const items = operations.map((operation) => ({ operation, prepared: this.#prepare(operation.statement) }))
    this.client.query(new Batch(items, closing, this, cellParsers))
  }

  #prepare(statement: Statement): Prepared {
    if (!this.#options.names) return { name: '', known: false, fields: undefined, parsers: undefined }
    let prepared = this.#prepared.get(statement)
    if (!prepared) {
      prepared = { name: `m${++this.#names}`, known: false, fields: undefined, parsers: undefined }
      this.#prepared.set(statement, prepared)
      if (this.#prepared.size > keptStatements) {
        // The oldest goes first: an order of use would cost more on each call than a statement prepared anew now and then.
        const [oldest, { name }] = this.#prepared.entries().next().value!
        this.#prepared.delete(oldest)
        this.#closing.push(name)
      }
    }
    return prepared
  }

  tooMany(): void {
    this.interrupt()
  }

  ended(items: readonly BatchItem[], failedAt: number, error: unknown): void {
    items.forEach(({ prepared, operation }, at) => {
      if (failedAt < 0 || at < failedAt) prepared.known = prepared.name !== ''
      else if (!prepared.known && this.#prepared.delete(operation.statement)) this.#closing.push(prepared.name)
    })
    this.#asking = false
    if (isStalePlan(error)) this.forget()
    if (failedAt >= 0 && isFatal(error)) {
      this.lose(error)
      return
    }
    if (!this.#flushing) {
      this.#flushing = true
      process.nextTick(this.#flush)
    }
    if (this.#whenQuiet.length > 0) process.nextTick(this.#rest)
  }

  #isAtRest(): boolean {
    return this.#lost !== undefined || (this.isQuiet && !this.#interrupting)
  }

  #rest = (): void => {
    if (!this.#isAtRest()) return
    for (const resolve of this.#whenQuiet.splice(0)) resolve()
  }
}

function isFatal(error: unknown): boolean {
  return !(error instanceof TooManyRows) && (!isServerError(error) || endsConnection(error))
}

function nothing(): void {}
