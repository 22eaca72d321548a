import { clearTimeout, setTimeout } from 'node:timers'
import { LogHints } from '../sql/log-hints.ts'
import type { Statement } from '../storage.ts'
import { askOn } from './postgres-ask.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { LogEnd } from './postgres-stamper.ts'

/**
 * Milliseconds between two notifications of one node at least. NOTIFY holds a lock of the whole server while its transaction
 * commits: one for each write would put all commits in line.
 */
const quietMillis = 100

const channel = 'monobloc_log'
const listen: Statement = { sql: `listen ${channel}`, reach: 'bounded' }
const notify: Statement = { sql: `notify ${channel}`, reach: 'bounded' }

export interface PostgresHintOptions {
  /** Where the log ends. */
  look(): Promise<LogEnd>
  /** A connection that is kept for listening; undefined behind a pooler, which would give it to others. */
  connect: (() => Promise<PostgresConnection>) | undefined
}

/**
 * Hints of what other nodes commit. Each node that follows the log notifies the others of its commits: of the first at once,
 * and then once for all of some time. Beneath it everyone looks from time to time, which is all there is behind a pooler,
 * for what other programs write, and while the connection that listens is lost.
 */
export class PostgresHints {
  readonly #options: PostgresHintOptions
  readonly #hints: LogHints
  #position = 0
  #connection: Promise<PostgresConnection | undefined> | undefined
  #closing: Promise<void> | undefined
  #quiet: NodeJS.Timeout | undefined
  #isDue = false

  constructor(options: PostgresHintOptions) {
    this.#options = options
    this.#hints = new LogHints({
      hasGrown: () => this.#hasGrown(),
      onWatched: (isWatched) => (isWatched ? this.#open() : this.#rest()),
    })
  }

  add(listener: () => void): () => void {
    return this.#hints.add(listener)
  }

  /** A unit of this node has committed. */
  readonly committed = (): void => {
    if (!this.isWatched) return
    this.#hints.tell()
    if (this.#quiet) this.#isDue = true
    else this.#notify()
  }

  get isWatched(): boolean {
    return this.#hints.isWatched
  }

  /** Resolves when nothing is open any more. */
  async close(): Promise<void> {
    this.#hints.close()
    await this.#closing
  }

  async #hasGrown(): Promise<boolean> {
    this.#open()
    const { position, isStamped } = await this.#options.look()
    const hasGrown = position > this.#position || !isStamped
    this.#position = position
    return hasGrown
  }

  #notify(): void {
    this.#isDue = false
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      if (this.#isDue) this.#notify()
    }, quietMillis).unref()
    void this.#connection?.then((connection) => connection?.tell(notify))
  }

  #open(): void {
    const { connect } = this.#options
    if (this.#connection || !connect) return
    // The next look opens another one.
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined
    }
    const opening = this.#listen(connect, forget).catch(() => {
      forget()
      return undefined
    })
    this.#connection = opening
  }

  async #listen(connect: () => Promise<PostgresConnection>, onLost: () => void): Promise<PostgresConnection> {
    const connection = await connect()
    const own = connection.client.processID
    connection.client.on('notification', ({ processId }) => {
      if (processId !== own) this.#hints.tell()
    })
    connection.onLost = onLost
    try {
      await askOn(connection)([[listen, []]])
      return connection
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  #rest(): void {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    const opening = this.#connection
    this.#connection = undefined
    this.#closing = opening?.then((connection) => connection?.close())
  }
}
