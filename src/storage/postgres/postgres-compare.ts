import { createHash, randomBytes } from 'node:crypto'
import type { Schema, TableSpec } from '../../schema/index.ts'
import type { SchemaChange } from '../storage.ts'
import { type ActualTable, type Ask, ownPrefix, readTables, type Tables } from './postgres-catalog.ts'
import { compareColumns } from './postgres-compare-columns.ts'
import { compareLog, compareSearch, type Derived, readDerived } from './postgres-compare-derived.ts'
import { compareIndexes } from './postgres-compare-indexes.ts'
import { logTriggers, recordShapesSql } from './postgres-log-triggers.ts'
import { searchColumnSql, searchIndexSql } from './postgres-search.ts'
import { createIndexSql, createReferenceSql, createTableSql, quoted } from './postgres-table.ts'

/**
 * What the database lacks of the models. Safe are new tables, columns that old rows have a value for, indexes that
 * refuse no row, and what is derived: triggers and full-text indexes. Tables that are not of the models, and further
 * indexes and triggers on those that are, are someone else's and left alone.
 *
 * How the server writes an expression can't be known without asking it. So tables whose form is not the one that was last
 * found right are made once more in a schema of their own, which is then rolled back, and read as those of the models are.
 */
export async function compareSchema(ask: Ask, schema: Schema): Promise<SchemaChange[]> {
  const names = new Set(schema.tables.map((table) => table.name))
  const actual = await readTables(ask, names)
  const derived = await readDerived(ask)
  const known = await knownForms(ask)
  const doubtful = schema.tables.filter((table) => {
    const there = actual.get(table.name)
    return there && known.get(table.name) !== formOf(schema, table, there)
  })
  const wanted = doubtful.length > 0 ? await tablesOf(ask, schema) : new Map<string, ActualTable>()
  const changes: SchemaChange[] = []
  const right: TableSpec[] = []
  const made = new Set(actual.keys())
  for (const table of schema.tables) {
    const there = actual.get(table.name)
    const shape = wanted.get(table.name)
    const found: SchemaChange[] = []
    if (!there) {
      found.push(createTable(schema, table, made))
    } else {
      if (shape && doubtful.includes(table)) {
        found.push(...compareColumns(schema, table, there, shape))
        found.push(...(await compareIndexes(ask, schema, table, there, shape)))
        if (found.length === 0) right.push(table)
      }
      found.push(...compareDerivedOf(table, derived))
    }
    changes.push(...(table.name.startsWith(ownPrefix) ? found.map((change) => ({ ...change, own: true })) : found))
  }
  await noteForms(ask, schema, right)
  return changes
}

/** What is made from the tables that are there: triggers of the log and full-text indexes. */
export async function compareDerived(ask: Ask, tables: readonly TableSpec[]): Promise<SchemaChange[]> {
  const actual = await readTables(ask, new Set(tables.map((table) => table.name)))
  const derived = await readDerived(ask)
  return tables.filter((table) => actual.has(table.name)).flatMap((table) => compareDerivedOf(table, derived))
}

/**
 * Notes the form of tables that are as the models have them, so that they need not be made again to be compared.
 *
 * @param tables those that are known to be right
 */
export async function noteForms(ask: Ask, schema: Schema, tables: readonly TableSpec[]): Promise<void> {
  if (tables.length === 0) return
  const actual = await readTables(ask, new Set(tables.map((table) => table.name)))
  const forms = tables.flatMap((table) => {
    const there = actual.get(table.name)
    return there ? [[formName(table.name), formOf(schema, table, there)]] : []
  })
  await ask(
    `insert into monobloc_meta (name, value) select * from unnest($1::text[], $2::text[])
     on conflict (name) do update set value = excluded.value`,
    [forms.map(([name]) => name), forms.map(([, form]) => form)],
  )
}

/** The tables of the models, as this server would have them. Nothing of it stays. */
async function tablesOf(ask: Ask, schema: Schema): Promise<Tables> {
  const { tables } = schema
  const [{ own }] = (await ask<{ own: string }>('select current_schema() as own')) as [{ own: string }]
  const shadow = quoted(`${ownPrefix}shadow_${randomBytes(8).toString('hex')}`)
  await ask('savepoint shadow')
  try {
    await ask(`create schema ${shadow}`)
    await ask(`set local search_path to ${shadow}, ${quoted(own)}`)
    for (const table of tables) {
      await ask(createTableSql(schema, table))
      for (const index of table.indexes) await ask(createIndexSql(schema, table, index))
    }
    for (const table of tables) {
      for (const reference of table.references) await ask(createReferenceSql(table.name, reference))
    }
    return await readTables(ask, new Set(tables.map((table) => table.name)))
  } finally {
    await ask('rollback to savepoint shadow')
  }
}

function createTable(schema: Schema, table: TableSpec, made: Set<string>): SchemaChange {
  const sql = [createTableSql(schema, table), ...table.indexes.map((index) => createIndexSql(schema, table, index))]
  if (table.search.length > 0)
    sql.push(`ALTER TABLE ${quoted(table.name)} ADD COLUMN ${searchColumnSql(table)}`, searchIndexSql(table))
  made.add(table.name)
  // Tables refer to each other: a reference is made with the later of the two.
  for (const from of schema.tables) {
    if (!made.has(from.name)) continue
    for (const reference of from.references) {
      const isLast = from === table ? made.has(reference.table) : reference.table === table.name
      if (isLast) sql.push(createReferenceSql(from.name, reference))
    }
  }
  if (table.logged) sql.push(...recordShapesSql(table), ...logTriggers(table).values())
  return { safe: true, description: `create table ${table.name}`, sql }
}

function compareDerivedOf(table: TableSpec, derived: Derived): SchemaChange[] {
  return [...compareSearch(table, derived), ...compareLog(table, derived)]
}

function formName(table: string): string {
  return `form ${table}`
}

async function knownForms(ask: Ask): Promise<Map<string, string>> {
  const rows = await ask<{ name: string; value: string }>(
    "select name, value from monobloc_meta where name like 'form %'",
  )
  return new Map(rows.map(({ name, value }) => [name.slice('form '.length), value]))
}

/** A digest of what the models say of a table, and of the table as it is. */
function formOf(schema: Schema, table: TableSpec, actual: ActualTable): string {
  const said = [
    createTableSql(schema, table),
    ...table.indexes.map((index) => createIndexSql(schema, table, index)),
    ...table.references.map((reference) => createReferenceSql(table.name, reference)),
  ]
  const { triggers: _, ...form } = actual
  const found = JSON.stringify(form, (__, value) =>
    value instanceof Map ? [...value].sort() : value instanceof Set ? [...value].sort() : value,
  )
  return createHash('sha256')
    .update(JSON.stringify([said, found]))
    .digest('base64url')
}
