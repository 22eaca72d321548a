// Not the global one, which tests of applications replace: a round would never end.
import { setImmediate } from 'node:timers'
import type { Operation } from './postgres-batch.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { PostgresPool } from './postgres-pool.ts'

/**
 * Statements that one connection is asked together at most: beyond, several of the server's processes are sooner done than
 * one, and a failure takes few along.
 */
const mostTogether = 8

interface Waiting {
  operation: Operation
  deadlineAt: number
}

/**
 * Single statements that touch few rows, of all reads of one round of the event loop. They go to the server a few to a
 * connection, in one message: what a statement by itself costs most is waking the server, and being woken. Each sees its own
 * snapshot, which is taken when it runs. Where one fails, those behind it in its message are not begun; their reads begin
 * again, each by itself.
 */
export class PostgresReadRound {
  readonly #pool: PostgresPool
  #waiting: Waiting[] = []

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  /** @param deadlineAt on the monotonic clock: of waiting for a connection */
  ask(operation: Operation, deadlineAt: number): void {
    if (this.#waiting.length === 0) setImmediate(this.#send)
    this.#waiting.push({ operation, deadlineAt })
  }

  #send = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (let from = 0; from < waiting.length; from += mostTogether) {
      const part = waiting.slice(from, from + mostTogether)
      const operations = part.map(({ operation }) => operation)
      const idle = this.#pool.takeIdle()
      if (idle) this.#ask(idle, operations)
      else {
        const deadlineAt = Math.max(...part.map((one) => one.deadlineAt))
        this.#pool.take(deadlineAt, 'deadline_exceeded').then(
          (taken) => this.#ask(taken, operations),
          (error) => {
            for (const operation of operations) operation.failed(error)
          },
        )
      }
    }
  }

  #ask(connection: PostgresConnection, operations: readonly Operation[]): void {
    let left = operations.length
    const ended = () => {
      if (--left === 0) this.#pool.give(connection)
    }
    for (const operation of operations) {
      connection.ask({
        ...operation,
        done: (answer) => {
          ended()
          operation.done(answer)
        },
        failed: (error) => {
          ended()
          operation.failed(error)
        },
      })
    }
  }
}
