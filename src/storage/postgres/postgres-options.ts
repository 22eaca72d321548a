import type { ScanReport } from '../sqlite/sqlite-reach.ts'
import type { Statement } from '../storage.ts'
import { parsePostgresUrl } from './postgres-url.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`: see docs/postgresql.md. */
  url: string
  /**
   * Where `url` goes through a pooler (`?pgbouncer=true`): the same database without it, for what needs a session of its
   * own, such as migrations and notifications.
   */
  directUrl?: string
  /** Connections of this process at most. Default: `?connections=` of the URL, else 10. */
  connections?: number
  /** Connections that write at the same time at most; more writes share their transactions. Default: half of `connections`. */
  writers?: number
  /** Writes that may wait for their turn; one more is refused with `overloaded`. Default: 10,000. */
  maxWaitingWrites?: number
  /** Reads that may wait for a connection; one more is refused with `overloaded`. Default: 1,000. */
  maxWaitingReads?: number
  /** Milliseconds that opening waits for a server that starts up, or can't be reached yet. Default: 10,000. */
  openMillis?: number
  /** Milliseconds that closing waits for reads under way, before it gives them up. Default: 1,000. */
  closeMillis?: number
  /**
   * Milliseconds that a look at what has changed may take. Default: 5,000. Whoever comes during one waits for the next, too: both
   * take as long as a read that says no deadline.
   */
  lookMillis?: number
  /** The time written to the log. Default: `Date`. */
  clock?: { now(): number }
  /** Hears, in development, of each statement that reads a table of more than 1,000 rows from end to end, once. */
  onScan?: (report: ScanReport) => void
}

/** For tests: ways to break promise 2, which they must see broken. */
export interface PostgresTesting {
  /** Answers a write before its COMMIT. */
  acknowledgeEarly?: boolean
}

/** For tests, and in no public type: `createPostgresStorage({ url, testing: { acknowledgeEarly: true } } as PostgresOptions)`. */
export interface TestingOptions {
  testing?: PostgresTesting
}

export type PostgresSettings = ReturnType<typeof settingsOf>

/** @throws MonoblocError `configuration_invalid` */
export function settingsOf(options: PostgresOptions, testing: PostgresTesting = {}) {
  const clock = options.clock ?? Date
  const address = parsePostgresUrl(options.url)
  const connections = options.connections ?? address.connections ?? 10
  return {
    address,
    directAddress: options.directUrl === undefined ? undefined : parsePostgresUrl(options.directUrl),
    connections,
    writers: options.writers ?? Math.max(1, Math.floor(connections / 2)),
    maxWaitingWrites: options.maxWaitingWrites ?? 10_000,
    maxWaitingReads: options.maxWaitingReads ?? 1_000,
    openMillis: options.openMillis ?? 10_000,
    closeMillis: options.closeMillis ?? 1_000,
    lookMillis: options.lookMillis ?? 5_000,
    onScan: options.onScan,
    now: () => clock.now(),
    acknowledgeEarly: testing.acknowledgeEarly ?? false,
    // 2 s: what a cancelled statement and its rollback may take on a loaded server. A connection that takes longer is closed.
    graceMillis: 2_000,
    // 100 ms: a server that restarts is back within some seconds, and a refused connection costs it nothing.
    retryMillis: 100,
    // A minute: a burst that comes again within it finds its connections.
    spareMillis: 60_000,
    // 64 members and 20 ms: as on SQLite, what a slow member may cost the others, and how many a failure takes along.
    maxMembers: 64,
    maxMillis: 20,
    // 30 ms: many times what a transaction takes to commit, and little beside what those behind it wait for anyway.
    guestLockMillis: 30,
    // 5 s: a commit that waits for a standby, or the look-up of a lost one, may still be answered.
    commitGraceMillis: 5_000,
  }
}

/** Milliseconds that every connection gives a statement; work with a later deadline says so. */
export const longestStatement = 60_000

/**
 * What every connection is set to. The time limits are a second fence, for a process that can't keep its own: one that was
 * stopped, or whose machine went. Milliseconds.
 *
 * - `statement_timeout`: no statement of a unit of work runs longer.
 * - `idle_in_transaction_session_timeout`: who holds locks or a snapshot and says nothing is cut off.
 */
export const sessionSettings: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO',
  bytea_output: 'hex',
  extra_float_digits: '1',
  default_transaction_read_only: 'on',
  statement_timeout: String(longestStatement),
  idle_in_transaction_session_timeout: '10000',
}

/**
 * What was acknowledged survives a crash of the server, whatever the server, the database or the role was set to: `off` is
 * `on`, and the other levels stay as they are.
 */
export const durably = (isLocal: boolean) =>
  `set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), ${isLocal})`

// Behind a pooler the connection keeps nothing, and is another with each transaction: it is said in each of them.
const { default_transaction_read_only: _, ...localSettings } = sessionSettings
const sets = Object.entries(localSettings).map(([name, value]) => `set_config('${name}', '${value}', true)`)

/** The first statement of a transaction, where it needs one. */
export function openingStatement(pooler: boolean): Statement | undefined {
  return pooler ? { sql: `select ${[...sets, durably(true)].join()}`, reach: 'bounded' } : undefined
}
