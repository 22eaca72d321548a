// Schemas that hold tables and no rows: what files make, and what models ask for. They are made in a transaction that is
// always rolled back, so that nobody else ever sees them and nothing has to be removed, whatever happens.
import { randomBytes } from 'node:crypto'
import { MonoblocError } from '../../errors.ts'
import type { Schema, TableSpec } from '../../schema/index.ts'
import type { Difference } from '../migrations/migration.ts'
import type { MigrationFile, MigrationSection } from '../migrations/migration-file.ts'
import { unfitting } from '../migrations/migration-refusal.ts'
import { differencesBetween } from '../migrations/schema-difference.ts'
import { type Ask, ownPrefix, readTables, type Tables } from './postgres-catalog.ts'
import type { MigrationClient } from './postgres-migration-client.ts'
import { type SchemaAct, type ScriptStatement, schemaAct, statementsOf, wordsOf } from './postgres-statements.ts'
import { createIndexSql, createReferenceSql, createTableSql, quoted } from './postgres-table.ts'

/** What a column is called while it gets its values in a new type. */
export const newPrefix = `${ownPrefix}new_`

export function newColumn(column: string): string {
  return `${newPrefix}${column}`.slice(0, 63)
}

/** Holds for the rows whose value the new column lacks. */
export function unconverted(column: string): string {
  return `${quoted(column)} IS NOT NULL AND ${quoted(newColumn(column))} IS NULL`
}

/** Tables that are in files: those of the app. Monobloc's own come with its version. */
export function appTables(schema: Schema): TableSpec[] {
  return schema.tables.filter(({ name }) => !name.startsWith(ownPrefix))
}

/**
 * @throws MonoblocError `migration_refused` where the role may make no schema
 */
export async function withShadow<T>(client: MigrationClient, work: (ask: Ask) => Promise<T>): Promise<T> {
  return client.rolledBack(async () => {
    await enterShadow(client.ask)
    return work(client.ask)
  })
}

/** A new empty schema, which is the only one from here on: a name that it lacks must not be found in the real one. */
export async function enterShadow(ask: Ask): Promise<string> {
  const name = `${ownPrefix}shadow_${randomBytes(8).toString('hex')}`
  try {
    await ask(`create schema ${name}`)
  } catch (cause) {
    if ((cause as { code?: string }).code !== '42501') throw cause
    const [who] = await ask<{ role: string; name: string }>('rollback; begin; ').then(() =>
      ask('select current_user as role, current_database() as name'),
    )
    throw new MonoblocError('migration_refused', {
      detail: `What the files make is tried in a schema that is never committed, and the role ${who!.role} may make none: GRANT CREATE ON DATABASE ${quoted(who!.name)} TO ${quoted(who!.role)}, or name a role that may in DATABASE_DIRECT_URL.`,
      cause,
    })
  }
  await ask(`set local search_path = ${name}`)
  return name
}

/** What the models ask for, as tables of the shadow that is current. */
export async function makeModels(ask: Ask, schema: Schema): Promise<void> {
  const tables = appTables(schema)
  const statements = [
    ...tables.map((table) => createTableSql(schema, table)),
    ...tables.flatMap((table) => table.references.map((reference) => createReferenceSql(table.name, reference))),
    ...tables.flatMap((table) => table.indexes.map((index) => createIndexSql(schema, table, index))),
  ]
  if (statements.length > 0) await ask(statements.join(';\n'))
}

/** The shape of the models' tables, by a shadow of their own within the transaction that is open. */
export async function shapesOfModels(ask: Ask, schema: Schema): Promise<Tables> {
  const [{ path } = { path: '' }] = await ask<{ path: string }>("select current_setting('search_path') as path")
  await enterShadow(ask)
  await makeModels(ask, schema)
  const tables = await readTables(ask)
  await ask("select set_config('search_path', $1, true)", [path])
  return tables
}

const stepVerbs = new Set(['create', 'alter', 'drop', 'insert', 'update', 'delete', 'with', 'select', 'comment'])
const dataVerbs = new Set(['insert', 'update', 'delete', 'with', 'select', 'merge'])

