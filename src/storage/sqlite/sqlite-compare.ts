import type { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import type { Schema, TableSpec } from '../../schema/index.ts'
import { logShape, recordShapeSql } from '../sql/log-shape.ts'
import type { SchemaChange } from '../storage.ts'
import { type ActualTable, normalised, readTable } from './sqlite-catalog.ts'
import { compareColumns } from './sqlite-compare-columns.ts'
import { compareIndexes } from './sqlite-compare-indexes.ts'
import { ownPrefix } from './sqlite-guard.ts'
import { logTriggers } from './sqlite-log-triggers.ts'
import { createSearchSql, searchTable, searchTriggers } from './sqlite-search.ts'
import { createIndexSql, createTableSql, quoted } from './sqlite-table.ts'

/**
 * What the database lacks of the models. Safe are new tables, columns that old rows have a value for, indexes that
 * refuse no row, and what is derived: triggers and full-text indexes. Tables that are not of the models, and further
 * indexes and triggers on those that are, are someone else's and left alone.
 */
export function compareSchema(db: DatabaseSync, schema: Schema): SchemaChange[] {
  return schema.tables.flatMap((table) => {
    checkNames(table)
    const changes = compareTable(db, schema, table)
    return table.name.startsWith(ownPrefix) ? changes.map((change) => ({ ...change, own: true })) : changes
  })
}

function compareTable(db: DatabaseSync, schema: Schema, table: TableSpec): SchemaChange[] {
  const actual = readTable(db, table.name)
  if (!actual) return [createTable(schema, table)]
  return [
    ...compareColumns(schema, table, actual),
    ...compareIndexes(db, schema, table, actual),
    ...compareSearch(db, table, actual),
    ...compareLog(table, actual),
  ]
}

/** What is made from the tables that are there: triggers of the log and full-text indexes. */
export function compareDerived(db: DatabaseSync, tables: readonly TableSpec[]): SchemaChange[] {
  return tables.flatMap((table) => {
    const actual = readTable(db, table.name)
    return actual ? [...compareSearch(db, table, actual), ...compareLog(table, actual)] : []
  })
}

function createTable(schema: Schema, table: TableSpec): SchemaChange {
  const sql = [createTableSql(schema, table), ...table.indexes.map((index) => createIndexSql(schema, table, index))]
  if (table.search.length > 0) sql.push(createSearchSql(table), ...searchTriggers(table).values())
  if (table.logged) sql.push(recordShapeSql(logShape(table)), ...logTriggers(table).values())
  return { safe: true, description: `create table ${table.name}`, sql }
}

function compareSearch(db: DatabaseSync, table: TableSpec, actual: ActualTable): SchemaChange[] {
  const name = searchTable(table.name)
  const found = db.prepare("select sql from sqlite_schema where type = 'table' and name = ?").get(name)
  const triggers = table.search.length > 0 ? searchTriggers(table) : new Map<string, string>()
  const there = ownTriggers(actual, `${name}_`)
  const wanted = table.search.length > 0 ? normalised(createSearchSql(table)) : undefined
  const same = found ? normalised(found.sql as string) === wanted : wanted === undefined
  if (same && areSame(triggers, there)) return []
  const sql = [...there.keys()].map((trigger) => `DROP TRIGGER ${quoted(trigger)}`)
  if (found) sql.push(`DROP TABLE ${quoted(name)}`)
  if (wanted === undefined) return [{ safe: true, description: `drop the full-text index of ${table.name}`, sql }]
  sql.push(
    createSearchSql(table),
    ...triggers.values(),
    `INSERT INTO ${quoted(name)} (${quoted(name)}) VALUES ('rebuild')`,
  )
  return [{ safe: true, description: `build the full-text index of ${table.name}`, sql }]
}

function compareLog(table: TableSpec, actual: ActualTable): SchemaChange[] {
  const triggers = table.logged ? logTriggers(table) : new Map<string, string>()
  const there = ownTriggers(actual, `${ownPrefix}log_`)
  if (areSame(triggers, there)) return []
  const sql = [...there.keys()].map((trigger) => `DROP TRIGGER ${quoted(trigger)}`)
  if (table.logged) sql.push(recordShapeSql(logShape(table)), ...triggers.values())
  // Those of a later version log its columns too.
  const beyond = table.logged && there.size === triggers.size
  return [{ safe: true, description: `${table.logged ? 'log' : 'stop logging'} changes of ${table.name}`, sql, beyond }]
}

function ownTriggers(actual: ActualTable, prefix: string): Map<string, string> {
  return new Map([...actual.triggers].filter(([name]) => name.startsWith(prefix)))
}

function areSame(wanted: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>): boolean {
  return wanted.size === there.size && [...wanted].every(([name, sql]) => there.get(name) === normalised(sql))
}

// SQLite's names do not tell upper from lower case, and a column of these would hide the row's own number.
function checkNames(table: TableSpec): void {
  const seen = new Set<string>()
  for (const { name } of table.columns) {
    const lower = name.toLowerCase()
    if (seen.has(lower)) throw refused(table, `two fields are called ${name} but for upper and lower case`)
    if (lower === 'rowid' || lower === 'oid' || lower === '_rowid_')
      throw refused(table, `${name} can't name a field on SQLite`)
    seen.add(lower)
  }
  if (table.name.toLowerCase().startsWith('sqlite_')) throw refused(table, 'names with sqlite_ are taken by SQLite')
}

function refused(table: TableSpec, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: table.name, detail: `${table.name}: ${detail}.` })
}
