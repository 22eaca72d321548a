import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../../errors.ts'
import type { Schema } from '../../schema/index.ts'
import type {
  LoggedTransaction,
  MaybePromise,
  ReadOptions,
  SchemaChange,
  Session,
  Storage,
  WriteOptions,
} from '../storage.ts'
import { connect } from './postgres-connect.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { type PostgresOptions, type PostgresSettings, settingsOf } from './postgres-options.ts'
import { PostgresPool } from './postgres-pool.ts'
import { PostgresReads } from './postgres-reads.ts'
import { PostgresWriter } from './postgres-writer.ts'

/**
 * A PostgreSQL database, behind the port that every engine has.
 *
 * - closed: nothing is open. Before `open`, and after `close`.
 * - open: connections are made as they are needed, and again when they are lost.
 *
 * A crash of this process leaves what was acknowledged; the server undoes what was under way.
 */
export function createPostgresStorage(options: PostgresOptions): Storage {
  return new PostgresStorage(settingsOf(options))
}

class PostgresStorage implements Storage {
  readonly dialect = postgresDialect
  readonly #settings: PostgresSettings
  #pool: PostgresPool | undefined
  #reads: PostgresReads | undefined
  #writer: PostgresWriter | undefined
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: PostgresSettings) {
    this.#settings = settings
  }

  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    const { connections, maxWaitingReads, quietMillis, retryMillis } = this.#settings
    const pool = new PostgresPool({
      connections,
      maxWaiting: maxWaitingReads,
      connect: () => connect(this.#settings),
      quietMillis,
      retryMillis,
    })
    await pool.probe()
    this.#pool = pool
    this.#reads = new PostgresReads(pool)
    this.#writer = new PostgresWriter(pool)
    this.#closing = undefined
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => {})
    const pool = this.#pool
    this.#pool = undefined
    const late = new AbortController()
    const drained = pool?.drain().then(() => late.abort())
    await Promise.race([drained, wait(this.#settings.closeMillis, undefined, late).catch(() => {})])
    this.#reads?.giveUp('shutting_down')
    await pool?.close()
    this.#opening = undefined
  }

  async compare(_schema: Schema): Promise<SchemaChange[]> {
    throw new Error('not yet')
  }

  async apply(_schema: Schema, _changes: readonly SchemaChange[]): Promise<void> {
    throw new Error('not yet')
  }

  read<T>(options: ReadOptions, work: (session: Session) => MaybePromise<T>): MaybePromise<T> {
    if (!this.#pool) throw new MonoblocError('shutting_down')
    return this.#reads!.read(options, work)
  }

  write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T> {
    if (!this.#pool) return Promise.reject(new MonoblocError('shutting_down'))
    return this.#writer!.write(options, work)
  }

  async tail(_after: number, _limit: number): Promise<LoggedTransaction[]> {
    throw new Error('not yet')
  }

  async position(): Promise<number> {
    throw new Error('not yet')
  }

  async prune(_limits: { maxAge: number; maxEntries: number; keepAfter?: number }): Promise<number> {
    throw new Error('not yet')
  }

  async backup(_file: string): Promise<void> {
    throw new Error('not yet')
  }
}
