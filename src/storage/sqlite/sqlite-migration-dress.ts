// What hangs on tables and is not in files: the log's triggers, full-text indexes, and what other programs made.
import type { DatabaseSync } from 'node:sqlite'
import type { ColumnType, Schema, TableSpec } from '../../schema/index.ts'
import { isSameType } from '../migrations/table-shape.ts'
import { logShape, recordShapeSql } from '../sql/log-shape.ts'
import { onDelete } from '../sql/table-checks.ts'
import type { ActualTable } from './sqlite-catalog.ts'
import { actualType } from './sqlite-column-type.ts'
import { compareDerived } from './sqlite-compare.ts'
import { ownPrefix } from './sqlite-guard.ts'
import { logTriggers } from './sqlite-log-triggers.ts'
import { searchTable } from './sqlite-search.ts'
import { appTables, readTables } from './sqlite-shadow.ts'
import { quoted } from './sqlite-table.ts'

/** Tables whose changes are logged: those of the models, and those that were logged before. */
export function loggedTables(db: DatabaseSync, schema: Schema): Set<string> {
  const rows = db
    .prepare("select distinct tbl_name as name from sqlite_schema where type = 'trigger' and name like ? || '%'")
    .all(`${ownPrefix}log_`)
  return new Set([...rows.map((row) => row.name as string), ...appTables(schema).map(({ name }) => name)])
}

/** Takes the log's triggers off every table: rewriting a table is no change of its rows, and must fire none. */
export function undress(db: DatabaseSync): void {
  dropTriggers(db, `${ownPrefix}log_`, 'main')
  dropTriggers(db, `${ownPrefix}cascade_`, 'temp')
}

function dropTriggers(db: DatabaseSync, prefix: string, of: 'main' | 'temp'): void {
  const rows = db
    .prepare(`select name from ${of}.sqlite_schema where type = 'trigger' and name like ? || '%'`)
    .all(prefix)
  for (const { name } of rows) db.exec(`DROP TRIGGER ${of}.${quoted(name as string)}`)
}

/**
 * Puts the log's triggers on the tables as they are now, which in the middle of a migration are not those of the models,
 * and acts on references as the database would: they can't be enforced while tables are rebuilt.
 */
export function dress(db: DatabaseSync, schema: Schema, logged: ReadonlySet<string>): void {
  const tables = readTables(db)
  for (const table of tables.values()) {
    if (!logged.has(table.name)) continue
    const spec = specOf(db, schema, table)
    db.exec(recordShapeSql(logShape(spec)))
    for (const trigger of logTriggers(spec).values()) db.exec(trigger)
  }
  for (const table of tables.values()) for (const trigger of cascadesOf(table)) db.exec(trigger)
}

// What neither cascades nor sets null is looked at in the end, as the database itself does at the end of a statement.
function* cascadesOf(table: ActualTable): Generator<string> {
  for (const [column, { table: parent, to, onDelete: rule }] of table.references) {
    const own = quoted(table.name)
    const where = `WHERE ${quoted(column)} = OLD.${quoted(to)}`
    const acts: Record<string, string> = {
      [onDelete.cascade]: `DELETE FROM ${own} ${where}`,
      [onDelete['set null']]: `UPDATE ${own} SET ${quoted(column)} = NULL ${where}`,
    }
    const name = quoted(`${ownPrefix}cascade_${table.name}_${column}`)
    if (acts[rule]) yield `CREATE TEMP TRIGGER ${name} AFTER DELETE ON main.${quoted(parent)} BEGIN ${acts[rule]}; END`
  }
}

