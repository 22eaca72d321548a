// Databases in memory that hold tables and no rows: what files make, and what models ask for.
import { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import { foldCase, type Schema, type TableSpec } from '../../schema/index.ts'
import type { Difference } from '../migrations/migration.ts'
import type { MigrationFile, MigrationSection } from '../migrations/migration-file.ts'
import { unfitting } from '../migrations/migration-refusal.ts'
import { type ActualTable, readTable } from './sqlite-catalog.ts'
import { differencesBetween } from './sqlite-difference.ts'
import { ownPrefix } from './sqlite-guard.ts'
import { addFold } from './sqlite-open.ts'
import { type ScriptStatement, schemaAct, statementsOf, wordsOf } from './sqlite-statements.ts'
import { createIndexSql, createTableSql } from './sqlite-table.ts'

/** What a table is called while it is built anew. */
export const newPrefix = `${ownPrefix}new_`

export function openShadow(): DatabaseSync {
  const db = new DatabaseSync(':memory:', {
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: false,
  })
  addFold(db, foldCase)
  return db
}

/** Tables that are in files: those of the app. Monobloc's own come with its version. */
export function appTables(schema: Schema): TableSpec[] {
  return schema.tables.filter(({ name }) => !name.startsWith(ownPrefix))
}

export function shadowOfModels(schema: Schema): DatabaseSync {
  const db = openShadow()
  for (const table of appTables(schema)) {
    db.exec(createTableSql(schema, table))
    for (const index of table.indexes) db.exec(createIndexSql(schema, table, index))
  }
  return db
}

/** Every table that is neither Monobloc's nor SQLite's. */
export function readTables(db: DatabaseSync, only?: ReadonlySet<string>): Map<string, ActualTable> {
  const rows = db
    .prepare(
      `select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'
       and name not like '${ownPrefix.replace('_', '\\_')}%' escape '\\' order by rowid`,
    )
    .all()
  const names = rows.map((row) => row.name as string).filter((name) => !only || only.has(name))
  return new Map(names.map((name) => [name, readTable(db, name)!]))
}

/** Runs one statement of a step. A table that was built anew takes its name without anything else being rewritten. */
export function runStatement(db: DatabaseSync, statement: ScriptStatement): void {
  const act = schemaAct(statement)
  const takesName = act?.act === 'rename table' && act.name.startsWith(newPrefix)
  if (takesName) db.exec('pragma legacy_alter_table = on')
  try {
    db.exec(statement.sql)
  } finally {
    if (takesName) db.exec('pragma legacy_alter_table = off')
  }
}

const stepVerbs = new Set(['create', 'alter', 'drop', 'insert', 'update', 'delete', 'with', 'select', 'replace'])

/** The statements of a step. @throws MonoblocError `migration_refused` for what can't be part of one */
export function stepStatements(file: MigrationFile, section: MigrationFile['sections'][number]): ScriptStatement[] {
  const statements = statementsOf(section.sql)
  for (const statement of statements) {
    const [verb] = wordsOf(statement, 1)
    if (stepVerbs.has(verb!)) continue
    throw new MonoblocError('migration_refused', {
      detail: `${file.name}, line ${section.line}: ${verb!.toUpperCase() || statement.sql.slice(0, 20)} can't be part of a migration, which is one transaction.`,
    })
  }
  return statements
}

/** What files make of an empty database, one after another. */
export class Replay {
  readonly db = openShadow()

  /**
   * @returns what the file does to what was there before, with renames seen as such
   * @throws MonoblocError `migration_refused` when a step does not fit what was there
   */
  add(file: MigrationFile): Difference[] {
    const before = openShadow()
    try {
      copySchema(this.db, before)
      for (const section of file.sections) {
        if (section.kind === 'data') continue
        for (const statement of stepStatements(file, section)) this.#run(file, section, statement, before)
      }
      return differencesBetween(readTables(before), readTables(this.db))
    } finally {
      before.close()
    }
  }

  #run(file: MigrationFile, section: MigrationSection, statement: ScriptStatement, before: DatabaseSync): void {
    try {
      runStatement(this.db, statement)
    } catch (cause) {
      throw unfitting(file, section, statement.sql, cause)
    }
    const act = schemaAct(statement)
    if (act?.act !== 'rename column' && !(act?.act === 'rename table' && !act.name.startsWith(newPrefix))) return
    // What was made within this file is not there before it.
    try {
      before.exec(statement.sql)
    } catch {}
  }

  close(): void {
    this.db.close()
  }
}

/** After these files. The caller closes it. */
export function replayAll(files: readonly MigrationFile[]): Replay {
  const replay = new Replay()
  try {
    for (const file of files) replay.add(file)
    return replay
  } catch (error) {
    replay.close()
    throw error
  }
}

export function copySchema(from: DatabaseSync, to: DatabaseSync): void {
  const rows = from
    .prepare(
      "select sql from sqlite_schema where sql is not null and name not like 'sqlite\\_%' escape '\\' order by type <> 'table', rowid",
    )
    .all()
  for (const { sql } of rows) to.exec(sql as string)
}
