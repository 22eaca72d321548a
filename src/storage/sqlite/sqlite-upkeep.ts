import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isFailedSync, translateError } from './sqlite-errors.ts'

/** Statistics are looked at when the application has settled after its start, and then from time to time. */
const firstAnalysisMillis = 5_000
const analysisMillis = 10 * 60_000

/** Snapshots younger than this are not ended for the WAL's sake: they are not what holds it. */
const youngSnapshotMillis = 1_000

const pageBytes = 4096

/** Milliseconds for which writes wait at most, so that the WAL can begin anew: readers are rarely open for longer. */
const holdMillis = 250

export interface WalReport {
  /** Size of the WAL. It stays until no snapshot needs any of it. */
  bytes: number
  /** Beyond the limit: snapshots that are older than a second are ended. */
  overLimit: boolean
}

export interface UpkeepOptions {
  /** Frames of the WAL (pages of 4 KiB) after which its content is moved into the database. */
  framesPerCheckpoint: number
  /** Bytes of WAL from which `onWal` hears of it, once for each doubling and at the limit. */
  walAlarmBytes: number
  /** Bytes of WAL from which the snapshots that hold it are ended. */
  walLimitBytes: number
  onWal: ((report: WalReport) => void) | undefined
  /** A sync failed: nothing more may be asked of this connection, and the process must end. */
  onFatal: (error: unknown) => void
  /** No turn begins until the function that it returns is called. */
  holdWrites: () => () => void
  /** When the oldest snapshot began, by \`performance.now\`; Infinity without one. */
  oldestSnapshot: () => number
  /** Ends snapshots that are older than so many milliseconds. */
  endSnapshots: (olderThan: number) => void
  /** New statistics are there: connections that are kept should be opened anew. */
  onAnalysed: () => void
}

interface WalState {
  /** Frames of the WAL. */
  log: number
  /** How many of them are in the database. */
  checkpointed: number
}

/**
 * What the file needs beside its writes: moving the WAL into the database, and statistics for the planner. Between the
 * turns, on the connection that writes, so that no one waits for a lock.
 *
 * Moving 1,000 frames takes 4 ms (5 to 9 on a busy disk). At 15,000 durable writes a second that is every 170 ms: 2 % of
 * the thread, and all that a thread or process of its own could give back. It was tried: commits then go on during the
 * move, so that it never reaches the WAL's end, and the WAL does not begin anew but grows (100 MiB within 10 s) until
 * writes are held for it. Here no frame is added meanwhile, the next commit writes the WAL from its start again, and a
 * failed sync ends the process before another commit begins.
 *
 * A sync that fails is the last thing that is asked of the connection: the kernel may have dropped what it could not
 * write, and a second sync would then succeed without it.
 */
export class Upkeep {
  readonly #db: DatabaseSync
  readonly #options: UpkeepOptions
  readonly #frames: StatementSync
  readonly #passive: StatementSync
  /** Frames of the WAL when it was last moved: the next time is so many later. */
  #triedAt = 0
  #alarmAt: number
  #wasOverLimit = false
  readonly #firstAnewAt: number
  #anewAt: number
  /** Writes are held, and this lets them go on. */
  #resume: (() => void) | undefined
  #pending: NodeJS.Immediate | undefined
  #dead = false
  #timer: NodeJS.Timeout

  constructor(db: DatabaseSync, options: UpkeepOptions) {
    this.#db = db
    this.#options = options
    this.#alarmAt = options.walAlarmBytes
    this.#firstAnewAt = options.walAlarmBytes / 2 / pageBytes
    this.#anewAt = this.#firstAnewAt
    // A SQLite that doesn't know NOOP (before 3.51) does a passive checkpoint instead: more often than needed, but right.
    this.#frames = db.prepare('pragma wal_checkpoint(noop)')
    this.#passive = db.prepare('pragma wal_checkpoint(passive)')
    this.#timer = setTimeout(this.#analyse, firstAnalysisMillis).unref()
  }

