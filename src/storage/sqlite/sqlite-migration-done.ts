import type { DatabaseSync } from 'node:sqlite'
import { normalised, readTable } from './sqlite-catalog.ts'
import { newPrefix } from './sqlite-shadow.ts'
import type { SchemaAct, ScriptStatement } from './sqlite-statements.ts'

/**
 * Whether what a statement does is there already, as where `dev` has done it before there was a file. That the whole fits
 * is seen in the end, when the tables are compared.
 */
export function isDone(db: DatabaseSync, statement: ScriptStatement, act: NonNullable<SchemaAct>): boolean {
  switch (act.act) {
    case 'create table':
      return !act.name.startsWith(newPrefix) && hasTable(db, act.name)
    case 'drop table':
      return !hasTable(db, act.name)
    case 'create index':
      return indexSql(db, act.name) === normalised(statement.sql)
    case 'drop index':
      return indexSql(db, act.name) === undefined
    case 'rename table':
      return hasTable(db, act.to) && !hasTable(db, act.name)
    case 'rename column':
      return hasColumn(db, act.name, act.to) && !hasColumn(db, act.name, act.column)
    case 'add column':
      return hasColumn(db, act.name, act.column)
    case 'drop column':
      return !hasColumn(db, act.name, act.column)
  }
}

function hasTable(db: DatabaseSync, name: string): boolean {
  return db.prepare("select 1 from sqlite_schema where type = 'table' and name = ?").get(name) !== undefined
}

function hasColumn(db: DatabaseSync, table: string, column: string): boolean {
  return readTable(db, table)?.columns.has(column) ?? false
}

function indexSql(db: DatabaseSync, name: string): string | undefined {
  const found = db.prepare("select sql from sqlite_schema where type = 'index' and name = ?").get(name)
  return found && normalised(found.sql as string)
}
