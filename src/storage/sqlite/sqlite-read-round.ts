// Not the global one, which tests of applications replace: a round would never end.
import { setImmediate } from 'node:timers'
import type { SqliteConnection } from './sqlite-connection.ts'

/** The snapshot of a round, for reads of several statements, which may go on when the round is over. */
export interface SharedSnapshot {
  connection: SqliteConnection
  /** How many reads see it. */
  readers: number
  /** The round is over: the last reader ends it. */
  isLeft: boolean
}

/**
 * One snapshot for the reads of a round of the event loop. To begin and end a snapshot takes SQLite four system calls,
 * nearly half of what a read by key costs; under load some tens of requests arrive in a round.
 *
 * - none: nothing was read in this round.
 * - one: a first single statement had a snapshot of its own, as all have where requests come one by one.
 * - held: the second, or a read of several statements, began a snapshot, which those after it see.
 *
 * It ends when the round does, which is before the event loop looks at its connections again, and when this process
 * commits. So nobody sees less than what was committed before they asked: who joins had sent their request when the round
 * began. A read that waits for something goes on with the snapshot beyond that, and nobody joins it there.
 */
export class ReadRound {
  readonly #leave: () => void
  #state: 'none' | 'one' | 'held' = 'none'
  #ending = false
  #connection: SqliteConnection | undefined
  #shared: SharedSnapshot | undefined

  /** @param leave called when reads go on with the snapshot: the connection is theirs from now on */
  constructor(leave: () => void) {
    this.#leave = leave
  }

  /** @param connection in no transaction but this round's */
  join(connection: SqliteConnection): SqliteConnection {
    if (this.#state === 'none') {
      this.#state = 'one'
      this.#endLater()
    } else if (this.#state === 'one') this.#hold(connection)
    return connection
  }

  /** For a read of several statements. */
  share(connection: SqliteConnection): SharedSnapshot {
    if (this.#state !== 'held') this.#hold(connection)
    this.#shared ??= { connection, readers: 0, isLeft: false }
    this.#shared.readers++
    return this.#shared
  }

  end(): void {
    const connection = this.#connection
    const shared = this.#shared
    this.#state = 'none'
    if (!connection) return
    this.#connection = undefined
    this.#shared = undefined
    if (shared && shared.readers > 0) {
      shared.isLeft = true
      this.#leave()
    } else endSnapshot(connection)
  }

  #hold(connection: SqliteConnection): void {
    connection.control('begin')
    this.#connection = connection
    this.#state = 'held'
    this.#endLater()
  }

  #endLater(): void {
    if (this.#ending) return
    this.#ending = true
    setImmediate(this.#over)
  }

  #over = (): void => {
    this.#ending = false
    this.end()
  }
}

export function endSnapshot(connection: SqliteConnection): void {
  // SQLite may have ended it itself, as it does when the disk fails.
  if (connection.db.isTransaction) connection.control('rollback')
}