  /** After each turn. Members have been answered, but their answers leave after this macrotask: the work comes later. */
  afterTurn(): void {
    const found = this.#ask(this.#frames)
    if (!found) return
    const { log, checkpointed } = found
    // The WAL began anew: it is written from its start again once all of it was moved and nobody reads it.
    if (log < this.#triedAt) {
      this.#triedAt = 0
      this.#anewAt = this.#firstAnewAt
    }
    // What another process has moved needs no second move.
    if (log - Math.max(this.#triedAt, checkpointed) >= this.#options.framesPerCheckpoint)
      this.#pending ??= setImmediate(this.#checkpoint)
  }

  /** Asks nothing more of the connection. */
  abandon(): void {
    this.#dead = true
    this.stop()
  }

  /** Moves what it can for the last time: closing does so too, but keeps to itself that a sync failed. */
  finish(): void {
    this.stop()
    this.#ask(this.#passive)
  }

  stop(): void {
    clearTimeout(this.#timer)
    if (this.#pending) clearImmediate(this.#pending)
    this.#pending = undefined
    this.#resume?.()
    this.#resume = undefined
  }

  #checkpoint = (): void => {
    this.#pending = undefined
    if (this.#db.isTransaction || this.#resume) return
    const moved = this.#move()
    if (!moved) return
    this.#triedAt = moved.log
    this.#report(moved.log * pageBytes)
    if (moved.log >= this.#anewAt) this.#beginAnew()
  }

  /** Moves what no snapshot needs any more. */
  #move(): WalState | undefined {
    this.#ask(this.#passive)
    return this.#ask(this.#frames)
  }

  #ask(statement: StatementSync): WalState | undefined {
    if (this.#dead) return undefined
    try {
      return statement.get() as unknown as WalState
    } catch (error) {
      // The WAL keeps everything, and it is tried again later: only a failed sync says that the disk can't be trusted.
      if (isFailedSync(error)) this.#die(error)
      return undefined
    }
  }

  #die(error: unknown): void {
    this.abandon()
    this.#options.onFatal(translateError(error))
  }

  /**
   * The WAL is written from its start again when all of it has been moved and no snapshot is left from before that.
   * Where snapshots always overlap, the moment never comes by itself. So writes wait a little: until the snapshots that
   * held the move back have ended, and then those that began before it was done. Later ones read the database itself.
   */
  #beginAnew(): void {
    const began = performance.now()
    let since = began
    let whole = false
    this.#resume = this.#options.holdWrites()
    const look = () => {
      if (!this.#resume) return
      const now = performance.now()
      const isHeld = this.#options.oldestSnapshot() < since
      if (!isHeld && !whole) {
        const moved = this.#move()
        whole = moved !== undefined && moved.log === moved.checkpointed
        since = now
      } else if (!isHeld) {
        this.#goOn()
        return
      }
      if (now - began < holdMillis) setTimeout(look, 2)
      else this.#goOn()
    }
    look()
  }

  #goOn(): void {
    // Where it did not help (a backup reads, another process), the next time is when the WAL has doubled.
    const moved = this.#move()
    if (moved) this.#anewAt = moved.log * 2
    this.#resume?.()
    this.#resume = undefined
  }

  #report(bytes: number): void {
    const { walAlarmBytes, walLimitBytes, onWal } = this.#options
    const overLimit = bytes > walLimitBytes
    if (overLimit) this.#options.endSnapshots(youngSnapshotMillis)
    const isFirstOver = overLimit && !this.#wasOverLimit
    this.#wasOverLimit = overLimit
    if (bytes < walAlarmBytes) this.#alarmAt = walAlarmBytes
    if (bytes < this.#alarmAt && !isFirstOver) return
    this.#alarmAt = bytes * 2
    onWal?.({ bytes, overLimit })
  }

  #analyse = (): void => {
    this.#timer = setTimeout(this.#analyse, analysisMillis).unref()
    if (this.#db.isTransaction) return
    try {
      const before = this.#statistics()
      // Every table, not only those that this connection asked about; SQLite itself bounds how much it reads of each.
      this.#db.exec('pragma optimize = 0x10002')
      if (this.#statistics() !== before) this.#options.onAnalysed()
    } catch (error) {
      // Another process writes just now, or the disk is full: statistics can wait. A failed sync is one here, too.
      if (isFailedSync(error)) this.#die(error)
    }
  }

  #statistics(): unknown {
    const there = this.#db.prepare("select count(*) as n from sqlite_schema where name = 'sqlite_stat1'").get()!.n
    return (
      there &&
      this.#db.prepare("select group_concat(idx || ' ' || stat, ';') as all_of_them from sqlite_stat1").get()!
        .all_of_them
    )
  }
}
