// One run of files in one transaction: on a copy first, and then on the database itself.
import type { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import type { Schema } from '../../schema/index.ts'
import type { ApplyOptions, MigrationProgress } from '../migrations/migration.ts'
import type { MigrationFile, MigrationSection } from '../migrations/migration-file.ts'
import { failedAt, lostRows, refused } from '../migrations/migration-refusal.ts'
import { tableEntrySql } from '../sql/log-shape.ts'
import { readTable } from './sqlite-catalog.ts'
import { SqliteCommitRows } from './sqlite-commit-rows.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { indexChanges, type Tables, tableDifferences } from './sqlite-difference.ts'
import { translateError } from './sqlite-errors.ts'
import { checkRaw, ownPrefix } from './sqlite-guard.ts'
import { isDone } from './sqlite-migration-done.ts'
import { dress, dressFinally, dropSearch, ForeignObjects, loggedTables, undress } from './sqlite-migration-dress.ts'
import { newPrefix, readTables, runStatement, stepStatements } from './sqlite-shadow.ts'
import { type ScriptStatement, schemaAct, statementsOf, wordsOf } from './sqlite-statements.ts'
import { literal, quoted } from './sqlite-table.ts'
import { SqliteWriteSession } from './sqlite-write-session.ts'

export interface RunOptions {
  schema: Schema
  runProgram: ApplyOptions['runProgram']
  onProgress: ((progress: MigrationProgress) => void) | undefined
  now: () => number
  /** Rows from which a table that is built anew tells how far it is. */
  bigTable: number
  /** What is there already is not done again: for a database without history, or that `dev` has changed. */
  lenient: boolean
}

const mostProblems = 5

export class MigrationRun {
  readonly #connection: SqliteConnection
  readonly #options: RunOptions
  readonly #rows: SqliteCommitRows
  readonly #foreign: ForeignObjects
  readonly #logged: Set<string>
  #isDressed = true
  #reported = 0
  #report: (done: number) => unknown = () => {}

  /** Inside a transaction that holds the write lock, with foreign keys off. */
  constructor(connection: SqliteConnection, options: RunOptions, files: readonly MigrationFile[]) {
    this.#connection = connection
    this.#options = options
    this.#rows = new SqliteCommitRows(connection.db, options.now)
    this.#rows.begin()
    this.#foreign = new ForeignObjects(connection.db)
    this.#logged = loggedTables(connection.db, options.schema)
    connection.db.function(progressFunction, () => this.#count())
    this.#undress()
    dropSearch(connection.db, touchedBy(files))
  }

  /**
   * @param after the tables that it makes
   * @throws MonoblocError `migration_refused`, naming the place in the file
   */
  async file(file: MigrationFile, after: Tables): Promise<void> {
    const counts = this.#countAll()
    const touched = new Set<string>()
    if (file.isProgram) await this.#data(counts, () => this.#program(file))
    for (const section of file.sections) {
      if (section.kind === 'data') await this.#data(counts, () => this.#script(file, section))
      else this.#step(file, section, { counts, touched, after })
    }
    this.#checkCounts(file, counts)
    const problems = this.#foreign.restore()
    if (problems.length > 0) throw refused(file, `${problems.join('; ')}. Drop it first, and make it again after.`)
    this.#tell(touched)
    this.#rows.append({ deadline: 0, cause: `migration ${file.name}` })
  }

  /** What hangs on the tables, and whether all of it holds. @throws MonoblocError `migration_refused` */
  finish(): void {
    const { db } = this.#connection
    dressFinally(db, this.#options.schema, this.#logged)
    this.#isDressed = true
    const orphans = db
      .prepare('select "table" as child, parent, count(*) as n from pragma_foreign_key_check group by 1, 2 limit ?')
      .all(mostProblems)
    if (orphans.length > 0) {
      const words = orphans.map(
        ({ child, parent, n }) => `${n} rows of ${child} refer to rows of ${parent} that are not there`,
      )
      throw new MonoblocError('migration_refused', { detail: `Afterwards ${words.join('; ')}.` })
    }
    const damage = db
      .prepare(`pragma integrity_check(${mostProblems})`)
      .all()
      .map((row) => String(Object.values(row)[0]))
    if (damage.join() !== 'ok')
      throw new MonoblocError('migration_refused', {
        detail: `Afterwards integrity_check finds: ${damage.join('; ')}.`,
      })
  }

  /** Steps that no file has: what brings a database in line. */
  statements(sql: readonly string[]): void {
    this.#undress()
    for (const statement of sql.flatMap((text) => statementsOf(text))) {
      this.#run(statement)
    }
  }

  /** The tables whose rows somebody may have derived something from are told of in the log. */
  #tell(tables: ReadonlySet<string>): void {
    const { db } = this.#connection
    // Nobody follows a log in which nothing is.
    if (db.prepare('select 1 from monobloc_commit limit 1').get() === undefined) return
    for (const table of tables) if (this.#logged.has(table)) db.exec(tableEntrySql(table, 'migrate').join(';'))
  }

  #step(file: MigrationFile, section: MigrationSection, { counts, touched, after }: FileRun): void {
    this.#undress()
    const statements = stepStatements(file, section)
    if (this.#isBuilt(statements, after)) return
    for (const statement of statements) {
      const act = schemaAct(statement)
      const lost = lostColumns(this.#connection.db, file, statement)
      if (lost.length > 0)
        throw this.#failed(file, section, statement, new Error(`it does not copy ${lost.join(', ')}`))
      if (act && 'name' in act && act.act !== 'drop index') {
        touched.add(act.act === 'create index' ? act.table : act.name.replace(newPrefix, ''))
        if (act.act === 'rename table') touched.add(act.to)
      }
      if (this.#options.lenient && act && isDone(this.#connection.db, statement, act)) continue
      try {
        this.#run(statement)
      } catch (error) {
        throw this.#failed(file, section, statement, error)
      }
      if (act?.act === 'rename table' && !act.name.startsWith(newPrefix)) this.#renamed(act.name, act.to, counts)
      else if (act?.act === 'rename column') this.#foreign.refresh()
    }
  }

  /** A table that has already what it would be built anew for. */
  #isBuilt(statements: readonly ScriptStatement[], after: Tables): boolean {
    const made = statements.map(schemaAct).find((act) => act?.act === 'create table' && act.name.startsWith(newPrefix))
    if (!this.#options.lenient || !made) return false
    const name = made.name.slice(newPrefix.length)
    const there = readTable(this.#connection.db, name)
    const wanted = after.get(name)
    if (!there || !wanted) return false
    return tableDifferences(there, wanted).length === 0 && indexChanges(there, wanted).length === 0
  }

  #renamed(from: string, to: string, counts: Counts): void {
    this.#foreign.refresh()
    const count = counts.get(from)
    counts.delete(from)
    if (count !== undefined) counts.set(to, count)
    if (this.#logged.has(from)) this.#logged.add(to)
  }

  #run(statement: ScriptStatement): void {
    const { db } = this.#connection
    const act = schemaAct(statement)
    runStatement(db, statement)
    if (act?.act === 'create table' && act.name.startsWith(newPrefix)) this.#watch(act.name)
    else if (act) this.#unwatch()
  }

  async #data(counts: Counts, work: () => void | Promise<void>): Promise<void> {
    this.#dress()
    const before = this.#countAll()
    await work()
    const after = this.#countAll()
    for (const [name, count] of after) counts.set(name, (counts.get(name) ?? 0) + count - (before.get(name) ?? 0))
  }

  #script(file: MigrationFile, section: MigrationSection): void {
    for (const statement of statementsOf(section.sql)) {
      try {
        checkRaw(statement.sql)
        this.#connection.db.exec(statement.sql)
      } catch (error) {
        throw this.#failed(file, section, statement, error)
      }
    }
  }

  async #program(file: MigrationFile): Promise<void> {
    const session = new SqliteWriteSession(this.#connection, Infinity)
    try {
      await this.#options.runProgram(file, session)
    } catch (error) {
      throw refused(file, describe(error, this.#connection), error)
    }
    const why = session.refusal()
    if (why) throw refused(file, describe(why, this.#connection), why)
    session.end('transaction_ended')
  }

  #failed(file: MigrationFile, section: MigrationSection, { sql }: ScriptStatement, error: unknown): MonoblocError {
    const code = (error as { errcode?: number }).errcode
    // The disk and the lock are not the file's fault.
    const said = code === undefined ? error : translateError(error, this.#connection.db)
    if (said instanceof MonoblocError && (said.code === 'database_full' || said.code === 'database_busy')) return said
    return failedAt(file, section, sql, describe(error, this.#connection), error)
  }

  #countAll(): Counts {
    const { db } = this.#connection
    return new Map(
      [...readTables(db).keys()].map((name) => [
        name,
        db.prepare(`select count(*) as n from ${quoted(name)}`).get()!.n as number,
      ]),
    )
  }

  #checkCounts(file: MigrationFile, expected: Counts): void {
    const found = this.#countAll()
    for (const [name, count] of expected) {
      if (file.consents.includes(`drop ${name}`)) continue
      const now = found.get(name) ?? 0
      if (now === count) continue
      throw lostRows(file, name, count, now)
    }
  }

  #undress(): void {
    if (this.#isDressed) undress(this.#connection.db)
    this.#isDressed = false
  }

  #dress(): void {
    if (!this.#isDressed) dress(this.#connection.db, this.#options.schema, this.#logged)
    this.#isDressed = true
  }

  /** A table of many rows tells how far its copy is. */
  #watch(made: string): void {
    const { onProgress, bigTable } = this.#options
    const { db } = this.#connection
    const name = made.slice(newPrefix.length)
    if (!onProgress || !readTable(db, name)) return
    const total = db.prepare(`select count(*) as n from ${quoted(name)}`).get()!.n as number
    if (total < bigTable) return
    this.#reported = 0
    const part = Math.ceil(total / 100)
    this.#report = (done) => done % part === 0 && onProgress({ what: `copying ${name}`, done, total })
    db.exec(
      `create temp trigger ${progressFunction} after insert on main.${quoted(made)} begin select ${progressFunction}(); end`,
    )
  }

  #unwatch(): void {
    this.#connection.db.exec(`drop trigger if exists temp.${progressFunction}`)
  }

  #count(): null {
    this.#report(++this.#reported)
    return null
  }
}

/** Rows by table. */
type Counts = Map<string, number>

interface FileRun {
  /** What each table must have in the end. */
  counts: Counts
  touched: Set<string>
  after: Tables
}

/** Columns that a table is built anew without a look at, though nobody agreed to lose them. */
function lostColumns(db: DatabaseSync, file: MigrationFile, statement: ScriptStatement): string[] {
  const [verb, second] = wordsOf(statement, 2)
  const made = statement.tokens[2]?.text ?? ''
  if (verb !== 'insert' || second !== 'into' || !made.startsWith(newPrefix)) return []
  const name = made.slice(newPrefix.length)
  const from = statement.tokens.findIndex(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'select')
  const read = new Set(statement.tokens.slice(from).map(({ text }) => text))
  return [...(readTable(db, name)?.columns.keys() ?? [])]
    .filter((column) => !read.has(column) && !file.consents.includes(`drop ${name}.${column}`))
    .map((column) => `${name}.${column}`)
}

const progressFunction = `${ownPrefix}progress`

/** Every name in the steps of files. */
function touchedBy(files: readonly MigrationFile[]): Set<string> {
  const sections = files.flatMap((file) => file.sections.filter(({ kind }) => kind === 'step'))
  return new Set(
    sections.flatMap(({ sql }) =>
      statementsOf(sql).flatMap(({ tokens }) =>
        tokens.filter(({ kind }) => kind === 'word' || kind === 'quoted').map(({ text }) => text),
      ),
    ),
  )
}

function describe(error: unknown, { db }: SqliteConnection): string {
  const said = translateError(error, db)
  const text =
    error instanceof MonoblocError || said === error ? String((said as Error).message) : (error as Error).message
  const typed = (error as { errcode?: number }).errcode === wrongType
  return text.replaceAll(newPrefix, '') + (typed ? ' (a value that the new type can not hold exactly)' : '')
}

/** SQLite's SQLITE_CONSTRAINT_DATATYPE. */
const wrongType = 3091

/** Notes a file as applied. */
export function historySql({ number, name, checksum }: MigrationFile, at: number, millis: number): string {
  const values = [number, literal(name), literal(checksum), at, Math.round(millis)]
  return `insert into monobloc_migration values (${values.join(', ')})`
}
