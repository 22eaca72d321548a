import path from 'node:path'
import { MonoblocError } from '../../errors.ts'
import type { Synchronous } from './sqlite-open.ts'
import type { ScanReport } from './sqlite-reach.ts'
import type { WalReport } from './sqlite-upkeep.ts'
import type { WriteTurns } from './sqlite-write-queue.ts'

export interface SqliteOptions {
  /**
   * The database's file; it and its folder are made where they are missing. `:memory:` is refused: readers have
   * connections of their own, and each would see another database. Use a file in a temporary folder.
   */
  file: string
  /** In `development` scans are reported to `onScan`. Default: `production`. */
  mode?: 'development' | 'production'
  /**
   * Connections for reading in this process at most: so many handlers can hold a snapshot while they await something
   * else. Each has a file handle and up to 4 MiB of cache. Default: 16.
   */
  readers?: number
  /** Processes for reads that may take long, which are killed at their deadline. Default: 2. */
  readerProcesses?: number
  /**
   * Page cache in KiB, of the connection that reads most and of the one that writes. It is filled by what is read: a small
   * database stays small. Where the often-read part of a database does not fit, each read by key costs half as much
   * again, for pages that come from the system's cache by a system call each. Default: 65,536.
   */
  cacheKib?: number
  /** Writes that may wait for their turn; one more is refused with `overloaded`. Default: 10,000. */
  maxWaitingWrites?: number
  /** Reads that may wait for a snapshot or a reader process; one more is refused with `overloaded`. Default: 1,000. */
  maxWaitingReads?: number
  /**
   * Milliseconds that opening waits for other processes that hold the lock: one that ends and moves its log, one that takes
   * up the log of another which died. Default: 30,000.
   */
  openMillis?: number
  /** Milliseconds that closing waits for reads under way, before it gives them up. Default: 1,000. */
  closeMillis?: number
  /** Bytes of WAL that readers hold back, from which `onWal` hears of it. Default: 64 MiB. */
  walAlarmBytes?: number
  /** Bytes of WAL from which snapshots older than a second are ended (`deadline_exceeded`). Default: 1 GiB. */
  walLimitBytes?: number
  onWal?: (report: WalReport) => void
  /** Who of several processes may write. Default: nobody says, and who finds the file locked tries again. */
  turns?: WriteTurns
  /** The time written to the log. Default: `Date`. */
  clock?: { now(): number }
  /**
   * In development: a statement reads a table of more than 1,000 rows from end to end to find or sort rows. Once for each
   * statement.
   */
  onScan?: (report: ScanReport) => void
  /**
   * A commit failed with an I/O error, or a sync failed. What is on disk is unknown, so the process must end without
   * answering anyone. Default: writes the error to stderr and exits with 74 (EX_IOERR of sysexits.h).
   */
  onFatal?: (error: unknown) => void
}

/** For tests: ways to break promise 2, which they must see broken, and to make rare things common. */
export interface SqliteTesting {
  /** Answers a write before its COMMIT. */
  acknowledgeEarly?: boolean
  /** How far the connection that writes syncs. Default: `full`. */
  synchronous?: Synchronous
  /** Moves the WAL into the database every few commits, and lets it begin anew soon after. */
  smallWal?: boolean
}

/** For tests, and in no public type: `createSqliteStorage({ file, testing: { acknowledgeEarly: true } } as SqliteOptions)`. */
interface TestingOptions {
  testing?: SqliteTesting
}

export type SqliteSettings = ReturnType<typeof settingsOf>

/** @throws MonoblocError `configuration_invalid` */
/** Of every further connection: there may be many, and they are seldom used. */
const otherCacheKib = 4096

export function settingsOf(options: SqliteOptions & TestingOptions) {
  if (options.file === ':memory:' || options.file === '') {
    throw new MonoblocError('configuration_invalid', {
      detail: 'A SQLite database needs a file: a database in memory has one connection.',
    })
  }
  const clock = options.clock ?? Date
  return {
    file: path.resolve(options.file),
    mode: options.mode ?? 'production',
    readers: options.readers ?? 16,
    readerProcesses: options.readerProcesses ?? 2,
    cacheKib: options.cacheKib ?? 65_536,
    otherCacheKib: Math.min(otherCacheKib, options.cacheKib ?? otherCacheKib),
    maxWaiting: options.maxWaitingWrites ?? 10_000,
    maxWaitingReads: options.maxWaitingReads ?? 1_000,
    closeMillis: options.closeMillis ?? 1_000,
    openMillis: options.openMillis ?? 30_000,
    now: () => clock.now(),
    onScan: options.mode === 'development' ? options.onScan : undefined,
    onFatal: options.onFatal ?? endProcess,
    // 1,000 frames, 4 MiB: SQLite's own default. More would make each move longer, less would sync the database more often.
    framesPerCheckpoint: options.testing?.smallWal ? 40 : 1_000,
    walAlarmBytes: options.testing?.smallWal ? 1024 * 1024 : (options.walAlarmBytes ?? 64 * 1024 * 1024),
    walLimitBytes: options.walLimitBytes ?? 1024 * 1024 * 1024,
    onWal: options.onWal,
    acknowledgeEarly: options.testing?.acknowledgeEarly ?? false,
    synchronous: options.testing?.synchronous,
    // 128 members: beyond that the fsync is under 2 % of a turn, and whoever came first would only wait for the rest.
    maxMembers: 128,
    // 20 ms: what a slow member may cost the others of its turn, and the longest that a turn holds up the event loop.
    maxMillis: 20,
    turns: options.turns,
  }
}

function endProcess(error: unknown): void {
  console.error('monobloc: the disk failed and the process ends, because what is on disk is unknown:', error)
  process.exit(74)
}
