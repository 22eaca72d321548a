import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../../errors.ts'
import { foldCase, type Schema } from '../../schema/index.ts'
import { LogHints } from '../sql/log-hints.ts'
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
import { copyDatabase } from './sqlite-backup.ts'
import { SqliteChangeWatch } from './sqlite-change-watch.ts'
import { compareSchema } from './sqlite-compare.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { isBusy, translateError } from './sqlite-errors.ts'
import { prepareFolder, syncFolder } from './sqlite-folder.ts'
import { closeAfter, openConnection } from './sqlite-open.ts'
import { type SqliteOptions, type SqliteSettings, settingsOf } from './sqlite-options.ts'
import { prepareOwnTables } from './sqlite-own-tables.ts'
import { patiently } from './sqlite-patience.ts'
import { pruneLog } from './sqlite-prune.ts'
import { StatementReach } from './sqlite-reach.ts'
import { SqliteReadPool } from './sqlite-read-pool.ts'
import { SqliteReaderPool } from './sqlite-reader-pool.ts'
import { RemoteLabels } from './sqlite-remote-labels.ts'
import { keepCounts, StatementCounts } from './sqlite-statement-counts.ts'
import { LogTail, readEnds } from './sqlite-tail.ts'
import { Upkeep } from './sqlite-upkeep.ts'
import { SqliteWriter } from './sqlite-write-turn.ts'

/** Milliseconds for what the engine does for itself: reading the log, taking up what other programs wrote. */
const ownDeadline = 30_000

/** How often the counts of statements are written down, and how long that waits for its turn. Closing waits for it, too. */
const countsMillis = 60_000
const countsDeadline = 250

/**
 * A database in one SQLite file, behind the port that every engine has.
 *
 * - closed: nothing is open. Before `open`, and after `close`.
 * - open: one connection writes, several read.
 *
 * A crash at any moment leaves what was acknowledged: SQLite's own log is read when the file is opened next.
 */
export function createSqliteStorage(options: SqliteOptions): Storage {
  return new SqliteStorage(settingsOf(options))
}

class SqliteStorage implements Storage {
  readonly dialect = sqliteDialect
  readonly #settings: SqliteSettings
  readonly #tail = new LogTail()
  readonly #hints = new LogHints({ hasGrown: () => this.#hasOthersCommitted() })
  /** What SQLite called the state of the file when it was last looked at. */
  #dataVersion: unknown
  #connection: SqliteConnection | undefined
  #writer: SqliteWriter | undefined
  #readers: SqliteReadPool | undefined
  #remote: SqliteReaderPool | undefined
  #upkeep: Upkeep | undefined
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  readonly #counts = new StatementCounts()
  #countsTimer: NodeJS.Timeout | undefined
  readonly #watches = new Set<SqliteChangeWatch>()
  readonly #reach: StatementReach
  readonly #labels = new RemoteLabels()

  constructor(settings: SqliteSettings) {
    this.#settings = settings
    this.#reach = new StatementReach(settings.onScan, this.#counts)
  }

  open(): Promise<void> {
    this.#opening ??= this.#openAll()
    return this.#opening
  }

