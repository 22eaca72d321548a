import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import { MonoblocError } from '../../errors.ts'
import { isMisconfigured } from './postgres-connect-errors.ts'
import type { PostgresConnection } from './postgres-connection.ts'

export interface PoolOptions {
  /** Connections at most. */
  connections: number
  /** How many may wait for one; one more is refused with `overloaded`. */
  maxWaiting: number
  connect(): Promise<PostgresConnection>
  /** Milliseconds that a connection may take to end what it was doing when it came back, before it is closed. */
  quietMillis: number
  /** Milliseconds after which connections that nobody needed are closed; one stays. */
  spareMillis: number
  /** Milliseconds after which a server that could not be reached is tried again. */
  retryMillis: number
}

interface Waiting {
  resolve(connection: PostgresConnection): void
  reject(error: unknown): void
  timer: NodeJS.Timeout | undefined
}

/**
 * The connections of one process to one database.
 *
 * - A connection is idle, taken, or coming back (it ends what it was doing, such as a rollback). The newest idle one is
 *   taken first, so that those which are too many can be closed.
 * - Who finds none waits in line until a deadline. While the server can't be reached, opening is tried again as long as
 *   anyone waits; who waited in vain is told why it could not be reached.
 * - closed: nobody takes any more.
 *
 * It is not the pool of `pg`: that one hands out clients whose rollback may still be under way, and neither bounds its
 * queue nor has a deadline for each who waits.
 */
export class PostgresPool {
  readonly #options: PoolOptions
  readonly #all = new Set<PostgresConnection>()
  readonly #idle: PostgresConnection[] = []
  readonly #waiting = new Set<Waiting>()
  #opening = 0
  #retry: NodeJS.Timeout | undefined
  #failure: unknown
  #closed = false
  /** The fewest that were idle at once since the last look: so many were not needed. */
  #spare = 0
  readonly #shrinking: NodeJS.Timeout

  constructor(options: PoolOptions) {
    this.#options = options
    this.#shrinking = setInterval(() => this.#shrink(), options.spareMillis).unref()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Why the server could not be reached when it was last tried; undefined when it could. */
  get failure(): unknown {
    return this.#failure
  }

  /** A connection at once, where one is idle. */
  takeIdle(): PostgresConnection | undefined {
    return this.#closed ? undefined : this.#pop()
  }

  /**
   * @param deadlineAt on the monotonic clock
   * @param isCounted who asks has a bound of its own
   * @param late what is said when no connection became free by then
   * @throws MonoblocError `overloaded`, `shutting_down`; at the deadline `database_unavailable` or `late`
   */
  take(
    deadlineAt: number,
    late: 'database_busy' | 'deadline_exceeded',
    isCounted = false,
  ): Promise<PostgresConnection> {
    if (this.#closed) return Promise.reject(new MonoblocError('shutting_down'))
    const idle = this.#pop()
    if (idle) return Promise.resolve(idle)
    return new Promise((resolve, reject) => {
      const { connections, maxWaiting } = this.#options
      // Those for whom a connection is opened, or could be, do not wait for others.
      const ahead = this.#waiting.size - (connections - this.#all.size)
      if (!isCounted && ahead >= maxWaiting) throw overloaded(maxWaiting)
      const waiting: Waiting = { resolve, reject, timer: undefined }
      const left = deadlineAt - performance.now()
      if (left < longestTimer) {
        waiting.timer = setTimeout(
          () => {
            this.#waiting.delete(waiting)
            reject(this.#late(late))
          },
          Math.max(0, left),
        )
      }
      this.#waiting.add(waiting)
      this.#grow()
    })
  }

  /** Takes a connection back, when it has ended what it was doing. */
  give(connection: PostgresConnection): void {
    if (connection.isQuiet && !connection.isLost) {
      this.#free(connection)
      return
    }
    const timer = setTimeout(() => connection.lose(new Error('it did not come back')), this.#options.quietMillis)
    connection.quiet().then(() => {
      clearTimeout(timer)
      if (!connection.isLost) this.#free(connection)
    })
  }

  /** Opens one, so that what is wrong shows now. */
  async probe(): Promise<void> {
    this.#opening++
    try {
      this.#free(await this.#open())
    } finally {
      this.#opening--
    }
  }

  /** Refuses everyone who waits or comes, and closes every connection, whoever has it. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    clearInterval(this.#shrinking)
    for (const waiting of this.#waiting) {
      clearTimeout(waiting.timer)
      waiting.reject(new MonoblocError('shutting_down'))
    }
    this.#waiting.clear()
    await Promise.all([...this.#all].map((one) => this.#shut(one)))
  }

  /** What is under way is cut off; a rollback on its way may arrive. */
  async #shut(connection: PostgresConnection): Promise<void> {
    if (!this.#idle.includes(connection)) connection.lose(new Error('the pool was closed'))
    else await connection.close()
  }

  #pop(): PostgresConnection | undefined {
    const connection = this.#idle.pop()
    this.#spare = Math.min(this.#spare, this.#idle.length)
    return connection
  }

  /** What has been idle all the time stands first. */
  #shrink(): void {
    const surplus = this.#idle.splice(0, Math.min(this.#spare, this.#all.size - 1))
    for (const connection of surplus) {
      this.#all.delete(connection)
      void connection.close()
    }
    this.#spare = this.#idle.length
  }

  #free(connection: PostgresConnection): void {
    const [next] = this.#waiting
    if (next && !this.#closed) {
      this.#waiting.delete(next)
      clearTimeout(next.timer)
      next.resolve(connection)
      return
    }
    this.#idle.push(connection)
  }

  /** Opens as many as those who wait need, as far as there may be. */
  #grow(): void {
    if (this.#closed || this.#retry) return
    const { connections } = this.#options
    while (this.#opening < this.#waiting.size && this.#all.size + this.#opening < connections) {
      this.#opening++
      this.#open()
        .then(
          (connection) => this.#free(connection),
          (error) => this.#notOpened(error),
        )
        .finally(() => {
          this.#opening--
          this.#grow()
        })
    }
  }

  async #open(): Promise<PostgresConnection> {
    const connection = await this.#options.connect()
    if (this.#closed) {
      await connection.close()
      throw new MonoblocError('shutting_down')
    }
    this.#failure = undefined
    this.#all.add(connection)
    connection.onLost = () => this.#gone(connection)
    if (connection.isLost) this.#gone(connection)
    return connection
  }

  #gone(connection: PostgresConnection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#grow()
  }

  #notOpened(error: unknown): void {
    this.#failure = error
    if (isMisconfigured(error)) {
      for (const waiting of this.#waiting) {
        clearTimeout(waiting.timer)
        waiting.reject(error)
      }
      this.#waiting.clear()
    }
    if (this.#closed) return
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#grow()
    }, this.#options.retryMillis)
  }

  #late(code: 'database_busy' | 'deadline_exceeded'): unknown {
    if (this.#failure !== undefined) return this.#failure
    return new MonoblocError(code, {
      detail: 'No connection became free before the deadline.',
      headers: { 'Retry-After': '1' },
    })
  }
}

/** What `setTimeout` can take. */
export const longestTimer = 2 ** 31 - 1

function overloaded(limit: number): MonoblocError {
  return new MonoblocError('overloaded', {
    detail: `${limit} units of work wait for a connection already.`,
    headers: { 'Retry-After': '1' },
  })
}
