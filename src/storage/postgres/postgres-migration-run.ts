// Statements of files, in the transaction that is open: in a rehearsal that is rolled back, or on the tables themselves.
import { MonoblocError } from '../../errors.ts'
import type { Schema } from '../../schema/index.ts'
import type { ApplyOptions, MigrationProgress } from '../migrations/migration.ts'
import type { MigrationFile, MigrationSection } from '../migrations/migration-file.ts'
import { drifted, failedAt, lostRows, refused } from '../migrations/migration-refusal.ts'
import { differencesBetween } from '../migrations/schema-difference.ts'
import { tableEntrySql } from '../sql/log-shape.ts'
import { type Ask, ownPrefix, readTables, type Tables } from './postgres-catalog.ts'
import { appendUnit, unitRow } from './postgres-commit-rows.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { inexactValue } from './postgres-conversion.ts'
import { checkRaw } from './postgres-guard.ts'
import { isInterrupted, type MigrationClient, translated } from './postgres-migration-client.ts'
import { isDone } from './postgres-migration-done.ts'
import { dressFinally, dressLog, dropLogFunction, dropSearchOver, loggedTables } from './postgres-migration-dress.ts'
import { MigrationSession } from './postgres-migration-session.ts'
import { newPrefix, plainSql, sectionStatements } from './postgres-shadow.ts'
import { type SchemaAct, type ScriptStatement, schemaAct, wordsOf } from './postgres-statements.ts'
import { quoted } from './postgres-table.ts'

export interface RunOptions {
  schema: Schema
  runProgram: ApplyOptions['runProgram']
  onProgress: ((progress: MigrationProgress) => void) | undefined
  now: () => number
  /** What is there already is not done again: for a database without history, or that `dev` has changed. */
  lenient: boolean
  /** On a copy, which has no log; `sampled` when it has not all rows, so that references may lead nowhere. */
  rehearsal?: { sampled: boolean }
}

/** A statement of a file by its place in it. */
export interface PlacedStatement {
  file: MigrationFile
  section: MigrationSection
  statement: ScriptStatement
  place: number
}

/** Every statement of a file but those of its data, in order. */
export function placedStatements(file: MigrationFile): PlacedStatement[] {
  const all = file.sections.flatMap((section) => {
    return sectionStatements(file, section).map((statement) => ({ file, section, statement }))
  })
  return all.map((one, place) => ({ ...one, place }))
}

export class MigrationRun {
  readonly #client: MigrationClient
  readonly #connection: PostgresConnection
  readonly #ask: Ask
  readonly #options: RunOptions
  /** Tables whose changes are logged, once it is known. */
  #logged: Set<string> | undefined
  /** Tables whose triggers are those of other columns. */
  readonly #stale = new Set<string>()
  /** Tables that the file under way has changed. */
  #touched = new Set<string>()

  constructor(client: MigrationClient, connection: PostgresConnection, options: RunOptions) {
    this.#client = client
    this.#connection = connection
    this.#ask = client.ask
    this.#options = options
  }

  /**
   * All of a file.
   *
   * @param after the tables that it makes
   * @throws MonoblocError `migration_refused`, naming the place in the file
   */
  async file(file: MigrationFile, after: Tables): Promise<void> {
    const done = await this.doneTables(after)
    if (file.isProgram) await this.program(file)
    for (const placed of placedStatements(file)) await this.statement(placed, done)
    await this.conclude(file)
  }

