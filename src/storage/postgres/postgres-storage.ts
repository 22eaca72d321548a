import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../../errors.ts'
import type { Schema } from '../../schema/index.ts'
import type {
  ChangeListener,
  ChangeWatch,
  LoggedTransaction,
  MaybePromise,
  ReadOptions,
  SchemaChange,
  Session,
  Storage,
  WriteOptions,
} from '../storage.ts'
import { askOn } from './postgres-ask.ts'
import { PostgresChangeWatch } from './postgres-change-watch.ts'
import { unitRow } from './postgres-commit-rows.ts'
import { Connector } from './postgres-connect.ts'
import { answerFor, isMisconfigured } from './postgres-connect-errors.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { PostgresHints } from './postgres-hints.ts'
import {
  openingStatement,
  type PostgresOptions,
  type PostgresSettings,
  sessionSettings,
  settingsOf,
  type TestingOptions,
} from './postgres-options.ts'
import { findOutcome } from './postgres-outcome.ts'
import { prepareOwnTables } from './postgres-own-tables.ts'
import { PostgresPool } from './postgres-pool.ts'
import { pruneLog } from './postgres-prune.ts'
import { PostgresReadRound } from './postgres-read-round.ts'
import { mostTries, PostgresReads } from './postgres-reads.ts'
import { ScanWatch } from './postgres-scan-watch.ts'
import { applyOn, compareOn, prepareFunctions } from './postgres-schema-work.ts'
import { lookAtEnd } from './postgres-stamper.ts'
import { type LogAccess, LogTail } from './postgres-tail.ts'
import { PostgresWriter } from './postgres-writer.ts'

/** Milliseconds for what the engine does for itself: comparing the schema, reading the log. */
const ownMillis = 30_000

/**
 * A PostgreSQL database, behind the port that every engine has.
 *
 * - closed: nothing is open. Before `open`, and after `close`.
 * - open: connections are made as they are needed, and again when they are lost.
 *
 * A crash of this process leaves what was acknowledged; the server undoes what was under way.
 */
export function createPostgresStorage(options: PostgresOptions & TestingOptions): Storage {
  return new PostgresStorage(settingsOf(options, options.testing))
}

/** Milliseconds for the plan of a statement, in development. */
const explainMillis = 10_000