/** The statements of a section. @throws MonoblocError `migration_refused` for what can't be part of one */
export function sectionStatements(file: MigrationFile, section: MigrationSection): ScriptStatement[] {
  const allowed = section.kind === 'data' ? dataVerbs : stepVerbs
  const statements = statementsOf(section.sql)
  for (const statement of statements) {
    const [verb] = wordsOf(statement, 1)
    const named = schemaNamed(statement)
    if (allowed.has(verb!) && named === undefined) continue
    const why =
      named === undefined
        ? `${verb!.toUpperCase() || statement.sql.slice(0, 20)} can't be part of a ${section.kind === 'data' ? 'data step' : 'migration'}.`
        : `${named} names a schema. The tables are those of the connection's own, wherever the file runs.`
    throw new MonoblocError('migration_refused', { detail: `${file.name}, line ${section.line}: ${why}` })
  }
  return statements
}

const beforeTables = new Set(['table', 'exists', 'only', 'on', 'into', 'update', 'references', 'from', 'join', 'using'])

/** A table with the schema it is in, which would be another one than the shadow. */
function schemaNamed({ tokens }: ScriptStatement): string | undefined {
  const at = tokens.findIndex((token, place) => {
    const before = tokens[place - 1]
    if (before?.kind !== 'word' || !beforeTables.has(before.text.toLowerCase())) return false
    const isName = token.kind === 'word' || token.kind === 'quoted'
    return isName && tokens[place + 1]?.text === '.' && !/^(pg_catalog|information_schema)$/i.test(token.text)
  })
  return at < 0 ? undefined : `${tokens[at]!.text}.${tokens[at + 2]?.text ?? ''}`
}

/** Without CONCURRENTLY, which no transaction takes, and nobody else sees the table here. */
export function plainSql({ sql, tokens }: ScriptStatement): string {
  const word = tokens.slice(0, 5).find(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'concurrently')
  if (!word) return sql
  const start = tokens[0]!.start
  return sql.slice(0, word.start - start) + sql.slice(word.end - start)
}

/** What files make of an empty schema, one after another. */
export class Replay {
  readonly #ask: Ask
  tables: Tables = new Map()

  constructor(ask: Ask) {
    this.#ask = ask
  }

  /**
   * @returns what the file does to what was there before, with renames seen as such
   * @throws MonoblocError `migration_refused` when a step does not fit what was there
   */
  async add(file: MigrationFile): Promise<Difference[]> {
    const seen = new SeenDifferences(this.tables)
    for (const section of file.sections) {
      if (section.kind === 'data') continue
      for (const statement of sectionStatements(file, section)) {
        const act = schemaAct(statement)
        const isRename = isRenaming(act)
        if (isRename) seen.until(await readTables(this.#ask))
        try {
          await this.#ask(plainSql(statement))
        } catch (cause) {
          throw unfitting(file, section, statement.sql, cause)
        }
        if (isRename) seen.renamed(act, await readTables(this.#ask))
      }
    }
    this.tables = await readTables(this.#ask)
    seen.until(this.tables)
    return seen.differences
  }

  async addAll(files: readonly MigrationFile[]): Promise<void> {
    for (const file of files) await this.add(file)
  }
}

type Renaming = Extract<SchemaAct, { act: 'rename table' | 'rename column' }>

/** A column that takes the place of another is no rename. */
export function isRenaming(act: SchemaAct | undefined): act is Renaming {
  if (act?.act === 'rename column') return !act.column.startsWith(newPrefix)
  return act?.act === 'rename table'
}

/** What is done between renames, under the names of the end. */
class SeenDifferences {
  #before: Tables
  #differences: Difference[] = []
  readonly #made = new Set<string>()

  constructor(before: Tables) {
    this.#before = before
  }

  until(now: Tables): void {
    this.#differences.push(...differencesBetween(this.#before, now))
    this.#before = now
    for (const { kind, subject, words } of this.#differences) {
      if (kind === 'add' && /^(create table|add column) /.test(words)) this.#made.add(subject)
    }
  }

  renamed(act: Renaming, now: Tables): void {
    const [from, to] =
      act.act === 'rename table' ? [act.name, act.to] : [`${act.name}.${act.column}`, `${act.name}.${act.to}`]
    const after = (subject: string) => {
      return subject === from || subject.startsWith(`${from}.`) ? to + subject.slice(from.length) : subject
    }
    const name = (words: string) => words.replace(`${from}`, to)
    this.#differences = this.#differences.map((one) =>
      after(one.subject) === one.subject ? one : { ...one, subject: after(one.subject), words: name(one.words) },
    )
    for (const subject of [...this.#made]) this.#made.add(after(subject))
    this.#before = now
  }

  /** Without what is lost of that which the file itself has made. */
  get differences(): Difference[] {
    return this.#differences.filter(({ kind, subject }) => {
      return kind === 'add' || !(this.#made.has(subject) || this.#made.has(subject.split('.')[0]!))
    })
  }
}
