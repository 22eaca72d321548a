// The one connection of a migration.
//
// States: closed → open → locked (one migration in a database at a time) → in a transaction, several times → closed.
// A crash leaves nothing: the server ends the transaction and lets the lock go with the connection. What was committed
// before is in the journal.
import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../../errors.ts'
import type { Ask } from './postgres-catalog.ts'
import { translateError } from './postgres-errors.ts'
import { endsConnection } from './postgres-lost.ts'

/** What is used of a client of `pg`. */
export interface MigrationConnection {
  query(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>
  end(): Promise<void>
  /** Of the backend, as it was told when the connection was made. */
  readonly processID: number | null
}

/** Of the advisory lock; "migr" in ASCII. The other half of its key is the schema. */
const lockClass = 0x6d696772

/**
 * Milliseconds that a statement waits for a lock on a table. Everybody who comes later waits behind it, readers too: half a
 * second is what a request bears.
 */
const lockMillis = 500

/** Milliseconds between attempts: from a tenth of a second to two, so that those who were held up get through. */
const pauses = { least: 100, most: 2000 }

export class MigrationClient {
  readonly connection: MigrationConnection
  #isLocked = false
  #inTransaction = false

  constructor(connection: MigrationConnection) {
    this.connection = connection
  }

  readonly ask: Ask = async <Row>(sql: string, values?: readonly unknown[]) => {
    return (await this.connection.query(sql, values)).rows as Row[]
  }

  /** Rows that a statement changed. */
  async change(sql: string, values?: readonly unknown[]): Promise<number> {
    return (await this.connection.query(sql, values)).rowCount ?? 0
  }

  get inTransaction(): boolean {
    return this.#inTransaction
  }

  /** Settings of the application's connections, such as a limit of time, are not those of a migration. */
  async prepare(): Promise<void> {
    await this.ask(
      `set default_transaction_read_only = off; set statement_timeout = 0; set lock_timeout = 0;
       set idle_in_transaction_session_timeout = 0; set timezone = 'UTC'; set datestyle = 'ISO, YMD'`,
    )
    const [found] = await this.ask<{ name: string | null }>('select current_schema() as name')
    if (found?.name) return
    throw new MonoblocError('migration_refused', {
      detail: 'No schema of the search path is there: make one, or correct search_path of the role or of DATABASE_URL.',
    })
  }

  /**
   * Only one migration at a time, in one schema. Waits by asking again and again: a statement that waits for the lock would
   * hold up indexes that the holder builds beside others' work.
   *
   * @throws MonoblocError `database_busy`, `migration_refused` behind a pooler
   */
  async lock(waitMillis: number, onWait?: () => void): Promise<void> {
    if (this.#isLocked) return
    await this.#refusePooler()
    const until = performance.now() + waitMillis
    for (let told = false; ; told = true) {
      const [row] = await this.ask<{ got: boolean }>(
        'select pg_try_advisory_lock($1, hashtext(current_schema())) as got',
        [lockClass],
      )
      this.#isLocked = row!.got
      if (this.#isLocked) return
      if (performance.now() > until) {
        throw new MonoblocError('database_busy', {
          detail: `Another migration of this database has gone on for ${Math.round(waitMillis / 1000)} s.`,
        })
      }
      if (!told) onWait?.()
      await wait(pauses.least + randomInt(pauses.least))
    }
  }

  async unlock(): Promise<void> {
    if (!this.#isLocked) return
    this.#isLocked = false
    await this.ask('select pg_advisory_unlock($1, hashtext(current_schema()))', [lockClass])
  }

  // A pooler makes up the number that it gives a connection, and passes each transaction to whichever backend is free:
  // the lock would belong to one and the work to another.
  async #refusePooler(): Promise<void> {
    const [row] = await this.ask<{ pid: number }>('select pg_backend_pid() as pid')
    if (row!.pid === this.connection.processID) return
    throw new MonoblocError('migration_refused', {
      detail:
        'The connection goes through a pooler, and a migration needs one of its own: name the server itself in DATABASE_DIRECT_URL.',
    })
  }

  /** Rolls back whatever happens. */
  async rolledBack<T>(work: () => Promise<T>): Promise<T> {
    await this.#begin()
    try {
      return await work()
    } finally {
      await this.#end('rollback')
    }
  }

  async committed<T>(work: () => Promise<T>): Promise<T> {
    await this.#begin()
    try {
      const result = await work()
      this.#inTransaction = false
      await this.ask('commit')
      return result
    } catch (error) {
      if (this.#inTransaction) await this.#end('rollback')
      throw error
    }
  }

  /**
   * A transaction whose statements wait for locks of others briefly, and which begins anew when they do not come: a
   * statement that waits long keeps out everybody who comes after it.
   *
   * @throws MonoblocError `database_busy` with who may hold the locks
   */
  async patiently<T>(waitMillis: number, work: () => Promise<T>, onWait?: () => void): Promise<T> {
    const until = performance.now() + waitMillis
    for (let pause = pauses.least; ; pause = Math.min(2 * pause, pauses.most)) {
      try {
        return await this.committed(async () => {
          await this.ask(`set local lock_timeout = ${lockMillis}`)
          return work()
        })
      } catch (error) {
        if (!isLocked(error)) throw error
        if (performance.now() > until) throw await this.#held(error)
      }
      onWait?.()
      await wait(pause + randomInt(pause))
    }
  }

  async #held(cause: unknown): Promise<MonoblocError> {
    const [oldest] = await this.ask<{ pid: number; state: string; seconds: number; query: string }>(
      `select pid, state, extract(epoch from now() - xact_start)::integer as seconds, left(query, 80) as query
       from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
       order by xact_start limit 1`,
    )
    const who = oldest
      ? ` The oldest transaction beside it is that of pid ${oldest.pid} (${oldest.state}, for ${oldest.seconds} s): ${oldest.query}`
      : ''
    return new MonoblocError('database_busy', { detail: `A table was not to be had for the migration.${who}`, cause })
  }

  async #begin(): Promise<void> {
    await this.ask('begin isolation level read committed read write')
    this.#inTransaction = true
  }

  async #end(how: 'rollback'): Promise<void> {
    this.#inTransaction = false
    // A connection that has gone has taken the transaction along.
    await this.ask(how).catch(() => {})
  }

  async close(): Promise<void> {
    await this.connection.end().catch(() => {})
  }
}

/** A lock was not to be had in time, or two waited for each other. */
function isLocked(error: unknown): boolean {
  const code = (error as { code?: string } | undefined)?.code
  return code === '55P03' || code === '40P01'
}

/** The connection went. */
export function isCutOff(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof MonoblocError) return false
  return (
    endsConnection(error) || /^(Connection terminated|Client has encountered|read ECONN|write E)/.test(error.message)
  )
}

/** Nothing that a file says is wrong: the transaction may be begun anew, or its end is not known here. */
export function isInterrupted(error: unknown): boolean {
  return isLocked(error) || isCutOff(error)
}

/** As an error of Monobloc's. */
export function translated(error: unknown): unknown {
  if (error instanceof MonoblocError) return error
  if (!isCutOff(error)) return translateError(error)
  return new MonoblocError('database_unavailable', {
    detail: `The connection was lost in the middle of a migration: ${(error as Error).message}. Applied again, it goes on where it was.`,
    cause: error,
  })
}
