import { existsSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import { foldCase, type Schema } from '../../schema/index.ts'
import type {
  AppliedReport,
  ApplyOptions,
  Difference,
  MigrationPlan,
  MigrationStatus,
  Migrator,
} from '../migrations/migration.ts'
import { asFile, type MigrationFile } from '../migrations/migration-file.ts'
import { fileStates, pendingFiles } from '../migrations/migration-history.ts'
import { drifted, missingConsents, refuseUnsaid } from '../migrations/migration-refusal.ts'
import { copyDatabase } from './sqlite-backup.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { differencesBetween, type Tables } from './sqlite-difference.ts'
import { isFailedSync, translateError } from './sqlite-errors.ts'
import { prepareFolder, syncFolder } from './sqlite-folder.ts'
import { prepareHistory, readHistory } from './sqlite-migration-history.ts'
import { measureLosses } from './sqlite-migration-losses.ts'
import { type PlannedSteps, planSteps } from './sqlite-migration-plan.ts'
import { lastPosition, migratedPosition, openReader, reading } from './sqlite-migration-reading.ts'
import { historySql, MigrationRun, type RunOptions } from './sqlite-migration-run.ts'
import type { SqliteMigratorOptions } from './sqlite-migrator.ts'
import { closeAfter, openConnection } from './sqlite-open.ts'
import { prepareOwnTables } from './sqlite-own-tables.ts'
import { removeAbandoned, withPassingFile } from './sqlite-passing-file.ts'
import { patiently } from './sqlite-patience.ts'
import { appTables, openShadow, readTables, replayAll } from './sqlite-shadow.ts'

/** For tests: what can't be had on purpose. */
export interface TestingOptions {
  testing?: {
    /** Bytes that are free on the disk. */
    free?: number
    /** Rows from which a table tells how far its copy is. */
    bigTable?: number
  }
}

// A row takes about a microsecond more: a table of fewer is copied before anyone asks.
const bigTable = 100_000
const cacheKib = 65_536
/** What a database without rows needs besides. */
const spareBytes = 16 * 1024 * 1024

/** What one call has found out before anything is written. */
interface Judged {
  pending: MigrationFile[]
  /** The tables after each pending file. */
  after: Tables[]
  /** The database is not what its applied files make. */
  drift: Difference[]
  /** Nothing is in it. */
  empty: boolean
}

/** Backups that stay, the newest: who goes back goes back to the last or the one before, and each is as large as all data. */
const keptBackups = 5

/** What changes a schema, or says what would change it. It is loaded on use: a start needs none of it. */
export class SqliteMigrationWork implements Pick<Migrator, 'plan' | 'status' | 'apply' | 'follow'> {
  readonly #file: string
  /** What the names of copies begin with that a file is tried on. */
  readonly #rehearsals: string
  readonly #now: () => number
  readonly #testing: NonNullable<TestingOptions['testing']>

  constructor({ file, clock = Date, ...rest }: SqliteMigratorOptions & TestingOptions) {
    this.#file = path.resolve(file)
    this.#rehearsals = `${this.#file}.rehearsal-`
    this.#now = () => clock.now()
    this.#testing = rest.testing ?? {}
  }

  async plan(files: readonly MigrationFile[], schema: Schema): Promise<MigrationPlan> {
    const replay = replayAll(files)
    try {
      const { steps, questions, before } = planSteps(replay.db, schema)
      const losses = reading(this.#file, {}, (db) => measureLosses(db, steps, before))
      return { steps, questions, losses }
    } finally {
      replay.close()
    }
  }

  async status(files: readonly MigrationFile[], schema: Schema): Promise<MigrationStatus> {
    const history = reading(this.#file, [], readHistory)
    const states = fileStates(files, history)
    const done = states.filter(({ state }) => state === 'applied' || state === 'changed').map(({ name }) => name)
    const replay = replayAll(files.filter(({ name }) => done.includes(name)))
    try {
      const made = readTables(replay.db)
      const drift = done.length === 0 ? [] : reading(this.#file, [], (db) => driftOf(db, made))
      for (const file of files) if (!done.includes(file.name)) replay.add(file)
      const unplanned = planSteps(replay.db, schema).steps
      return {
        files: states,
        drift: drift.map(({ words }) => words),
        unplanned: unplanned.map(({ description }) => description),
      }
    } finally {
      replay.close()
    }
  }

  async apply(options: ApplyOptions): Promise<AppliedReport> {
    const nothing: AppliedReport = { applied: [], backup: undefined, mended: [] }
    if (options.files.length === 0 && !existsSync(this.#file)) return nothing
    removeAbandoned(this.#rehearsals)
    const connection = await this.#open(options.waitMillis)
    let failure: unknown
    try {
      const first = judge(connection.db, options.files)
      if (first.pending.length === 0) return nothing
      if (!first.empty) {
        this.#checkSpace()
        await this.#rehearse(options, first)
      }
      await this.#lock(connection, options.waitMillis)
      // Another process may have been first.
      const judged = judge(connection.db, options.files)
      if (judged.pending.length === 0) return nothing
      const backup = judged.empty ? undefined : await this.#backup(options, judged.pending)
      const mended = await this.#run(connection, options, judged)
      connection.db.exec('commit')
      moveLog(connection.db)
      if (backup) removeOlder(backup, judged.pending[0]!.name)
      return { applied: judged.pending.map(({ name }) => name), backup, mended }
    } catch (error) {
      failure = error
      throw translateError(error, connection.db)
    } finally {
      if (connection.db.isTransaction) connection.db.exec('rollback')
      closeAfter(failure, connection)
    }
  }

  async follow(schema: Schema): Promise<PlannedSteps> {
    const connection = await this.#open()
    let failure: unknown
    try {
      await this.#lock(connection)
      const { db } = connection
      const planned = stepsToModels(db, schema)
      const { steps } = planned
      if (steps.length === 0 || !steps.every(({ safe }) => safe)) return planned
      const run = new MigrationRun(
        connection,
        { ...this.#runOptions({ schema, runProgram: () => {} }), lenient: true },
        [asFile(steps)],
      )
      run.statements(steps.flatMap(({ sql }) => sql))
      run.finish()
      db.exec('commit')
      return planned
    } catch (error) {
      failure = error
      throw translateError(error, connection.db)
    } finally {
      if (connection.db.isTransaction) connection.db.exec('rollback')
      closeAfter(failure, connection)
    }
  }

  /** Everything but the commit, in the transaction that is open. @returns what was mended, in words */
  async #run(connection: SqliteConnection, options: ApplyOptions, judged: Judged): Promise<string[]> {
    const { db } = connection
    const lenient = judged.drift.length > 0
    const untouched = lastPosition(db) === migratedPosition(db)
    prepareHistory(db)
    const run = new MigrationRun(connection, { ...this.#runOptions(options), lenient }, judged.pending)
    for (const [at, file] of judged.pending.entries()) {
      const began = performance.now()
      await run.file(file, judged.after[at]!)
      db.exec(historySql(file, this.#now(), performance.now() - began))
    }
    const mended = lenient ? this.#mend(run, db, options) : []
    run.finish()
    const left = lenient ? [] : driftOf(db, judged.after.at(-1)!)
    if (left.length > 0) throw drifted(left.map(({ words }) => words))
    if (untouched) db.exec(`insert or replace into monobloc_meta values ('migrated', '${lastPosition(db)}')`)
    return mended
  }

  // A database that was not what its files had made is brought to the models where that is safe.
  #mend(run: MigrationRun, db: DatabaseSync, { schema }: ApplyOptions): string[] {
    const { steps } = stepsToModels(db, schema)
    const unsafe = steps.filter(({ safe }) => !safe)
    if (unsafe.length > 0) throw drifted(unsafe.map(({ description }) => description))
    run.statements(steps.flatMap(({ sql }) => sql))
    return steps.map(({ description }) => description)
  }

  async #rehearse(options: ApplyOptions, judged: Judged): Promise<void> {
    const { onProgress } = options
    onProgress?.({ what: 'rehearsing on a copy' })
    await withPassingFile(this.#rehearsals, async (copy) => {
      await copyDatabase(openReader(this.#file), copy)
      const connection = openConnection(copy, { readOnly: false, cacheKib, synchronous: 'off', fold: foldCase })
      try {
        connection.db.exec('pragma foreign_keys = off; begin immediate')
        await this.#run(connection, options, judged)
        connection.db.exec('commit')
      } finally {
        connection.close()
      }
    })
  }

  async #backup({ backups, onProgress }: ApplyOptions, pending: readonly MigrationFile[]): Promise<string> {
    const folder = backups ?? path.join(path.dirname(this.#file), 'backups')
    const at = new Date(this.#now()).toISOString().replace(/[:.]/g, '-')
    const name = `${path.basename(this.#file, path.extname(this.#file))}-before-${pending[0]!.name}-${at}.db`
    onProgress?.({ what: 'backing up' })
    await copyDatabase(openReader(this.#file), path.join(folder, name))
    return path.join(folder, name)
  }

  /** A copy and its own log, or the backup, what the database grows by and its log: all of its size at most. */
  #checkSpace(): void {
    const size = [this.#file, `${this.#file}-wal`].reduce(
      (sum, file) => sum + (existsSync(file) ? statSync(file).size : 0),
      0,
    )
    const needed = 3 * size + spareBytes
    const { bavail, bsize } = statfsSync(path.dirname(this.#file))
    const free = this.#testing.free ?? bavail * bsize
    if (free >= needed) return
    const mebibytes = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MiB`
    throw new MonoblocError('database_full', {
      detail: `A migration of it, with a backup and a rehearsal, may need ${mebibytes(needed)}; ${mebibytes(free)} are free.`,
    })
  }

  #runOptions({ schema, runProgram, onProgress }: Pick<ApplyOptions, 'schema' | 'runProgram' | 'onProgress'>) {
    const options: Omit<RunOptions, 'lenient'> = {
      schema,
      runProgram,
      onProgress,
      now: this.#now,
      bigTable: this.#testing.bigTable ?? bigTable,
    }
    return options
  }

  async #open(waitMillis?: number): Promise<SqliteConnection> {
    prepareFolder(this.#file)
    return this.#patiently(waitMillis, () => {
      const connection = openConnection(this.#file, { readOnly: false, cacheKib, fold: foldCase })
      try {
        prepareOwnTables(connection.db)
        // They can't be enforced while a table that others refer to is built anew; all of them are checked in the end.
        connection.db.exec('pragma foreign_keys = off')
        // SQLite syncs the folder when it makes the WAL, but goes on when that fails.
        syncFolder(path.dirname(this.#file))
        return connection
      } catch (error) {
        closeAfter(error, connection)
        throw error
      }
    })
  }

  #lock({ db }: SqliteConnection, waitMillis?: number): Promise<void> {
    return this.#patiently(waitMillis, () => db.exec('begin immediate'))
  }

  #patiently<T>(waitMillis = 60_000, attempt: () => T): Promise<T> {
    return patiently(waitMillis, attempt).catch((error) => {
      throw translateError(error)
    })
  }
}

/** @throws MonoblocError `migration_refused`, `schema_newer` */
function judge(db: DatabaseSync, files: readonly MigrationFile[]): Judged {
  const history = readHistory(db)
  const pending = pendingFiles(files, history)
  const replay = replayAll(files.slice(0, files.length - pending.length))
  try {
    const made = readTables(replay.db)
    const after: Tables[] = []
    const unsaid: string[] = []
    for (const file of pending) {
      const done = replay.add(file)
      unsaid.push(...missingConsents(file, done))
      after.push(readTables(replay.db))
    }
    refuseUnsaid(unsaid)
    const there = readTables(db)
    // Without history, tables that are there already are taken for what `dev` or an earlier version made.
    const known = new Set([...made.keys(), ...after.flatMap((tables) => [...tables.keys()])])
    const drift =
      history.length > 0
        ? driftOf(db, made)
        : [...there.keys()]
            .filter((name) => known.has(name))
            .map((name) => ({ kind: 'add' as const, subject: name, words: `table ${name} is there` }))
    return { pending, after, drift, empty: there.size === 0 }
  } finally {
    replay.close()
  }
}

/** How the tables that files make differ from what they make. Further tables are someone else's. */
function driftOf(db: DatabaseSync, made: Tables): Difference[] {
  return differencesBetween(made, readTables(db, new Set(made.keys())))
}

/** From what is there to the models; tables that are not of the models are left alone. */
function stepsToModels(db: DatabaseSync, schema: Schema): PlannedSteps {
  const base = openShadow()
  try {
    copyTables(db, base, schema)
    return planSteps(base, schema, new Set())
  } finally {
    base.close()
  }
}

function copyTables(from: DatabaseSync, to: DatabaseSync, schema: Schema): void {
  const names = new Set(appTables(schema).flatMap(({ name, renamedFrom }) => [name, renamedFrom ?? name]))
  const rows = from
    .prepare(
      "select type, name, tbl_name, sql from sqlite_schema where type in ('table', 'index') and sql is not null order by type <> 'table', rowid",
    )
    .all()
  for (const { tbl_name, sql } of rows) if (names.has(tbl_name as string)) to.exec(sql as string)
}

/** Into the database, so that the log does not stay as large as all that was rewritten. Who reads just now may prevent it. */
function moveLog(db: DatabaseSync): void {
  try {
    db.exec('pragma wal_checkpoint(truncate)')
  } catch (error) {
    if (isFailedSync(error)) throw error
  }
}

/** Removes all but the newest backups of one database, once it is not what the last of them holds any more. */
function removeOlder(last: string, migration: string): void {
  const folder = path.dirname(last)
  const start = path.basename(last).slice(0, path.basename(last).lastIndexOf(migration))
  const instant = /-\d{4}-\d\d-\d\dT[\d-]+Z\.db$/
  const backups = readdirSync(folder).filter((name) => name.startsWith(start) && instant.test(name))
  const madeAt = (name: string) => instant.exec(name)![0]
  backups.sort((one, other) => (madeAt(one) < madeAt(other) ? 1 : -1))
  for (const name of backups.slice(keptBackups)) {
    try {
      rmSync(path.join(folder, name))
    } catch {
      // The migration is done: a file that stays is no failure of it.
    }
  }
}