class PostgresStorage implements Storage {
  readonly dialect = postgresDialect
  readonly #settings: PostgresSettings
  readonly #tail = new LogTail()
  /** In development. */
  readonly #scans: ScanWatch | undefined
  #hints: PostgresHints | undefined
  #pool: PostgresPool | undefined
  #reads: PostgresReads | undefined
  #writer: PostgresWriter | undefined
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: PostgresSettings) {
    this.#settings = settings
    const { onScan } = settings
    if (onScan) this.#scans = new ScanWatch(onScan, (work) => this.#reads!.read({ deadline: explainMillis }, work))
  }

  open(): Promise<void> {
    this.#opening ??= this.#openAll()
    return this.#opening
  }

  async #openAll(): Promise<void> {
    const { address, connections, maxWaitingReads, graceMillis, retryMillis, spareMillis } = this.#settings
    const connector = new Connector(address, { sessionSettings, graceMillis })
    const pool = new PostgresPool({
      connections,
      maxWaiting: maxWaitingReads,
      connect: () => connector.connect(),
      quietMillis: graceMillis,
      retryMillis,
      spareMillis,
    })
    await this.#reach(pool)
    try {
      await using(pool, async (connection) => {
        await prepareOwnTables(askOn(connection))
        await prepareFunctions(connection)
      })
    } catch (error) {
      await pool.close()
      this.#opening = undefined
      throw error
    }
    const opening = openingStatement(address.pooler)
    this.#pool = pool
    this.#reads = new PostgresReads({ pool, round: new PostgresReadRound(pool), opening })
    this.#writer = new PostgresWriter(pool, {
      ...this.#settings,
      lanes: this.#settings.writers,
      maxWaiting: this.#settings.maxWaitingWrites,
      opening,
      row: ({ options, unit }) => unitRow(this.#settings.now(), options, unit),
      outcome: (lost, deadlineAt) => findOutcome(pool, lost, deadlineAt),
    })
    this.#hints = new PostgresHints({
      look: () => this.#withLog(async ({ ask }) => (await lookAtEnd(ask))[0]),
      connect: address.pooler ? undefined : () => connector.connect(),
    })
    this.#closing = undefined
  }

  /** The server may start at the same moment as this process does. */
  async #reach(pool: PostgresPool): Promise<void> {
    const { openMillis, retryMillis } = this.#settings
    const until = performance.now() + openMillis
    for (;;) {
      try {
        await pool.probe()
        return
      } catch (error) {
        if (isMisconfigured(error) || performance.now() > until) {
          this.#opening = undefined
          throw error
        }
      }
      await wait(retryMillis)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => {})
    const pool = this.#pool
    this.#pool = undefined
    await this.#hints?.close()
    await this.#writer?.close()
    const late = new AbortController()
    const drained = this.#reads?.drain().then(() => late.abort())
    await Promise.race([drained, wait(this.#settings.closeMillis, undefined, late).catch(() => {})])
    this.#reads?.giveUp('shutting_down')
    await pool?.close()
    this.#writer = undefined
    this.#reads = undefined
    this.#opening = undefined
  }

  async compare(schema: Schema): Promise<SchemaChange[]> {
    return using(this.#open(), (connection) => compareOn(connection, schema))
  }

  async apply(schema: Schema, changes: readonly SchemaChange[]): Promise<void> {
    await using(this.#open(), (connection) => applyOn(connection, schema, changes))
  }

  read<T>(options: ReadOptions, work: (session: Session) => MaybePromise<T>): MaybePromise<T> {
    if (!this.#pool) throw new MonoblocError('shutting_down')
    return this.#reads!.read(options, this.#scans ? this.#scans.watched(work) : work)
  }

  write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T> {
    if (!this.#pool) return Promise.reject(new MonoblocError('shutting_down'))
    const written = this.#writer!.write(options, work)
    if (this.#hints!.isWatched) written.then(this.#hints!.committed, () => {})
    return written
  }

  onAppend(listener: () => void): () => void {
    this.#open()
    return this.#hints!.add(listener)
  }

  tail(after: number, limit: number): Promise<LoggedTransaction[]> {
    return this.#withLog((log) => this.#tail.read(log, after, limit))
  }

  watchChanges(listener: ChangeListener): ChangeWatch {
    this.#open()
    return new PostgresChangeWatch(listener, { withLog: (work) => this.#withLog(work, this.#settings.lookMillis) })
  }

  position(): Promise<number> {
    return this.#withLog((log) => this.#tail.position(log))
  }

  prune(limits: { maxAge: number; maxEntries: number; keepAfter?: number }): Promise<number> {
    return this.#withLog((log) => pruneLog(log, limits))
  }

  async backup(_file: string): Promise<void> {
    throw new MonoblocError('backup_elsewhere', {
      detail: 'Use pg_dump, or the backups of whoever runs the server: docs/postgresql.md says how.',
    })
  }

  // All of it may be done again, as long as there is time.
  async #withLog<T>(work: (log: LogAccess) => Promise<T>, millis = ownMillis): Promise<T> {
    const deadlineAt = performance.now() + millis
    const now = this.#settings.now()
    for (let tries = 0; ; tries++) {
      try {
        return await using(
          this.#open(),
          (connection) => {
            // A connection may be silent for good.
            const left = Math.max(0, deadlineAt - performance.now())
            const timer = setTimeout(() => connection.lose(new Error('it did not answer')), left)
            return work({ ask: askOn(connection), now, deadlineAt }).finally(() => clearTimeout(timer))
          },
          deadlineAt,
        )
      } catch (error) {
        if (tries === mostTries || !isUnavailable(error) || performance.now() >= deadlineAt) throw error
      }
    }
  }

  #open(): PostgresPool {
    if (!this.#pool) throw new MonoblocError('shutting_down', { detail: 'The database is not open.' })
    return this.#pool
  }
}

/** Work of the engine's own, on a connection that nobody else uses meanwhile. */
async function using<T>(
  pool: PostgresPool,
  work: (connection: PostgresConnection) => Promise<T>,
  deadlineAt = performance.now() + ownMillis,
): Promise<T> {
  const connection = await pool.take(deadlineAt, 'database_busy')
  try {
    return await work(connection)
  } catch (error) {
    throw answerFor(error)
  } finally {
    pool.give(connection)
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof MonoblocError && error.code === 'database_unavailable'
}