  async #openAll(): Promise<void> {
    prepareFolder(this.#settings.file)
    this.#connection = await this.#openWriter()
    const upkeep = this.#newUpkeep(this.#connection)
    this.#upkeep = upkeep
    this.#writer = new SqliteWriter(this.#connection, {
      ...this.#settings,
      counts: this.#counts,
      // Before anybody goes on who waits for the commit: their promises are settled in this same macrotask.
      onCommit: () => {
        this.#readers?.endRound()
        for (const watch of this.#watches) watch.committed()
        upkeep.afterTurn()
        this.#hints.tell()
      },
      onFatal: (error) => {
        upkeep.abandon()
        this.#settings.onFatal(error)
      },
    })
    this.#readers = new SqliteReadPool({
      connections: this.#settings.readers,
      maxWaiting: this.#settings.maxWaitingReads,
      open: (main) => this.#openReader(main),
      isBounded: (connection, statement) => this.#reach.isBounded(connection, statement),
      move: (options, deadlineAt, work) => this.#move(options, deadlineAt, work),
    })
    this.#remote = new SqliteReaderPool({
      file: this.#settings.file,
      cacheKib: this.#settings.otherCacheKib,
      processes: this.#settings.readerProcesses,
      maxWaiting: this.#settings.maxWaitingReads,
      counts: this.#counts,
    })
    this.#countsTimer = setInterval(() => void this.#keepCounts(), countsMillis).unref()
    this.#closing = undefined
  }

  #newUpkeep({ db }: SqliteConnection): Upkeep {
    return new Upkeep(db, {
      ...this.#settings,
      onFatal: (error) => this.#writer!.die(error),
      holdWrites: () => this.#writer!.hold(),
      oldestSnapshot: () => Math.min(this.#readers?.oldest ?? Infinity, this.#remote?.oldest ?? Infinity),
      endSnapshots: (olderThan) => {
        this.#readers?.endOlderThan(olderThan)
        this.#remote?.endOlderThan(olderThan)
      },
      onAnalysed: () => this.#readers?.refresh(),
    })
  }

  // Another process may hold the lock for a moment: it is opening the file too, or ends and checkpoints.
  async #openWriter(): Promise<SqliteConnection> {
    const { file, cacheKib, synchronous, openMillis } = this.#settings
    const open = () => {
      const connection = openConnection(file, { readOnly: false, cacheKib, synchronous, fold: foldCase })
      try {
        prepareOwnTables(connection.db)
        // SQLite syncs the folder when it makes the WAL, but goes on when that fails.
        syncFolder(path.dirname(file))
        return connection
      } catch (error) {
        closeAfter(error, connection)
        throw error
      }
    }
    return patiently(openMillis, open).catch((error) => {
      throw translateError(error)
    })
  }

  #openReader(main = false): SqliteConnection {
    const { file, cacheKib, otherCacheKib } = this.#settings
    return openConnection(file, { readOnly: true, cacheKib: main ? cacheKib : otherCacheKib, fold: foldCase })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => {})
    clearInterval(this.#countsTimer)
    this.#hints.close()
    for (const watch of this.#watches) watch.close()
    await this.#keepCounts()
    const readers = this.#readers
    const remote = this.#remote
    // From here on nothing new is taken.
    this.#readers = undefined
    await this.#writer?.close()
    this.#upkeep?.stop()
    const late = new AbortController()
    const drained = Promise.all([readers?.drain(), remote?.drain()]).then(() => late.abort())
    await Promise.race([drained, wait(this.#settings.closeMillis, undefined, late).catch(() => {})])
    readers?.close()
    remote?.close()
    this.#upkeep?.finish()
    // Closing commits nothing, but moves the WAL. Of a connection whose sync failed nothing more is asked.
    if (!this.#writer?.isDead) this.#connection?.close()
    this.#connection = undefined
    this.#remote = undefined
    this.#writer = undefined
    this.#opening = undefined
  }

  /** They are for advice only: where they can't be written just now they are lost, and nobody waits for them. */
  async #keepCounts(): Promise<void> {
    const counts = this.#counts.take()
    if (counts.length === 0 || !this.#writer || this.#writer.isDead) return
    const { db } = this.#open()
    const keep = () => keepCounts(db, counts, this.#settings.now())
    await this.#writer.write({ deadline: countsDeadline }, keep, true).catch(() => {})
  }

  async compare(schema: Schema): Promise<SchemaChange[]> {
    return patiently(ownDeadline, () => compareSchema(this.#open().db, schema))
  }

  async apply(schema: Schema, changes: readonly SchemaChange[]): Promise<void> {
    const unsafe = changes.filter((change) => !change.safe).map((change) => change.description)
    if (unsafe.length > 0)
      throw new MonoblocError('schema_differs', { detail: `Not safe to do: ${unsafe.join('; ')}.` })
    const { db } = this.#open()
    const work = () => {
      for (const sql of changes.flatMap((change) => change.sql)) db.exec(sql)
      const done = new Set(changes.map((change) => change.description))
      const left = compareSchema(db, schema).filter((change) => done.has(change.description))
      if (left.length > 0)
        throw new Error(`these changes did not take: ${left.map((change) => change.description).join('; ')}`)
    }
    await this.#writing().write({ deadline: ownDeadline }, work, true)
  }

  read<T>(options: ReadOptions, work: (session: Session) => MaybePromise<T>): MaybePromise<T> {
    const { label } = options
    if (!this.#readers || !this.#remote) throw new MonoblocError('shutting_down')
    if (label !== undefined && this.#labels.has(label))
      return this.#remote.read(performance.now() + options.deadline, work)
    return this.#readers.read(options, work)
  }

  /** Starts a read over in a reader process, where reads like it begin from now on. */
  #move<T>(options: ReadOptions, deadlineAt: number, work: (session: Session) => MaybePromise<T>): Promise<T> {
    if (options.label !== undefined) this.#labels.add(options.label)
    if (!this.#remote) throw new MonoblocError('shutting_down')
    return this.#remote.read(deadlineAt, work)
  }

  write<T>(options: WriteOptions, work: (session: Session) => MaybePromise<T>): Promise<T> {
    if (!this.#writer) return Promise.reject(new MonoblocError('shutting_down'))
    return this.#writer.write(options, work) as Promise<T>
  }

  async tail(after: number, limit: number): Promise<LoggedTransaction[]> {
    await this.#takeUp()
    return this.read({ deadline: ownDeadline }, (session) => this.#tail.read(session, after, limit))
  }

  onAppend(listener: () => void): () => void {
    this.#open()
    return this.#hints.add(listener)
  }

  watchChanges(listener: ChangeListener): ChangeWatch {
    const watch = new SqliteChangeWatch(this.#open().db, listener, {
      onOthers: () => this.#readers?.endRound(),
      onClose: (closed) => this.#watches.delete(closed),
    })
    this.#watches.add(watch)
    return watch
  }

  async position(): Promise<number> {
    return this.#takeUp()
  }

  prune(limits: { maxAge: number; maxEntries: number; keepAfter?: number }): Promise<number> {
    return pruneLog(this, limits, this.#settings.now())
  }

  async backup(file: string): Promise<void> {
    this.#open()
    await copyDatabase(await patiently(ownDeadline, () => this.#openReader()), file)
  }

  /** On the connection that writes, whose own commits don't count; a turn never lasts until a timer comes. */
  #hasOthersCommitted(): boolean {
    if (!this.#writer || this.#writer.isDead) return false
    const version = this.#readDataVersion()
    const before = this.#dataVersion
    this.#dataVersion = version
    return before !== version
  }

  /** Undefined where another process takes up the log of one that died. */
  #readDataVersion(): unknown {
    try {
      return this.#open().db.prepare('pragma data_version').get()!.data_version
    } catch (error) {
      if (!isBusy(error)) throw error
      return undefined
    }
  }

  /** Gives what other programs wrote a position, which every transaction of ours does when it begins. */
  async #takeUp(): Promise<number> {
    const ends = await this.read({ deadline: ownDeadline }, readEnds)
    if (!ends.isBehind) return ends.newest
    await this.write({ deadline: ownDeadline }, () => undefined)
    return (await this.read({ deadline: ownDeadline }, readEnds)).newest
  }

  #open(): SqliteConnection {
    if (!this.#connection) throw new MonoblocError('shutting_down', { detail: 'The database is not open.' })
    return this.#connection
  }

  #writing(): SqliteWriter {
    this.#open()
    return this.#writer!
  }
}