  /** Tables that are already as the file makes them. */
  async doneTables(after: Tables): Promise<Set<string>> {
    if (!this.#options.lenient) return new Set()
    const there = await readTables(this.#ask)
    const same = [...after].filter(([name, table]) => {
      const now = there.get(name)
      return now && differencesBetween(new Map([[name, now]]), new Map([[name, table]])).length === 0
    })
    return new Set(same.map(([name]) => name))
  }

  async statement(placed: PlacedStatement, done: ReadonlySet<string>): Promise<void> {
    const { section, statement } = placed
    if (section.kind === 'data') {
      await this.#dress()
      return this.#run(placed, statement.sql)
    }
    const act = schemaAct(statement)
    if (act && this.#options.lenient && (await isDone(this.#ask, act, done))) return
    if (act?.act === 'update' && section.kind === 'fill')
      return this.#quietly(act.name, () => this.#run(placed, statement.sql))
    const [verb] = wordsOf(statement, 1)
    if (['insert', 'update', 'delete', 'with', 'select'].includes(verb!)) return this.#keepingRows(placed)
    await this.#change(placed, act)
  }

  async #change(placed: PlacedStatement, act: SchemaAct | undefined): Promise<void> {
    const { rehearsal } = this.#options
    // Whether a reference leads anywhere can't be seen where rows are missing.
    if (rehearsal?.sampled && act?.act === 'validate constraint' && (await this.#isReference(act))) return
    if (act?.act === 'drop column' && !rehearsal) await dropSearchOver(this.#ask, act.name, act.column)
    if (act?.act === 'alter table' && !rehearsal && /\btype\b/i.test(placed.statement.sql))
      await dropSearchOver(this.#ask, act.name, undefined)
    const logged = await this.#loggedTables()
    await this.#run(placed, plainSql(placed.statement))
    for (const name of tablesOf(act)) {
      this.#touched.add(name)
      if (act?.act !== 'create index') this.#stale.add(name)
    }
    if (act?.act !== 'rename table') return
    if (logged.delete(act.name)) {
      logged.add(act.to)
      await dressLog(this.#ask, this.#options.schema, new Set([act.to]))
      await dropLogFunction(this.#ask, act.name)
    }
    for (const names of [this.#touched, this.#stale]) if (names.delete(act.name)) names.add(act.to)
  }

  async #isReference({ name, constraint }: { name: string; constraint: string }): Promise<boolean> {
    const table = (await readTables(this.#ask, new Set([name]))).get(name)
    return [...(table?.references.values() ?? [])].some((reference) => reference.name === constraint)
  }

  /** A step that changes rows must keep each of them. */
  async #keepingRows(placed: PlacedStatement): Promise<void> {
    const before = await this.#counts()
    await this.#run(placed, placed.statement.sql)
    const after = await this.#counts()
    for (const [name, count] of before) {
      const now = after.get(name) ?? 0
      if (now !== count) throw lostRows(placed.file, name, count, now)
    }
  }

  async #counts(): Promise<Map<string, number>> {
    const names = [...(await readTables(this.#ask)).keys()]
    const counts = new Map<string, number>()
    for (const name of names) {
      const [row] = await this.#ask<{ n: string }>(`select count(*) as n from ${quoted(name)}`)
      counts.set(name, Number(row!.n))
    }
    return counts
  }

  /** Rows that only get a new column's value have not changed. */
  async #quietly(table: string, work: () => Promise<void>): Promise<void> {
    const logged = !this.#options.rehearsal && (await this.#hasLogTrigger(table))
    const trigger = quoted(`${ownPrefix}log_update`)
    if (logged) await this.#ask(`ALTER TABLE ${quoted(table)} DISABLE TRIGGER ${trigger}`)
    await work()
    if (logged) await this.#ask(`ALTER TABLE ${quoted(table)} ENABLE TRIGGER ${trigger}`)
  }

  async #hasLogTrigger(table: string): Promise<boolean> {
    const found = (await readTables(this.#ask, new Set([table]))).get(table)
    return found?.triggers.has(`${ownPrefix}log_update`) ?? false
  }

  async #run(placed: PlacedStatement, sql: string): Promise<void> {
    try {
      if (placed.section.kind === 'data') checkRaw(sql)
      await this.#ask(sql)
    } catch (error) {
      throw failure(placed, error)
    }
  }

  async program(file: MigrationFile): Promise<void> {
    await this.#dress()
    const session = new MigrationSession(this.#connection)
    try {
      await this.#options.runProgram(file, session)
      await session.settled()
    } catch (error) {
      await session.settled()
      session.end('transaction_ended')
      if (isInterrupted(error)) throw error
      throw refused(file, describe(error), error)
    }
    const why = session.refusal()
    if (why) throw refused(file, describe(why), why)
    session.end('transaction_ended')
  }

  /** The log's triggers on tables whose columns have changed. */
  async #dress(): Promise<void> {
    if (this.#options.rehearsal) return
    const logged = await this.#loggedTables()
    const stale = [...this.#stale].filter((name) => logged.has(name))
    this.#stale.clear()
    if (stale.length > 0) await dressLog(this.#ask, this.#options.schema, new Set(stale))
  }

  /** At the end of a transaction within a file: others write behind it. */
  async pause(): Promise<void> {
    await this.#dress()
  }

  async #loggedTables(): Promise<Set<string>> {
    if (this.#options.rehearsal) return new Set()
    this.#logged ??= await loggedTables(this.#ask, this.#options.schema)
    return this.#logged
  }

  /** The tables whose rows somebody may have derived something from are told of in the log, and the file is the cause. */
  async conclude(file: MigrationFile, touched: Iterable<string> = []): Promise<void> {
    const names = new Set([...this.#touched, ...touched])
    this.#touched = new Set()
    if (this.#options.rehearsal) return
    const logged = await this.#loggedTables()
    const [{ any } = { any: false }] = await this.#ask<{ any: boolean }>(
      'select exists (select from monobloc_commit) or exists (select from monobloc_log) as any',
    )
    // Nobody follows a log in which nothing is.
    if (any)
      for (const name of names)
        if (logged.has(name)) for (const sql of tableEntrySql(name, 'migrate')) await this.#ask(sql)
    const row = unitRow(this.#options.now(), { deadline: 0, cause: `migration ${file.name}` }, `migration ${file.name}`)
    await this.#ask(appendUnit.sql, [row])
  }

  /**
   * What hangs on the tables, and whether all of it holds.
   *
   * @throws MonoblocError `migration_refused`
   */
  async finish(after: Tables | undefined): Promise<void> {
    const { rehearsal, schema } = this.#options
    if (!rehearsal) {
      const logged = await this.#loggedTables()
      await dressFinally(this.#ask, schema, new Set([...this.#stale].filter((name) => logged.has(name))))
      this.#stale.clear()
    }
    const tables = await readTables(this.#ask, after && new Set(after.keys()))
    if (after && !this.#options.lenient) {
      const left = differencesBetween(after, tables)
      if (left.length > 0) throw drifted(left.map(({ words }) => words))
    }
    const unproven = [...tables.values()].flatMap((table) => [
      ...(rehearsal?.sampled
        ? []
        : [...table.unproven].map(
            (name) => `${name} was never held against the rows that were there (VALIDATE CONSTRAINT)`,
          )),
      ...[...table.indexes].filter(([, { valid }]) => !valid).map(([name]) => `the index ${name} is not whole`),
    ])
    if (unproven.length > 0)
      throw new MonoblocError('migration_refused', { detail: `Afterwards ${unproven.join('; ')}.` })
  }

  get client(): MigrationClient {
    return this.#client
  }
}

function tablesOf(act: SchemaAct | undefined): string[] {
  if (!act || act.act === 'drop index') return []
  return act.act === 'create index' ? [act.table] : [act.name]
}

/** What a statement's failure says of the file; the lock and the connection are not the file's fault. */
export function failure({ file, section, statement }: PlacedStatement, error: unknown): unknown {
  if (isInterrupted(error)) return error
  const said = translated(error)
  if (said instanceof MonoblocError && (said.code === 'database_full' || said.code === 'database_busy')) return said
  return failedAt(file, section, statement.sql, describe(error), error)
}

function describe(error: unknown): string {
  const { message, detail } = error as { message: string; detail?: unknown }
  const value = inexactValue(message)
  if (value !== undefined) return `${value} (a value that the new type can not hold exactly)`
  const more = typeof detail === 'string' && !(error instanceof MonoblocError) ? ` (${detail})` : ''
  return message.replaceAll(newPrefix, '') + more
}
