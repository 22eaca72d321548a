import { clearImmediate, setImmediate } from 'node:timers'
import type { Session } from '../storage.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { PostgresSession } from './postgres-session.ts'

/** The handle of one unit's work. */
export class PostgresWriteSession extends PostgresSession implements Session {
  readonly writable = true
  readonly #connection: () => PostgresConnection
  readonly #onForeign: () => void
  #watch: NodeJS.Immediate | undefined
  #isOver = false

  /**
   * @param connection gives the connection with its transaction begun
   * @param onForeign hears that the work waits, and not for this session
   */
  constructor(connection: () => PostgresConnection, careful: boolean, onForeign: () => void) {
    super(careful)
    this.#connection = connection
    this.#onForeign = onForeign
  }

  protected open(): PostgresConnection {
    return this.#connection()
  }

  protected onSettled(): void {
    this.watch()
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
      if (!this.isPending && !this.#isOver) this.#onForeign()
    })
  }

  /** The work has ended. */
  over(): void {
    this.#isOver = true
    if (this.#watch) clearImmediate(this.#watch)
  }
}
