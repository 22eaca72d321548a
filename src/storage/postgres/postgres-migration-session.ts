import type { Session } from '../storage.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { PostgresSession } from './postgres-session.ts'

/** What a program of a migration gets: statements in the migration's own transaction. It may wait for what it likes. */
export class MigrationSession extends PostgresSession implements Session {
  readonly writable = true
  readonly #connection: PostgresConnection

  constructor(connection: PostgresConnection) {
    super(true, Number.POSITIVE_INFINITY)
    this.#connection = connection
  }

  protected open(): PostgresConnection {
    return this.#connection
  }

  protected onSettled(): void {}
}
