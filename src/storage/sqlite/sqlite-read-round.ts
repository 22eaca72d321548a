// Not the global one, which tests of applications replace: a round would never end.
import { setImmediate } from 'node:timers'
import type { SqliteConnection } from './sqlite-connection.ts'

/**
 * One snapshot for the single statements of a round of the event loop. To begin and end a snapshot takes SQLite four
 * system calls, nearly half of what a read by key costs; under load some tens of requests arrive in a round.
 *
 * - none: nothing was read in this round.
 * - one: a first statement had a snapshot of its own, as all have where requests come one by one.
 * - held: the second began a snapshot, which those after it see.
 *
 * It ends when the round does, which is before the event loop looks at its connections again, and when this process
 * commits. So nobody sees less than what was committed before they asked: who joins had sent their request when the round
 * began.
 */
export class ReadRound {
  #state: 'none' | 'one' | 'held' = 'none'
  #ending = false
  #connection: SqliteConnection | undefined

  /** @param connection in no transaction but this round's */
  join(connection: SqliteConnection): SqliteConnection {
    if (this.#state === 'none') {
      this.#state = 'one'
      if (!this.#ending) {
        this.#ending = true
        setImmediate(this.#over)
      }
    } else if (this.#state === 'one') {
      connection.control('begin')
      this.#connection = connection
      this.#state = 'held'
    }
    return connection
  }

  end(): void {
    const connection = this.#connection
    this.#state = 'none'
    if (!connection) return
    this.#connection = undefined
    // SQLite may have ended it itself, as it does when the disk fails.
    if (connection.db.isTransaction) connection.control('rollback')
  }

  #over = (): void => {
    this.#ending = false
    this.end()
  }
}
