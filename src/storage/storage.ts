import type { Schema, TableSpec } from '../schema/index.ts'
import type { Dialect } from './sql/dialect.ts'

/** A value as the engine binds and returns it. */
export type SqlValue = null | number | bigint | string | Uint8Array

export type SqlRow = Record<string, SqlValue>

/** A result that an in-process engine has at once and a remote one later. */
export type MaybePromise<T> = T | Promise<T>

/**
 * A statement of one shape, compiled once and run many times with other values. Engines keep what they prepare by this
 * object's identity, so it must be reused, never rebuilt for each call.
 */
export interface Statement {
  readonly sql: string
  /**
   * `bounded`: the caller knows that it touches few rows (a key lookup). `plan`: the engine looks at its plan and decides.
   */
  readonly reach: 'bounded' | 'plan'
  /** Of a statement that inserts one row and returns it: how several of them are one. */
  readonly together?: InsertTogether | undefined
}

/** Inserts of one shape as one statement: a row of values after another, and the rows that it returns in that order. */
export interface InsertTogether {
  readonly table: string
  /** @param rows a power of two, so that there are few statements to prepare */
  of(rows: number): Statement
}

/** Statements of one unit of work: one snapshot when reading, one transaction when writing. */
export interface Session {
  readonly writable: boolean
  /**
   * Says that one more statement will be asked and none after it: its own snapshot is then enough, which saves a third of
   * what a read by key costs. It changes nothing where a snapshot or a transaction is held already.
   */
  last?(): void
  /** Every row. @throws MonoblocError, with the database's constraint violations already translated */
  all(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow[]>
  /** The first row, or undefined. */
  first(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlRow | undefined>
  /** The first column of the first row: how documents that SQL built as JSON come out. Undefined without a row. */
  value(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue | undefined>
  /** The cells of the first row, by their place: cheaper than a record where there are few. Undefined without a row. */
  cells(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[] | undefined>
  /** Every row as its cells, by their place: cheaper than records, whose names the engine writes again for each row. */
  rows(statement: Statement, values: readonly SqlValue[]): MaybePromise<SqlValue[][]>
  /** Runs a statement that returns nothing, and says how many rows it changed. */
  run(statement: Statement, values: readonly SqlValue[]): MaybePromise<number>
  /** SQL that a user wrote (typed raw SQL): refused are transaction control, ATTACH, PRAGMA, deferred constraints, OR ROLLBACK. */
  raw(sql: string, values: readonly unknown[]): MaybePromise<{ rows: SqlRow[]; changes: number; lastId: SqlValue }>
  /**
   * A nested transaction: its changes are undone when `work` throws, and the rest goes on. Savepoints end in the reverse
   * order of their beginning: two at once spoil the whole transaction (`transaction_busy`).
   */
  savepoint<T>(work: () => MaybePromise<T>): Promise<T>
  /**
   * Removes every row of a table, which is one entry of the log. Rows that refer to them go, or refer to nothing, as ON
   * DELETE says. Absent where nothing can be written.
   *
   * @returns how many there were
   * @throws MonoblocError `reference_in_use`
   */
  empty?(table: TableSpec): MaybePromise<number>
  /**
   * Appends an event to the log, where it is the insert of a row of `monobloc_event`, a table that holds none. Absent
   * where nothing can be written.
   */
  event?(event: LoggedEvent): MaybePromise<void>
  /**
   * Calls `listener` once the transaction is on disk, and never when it, or the savepoint around this call, is undone.
   * Absent where nothing can be written.
   */
  onCommit?(listener: () => void): void
  /** After the commit: the position of the transaction in the log. Undefined before, when it logged nothing, and when reading. */
  readonly position: number | undefined
}

/** Something that has happened, as the log keeps it. */
export interface LoggedEvent {
  /** A UUID. */
  id: string
  name: string
  /** Of the schema of its data. */
  version: number
  /** What JSON can say. Its size is the caller's to bound. */
  data: unknown
}

export interface ReadOptions {
  /** Milliseconds until the snapshot is given up with `deadline_exceeded`. */
  deadline: number
  /**
   * Names the kind of work, such as a route. Work that had to move to a reader process once starts there the next time.
   */
  label?: string
  /**
   * The work answers what has just been read from the network, in this round of the event loop, and nothing was waited
   * for since. All such work of a round may see one snapshot, as long as this process commits nothing: each was asked
   * before that snapshot began, or while it did.
   */
  arriving?: boolean
}

export interface WriteOptions {
  /** Milliseconds from the call until the work must have begun and ended, else `database_busy` or `deadline_exceeded`. */
  deadline: number
  /** Who: a user's key, or null for the system. Written to the log. */
  actor?: string | null
  /** What caused it, such as a request's id. Written to the log. */
  cause?: string | null
  /** The W3C trace id. Written to the log. */
  trace?: string | null
  /**
   * Names the kind of work, such as a route. PostgreSQL: requests of a kind that asks one statement and ends, time after
   * time, share their round trips.
   */
  label?: string
  /**
   * PostgreSQL: `committed` is for statements that each lock what they change and depend on nothing else, such as those of
   * queues: two of them that meet wait for one another, or pass by, and neither has to begin again. SQLite has one writer
   * at a time. Default: `serializable`.
   */
  isolation?: 'serializable' | 'committed'
}

/**
 * One database behind Monobloc. Every engine passes `exerciseStorage`.
 */
export interface Storage {
  readonly dialect: Dialect
  /** Opens the database (creating it when there is none) and checks that it can be served. */
  open(): Promise<void>
  /** Waits for work under way, gives up the rest with `shutting_down`, and closes. May be called twice. */
  close(): Promise<void>
  /** What would have to change for the database to match the models. */
  compare(schema: Schema): Promise<SchemaChange[]>
  /** Makes the changes, all or none. */
  apply(schema: Schema, changes: readonly SchemaChange[]): Promise<void>
  /**
   * Runs `work` over one snapshot. `work` may be started over from the beginning (on another snapshot) when it turns
   * out to need a reader process, so what it does besides reading may happen twice. The result comes at once where
   * `work` and the engine have it at once; an error is then thrown, not a rejection.
   */
  read<T>(options: ReadOptions, work: (session: Session) => MaybePromise<T>): MaybePromise<T>
  /**
   * Runs `work` in one serializable transaction and resolves when its commit is on disk. A rejection, too, comes only
   * when everything that `work` could have seen is on disk. `work` that awaits anything but the session is refused
   * with `foreign_await` and leaves nothing behind. `work` may be started over from the beginning, with nothing left of
   * the first time, so what it does besides the session's calls may happen twice.
   */
  write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T>
  /**
   * Whole transactions after a position of the commit log, in commit order, at most `limit` of them and fewer when they
   * are large, but at least one if there is any.
   *
   * @throws MonoblocError `position_pruned` when transactions after that position have been removed from the log
   */
  tail(after: number, limit: number): Promise<LoggedTransaction[]>
  /**
   * Calls `listener` when the log may have grown: soon after a commit of this process, and within some tenths of a second
   * of one by another. It stands for all commits until then, and may come for nothing.
   *
   * @returns stops it; may be called twice
   */
  onAppend(listener: () => void): () => void
  /**
   * Tells `listener` of every change, for who must never be behind, such as a cache. On an engine in this process it has
   * heard of a commit of this process before the write is acknowledged, and of others' when `catchUp` returns.
   */
  watchChanges(listener: ChangeListener): ChangeWatch
  /** The position of the newest transaction; 0 when there is none. */
  position(): Promise<number>
  /** Removes transactions from the log, oldest first, while it has more than `maxEntries` or they are older than `maxAge` ms. Returns how many entries went. */
  prune(limits: { maxAge: number; maxEntries: number; keepAfter?: number }): Promise<number>
  /** A copy of the database at one instant, while others read and write. */
  backup(file: string): Promise<void>
}

/** One difference between models and database. `safe`: it can lose nothing and refuse nothing that is there. */
export interface SchemaChange {
  safe: boolean
  /** In words, for people: `add column article.subtitle`. */
  description: string
  /** What to run, in order; empty for what only a migration can do. */
  sql: string[]
  /**
   * The database has more than the models ask for, and who does not know of it goes on as before: a column that takes null
   * or has a default, and what stands on it. So it is where a later version of the app has migrated already.
   */
  beyond?: boolean
  /** Of a table of Monobloc's own, which comes with its version and is in no migration. */
  own?: boolean
}

/**
 * What an entry says of its table: one row, or with `empty` and `migrate` all of it, without a row. `empty`: every row is
 * gone. `migrate`: a migration changed the table, so that what was derived from it must be read anew.
 */
export type LogOperation = 'insert' | 'update' | 'delete' | 'empty' | 'migrate'

/** One change of one row. */
export interface LogEntry {
  sequence: number
  /** The table: a model's name or a link table's. */
  table: string
  operation: LogOperation
  /** The key's values by column, as JSON has them. */
  key: Record<string, unknown>
  /** The row after the change (before it, for a delete), as JSON has it. */
  row: Record<string, unknown>
  /** The previous values of the fields that an update changed. */
  previous: Record<string, unknown>
  /** Columns left out of `row` and `previous`: secret or oversized. */
  omitted: string[]
}

/** A change that has committed. */
export interface LoggedChange {
  readonly table: string
  /** Read when it is first asked for. */
  readonly entry: LogEntry
}

export interface ChangeListener {
  /** Whether anything depends on changes. While nothing does they are not read, and `changed('all')` says so. */
  wants(): boolean
  /**
   * Changes that have committed, some perhaps told before, in no order. `all`: anything may have changed; there were too
   * many, they are pruned, or nobody wanted them. Must not throw.
   */
  changed(changes: readonly LoggedChange[] | 'all'): void
}

export interface ChangeWatch {
  /**
   * The listener has heard of everything that committed before this call: when it returns undefined, or when the promise
   * resolves. Callers share one look, begun after they called.
   *
   * @param arriving as in `ReadOptions`: one look of this round of the event loop does for all such calls
   * @throws MonoblocError `database_unavailable`, …: then nothing is known
   */
  catchUp(arriving?: boolean): Promise<void> | undefined
  /** Changes are heard of. It falls asleep where one comes that nobody wants, and wakes with the next `catchUp`. */
  readonly isAwake: boolean
  /** May be called twice. */
  close(): void
}

export interface LoggedTransaction {
  /** Dense and in commit order within one database. */
  position: number
  at: Date
  actor: string | null
  cause: string | null
  trace: string | null
  /** A change that another program made, without Monobloc. */
  outside: boolean
  entries: LogEntry[]
}