/** The model's own description where the table is as it says, else one made from the table. */
function specOf(db: DatabaseSync, schema: Schema, table: ActualTable): TableSpec {
  const declared = appTables(schema).find(({ name }) => name === table.name)
  const secrets = secretsOf(db, table.name)
  const fits =
    declared?.columns.length === table.columns.size &&
    declared.columns.every(
      ({ name, type, secret }) => isSameType(type, actualType(table, name)) && (secret || !secrets.has(name)),
    )
  if (fits) return declared
  for (const column of declared?.columns ?? []) if (column.secret) secrets.add(column.name)
  const columns = [...table.columns.values()].map(({ name, type, nullable }) => ({
    name,
    type: actualType(table, name) ?? ({ type: storedAs[type] ?? 'text' } as ColumnType),
    nullable,
    default: undefined,
    secret: secrets.has(name),
  }))
  return {
    name: table.name,
    model: undefined,
    columns,
    key: table.key,
    indexes: [],
    references: [],
    checks: [],
    search: [],
    logged: true,
  }
}

const storedAs: Record<string, ColumnType['type']> = { TEXT: 'text', INTEGER: 'bigint', REAL: 'float', BLOB: 'bytes' }

// What was ever left out of the log under this name stays out.
function secretsOf(db: DatabaseSync, table: string): Set<string> {
  const rows = db.prepare('select columns from monobloc_shape where table_name = ?').all(table)
  return new Set(rows.flatMap((row) => JSON.parse(row.columns as string).secret as string[]))
}

/** Drops the full-text indexes of tables that steps will touch: they go by the numbers of rows, which a rebuild changes. */
export function dropSearch(db: DatabaseSync, touched: ReadonlySet<string>): void {
  for (const name of readTables(db).keys()) {
    const index = searchTable(name)
    const found = db.prepare("select 1 from sqlite_schema where type = 'table' and name = ?").get(index)
    if (!found || !touched.has(name)) continue
    dropTriggers(db, `${index}_`, 'main')
    db.exec(`DROP TABLE ${quoted(index)}`)
  }
}

/** The log's triggers and the full-text indexes that the tables should have, when all is done. */
export function dressFinally(db: DatabaseSync, schema: Schema, logged: ReadonlySet<string>): void {
  undress(db)
  dress(db, schema, logged)
  dropTriggers(db, `${ownPrefix}cascade_`, 'temp')
  const tables = readTables(db)
  const ready = appTables(schema).filter(({ name, columns }) =>
    columns.every((column) => tables.get(name)?.columns.has(column.name)),
  )
  for (const { sql } of compareDerived(db, ready)) for (const each of sql) db.exec(each)
}

interface Foreign {
  type: string
  name: string
  table: string
  sql: string
}

/** Indexes, triggers and views that are not Monobloc's. Building a table anew drops them, so they are made again. */
export class ForeignObjects {
  readonly #db: DatabaseSync
  #objects: Foreign[]

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#objects = this.#read()
  }

  /** After a rename, which rewrote them. */
  refresh(): void {
    const now = this.#read()
    this.#objects = this.#objects.map((one) => now.find(({ name }) => name === one.name) ?? one)
  }

  /** @returns what could not be made again, in words */
  restore(): string[] {
    const problems: string[] = []
    const there = new Set(this.#read().map(({ name }) => name))
    const tables = new Set(
      this.#db
        .prepare("select name from sqlite_schema where type in ('table', 'view')")
        .all()
        .map((row) => row.name as string),
    )
    for (const { type, name, table, sql } of this.#objects) {
      if (there.has(name) || (type !== 'view' && !tables.has(table))) continue
      try {
        this.#db.exec(sql)
      } catch (error) {
        problems.push(
          `the ${type} ${name}, which another program made, does not fit any more: ${(error as Error).message}`,
        )
      }
    }
    return problems
  }

  #read(): Foreign[] {
    const rows = this.#db
      .prepare(
        "select type, name, tbl_name, sql from sqlite_schema where type in ('index', 'trigger', 'view') and sql is not null",
      )
      .all()
    return rows
      .map((row) => ({
        type: row.type as string,
        name: row.name as string,
        table: row.tbl_name as string,
        sql: row.sql as string,
      }))
      .filter(({ type, name }) => !name.startsWith(ownPrefix) && !(type === 'index' && name.includes('-')))
  }
}
