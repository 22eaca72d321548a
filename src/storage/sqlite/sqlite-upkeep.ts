import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isFailedSync, translateError } from './sqlite-errors.ts'

/**
 * Frames of the WAL (pages of 4 KiB) after which its content is moved into the database: SQLite's own default, 4 MiB. More
 * would make each move longer, less would sync the database more often.
 */
const framesPerCheckpoint = 1_000

/** Statistics are looked at when the application has settled after its start, and then from time to time. */
const firstAnalysisMillis = 5_000
const analysisMillis = 10 * 60_000

/** Snapshots younger than this are not ended for the WAL's sake: they are not what holds it. */
const youngSnapshotMillis = 1_000

const pageBytes = 4096

export interface WalReport {
  /** Size of what readers and writers still need of the WAL. */
  bytes: number
  /** Beyond the limit: snapshots that are older than a second are ended. */
  overLimit: boolean
}

export interface UpkeepOptions {
  /** Bytes of WAL from which `onWal` hears of it, once for each doubling and at the limit. */
  walAlarmBytes: number
  /** Bytes of WAL from which the snapshots that hold it are ended. */
  walLimitBytes: number
  onWal: ((report: WalReport) => void) | undefined
  onFatal: (error: unknown) => void
  /** Ends snapshots that are older than so many milliseconds. */
  endSnapshots: (olderThan: number) => void
  /** New statistics are there: connections that are kept should be opened anew. */
  onAnalysed: () => void
}

/**
 * What the file needs beside its writes: moving the WAL into the database, and statistics for the planner. Between the
 * turns, on the connection that writes, so that no one waits for a lock.
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
  #pending: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout

  constructor(db: DatabaseSync, options: UpkeepOptions) {
    this.#db = db
    this.#options = options
    this.#alarmAt = options.walAlarmBytes
    // A SQLite that doesn't know NOOP (before 3.51) does a passive checkpoint instead: more often than needed, but right.
    this.#frames = db.prepare('pragma wal_checkpoint(noop)')
    this.#passive = db.prepare('pragma wal_checkpoint(passive)')
    this.#timer = setTimeout(this.#analyse, firstAnalysisMillis).unref()
  }

  /** After each turn. Members have been answered, but their answers leave after this macrotask: the work comes later. */
  afterTurn(): void {
    const { log } = this.#frames.get() as { log: number }
    // The WAL began anew: it is written from its start again once all of it was moved and nobody reads it.
    if (log < this.#triedAt) this.#triedAt = 0
    if (log - this.#triedAt >= framesPerCheckpoint) this.#pending ??= setImmediate(this.#checkpoint)
  }

  stop(): void {
    clearTimeout(this.#timer)
    if (this.#pending) clearImmediate(this.#pending)
  }

  #checkpoint = (): void => {
    this.#pending = undefined
    if (this.#db.isTransaction) return
    try {
      const { log, checkpointed } = this.#passive.get() as { log: number; checkpointed: number }
      this.#triedAt = log
      this.#watch((log - checkpointed) * pageBytes)
    } catch (error) {
      // The WAL keeps everything, and the next turn tries again: only a failed sync says that the disk can't be trusted.
      if (isFailedSync(error)) this.#options.onFatal(translateError(error))
    }
  }

  #watch(bytes: number): void {
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
      if (isFailedSync(error)) this.#options.onFatal(translateError(error))
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
