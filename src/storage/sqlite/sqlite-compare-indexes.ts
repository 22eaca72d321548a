import type { DatabaseSync } from 'node:sqlite'
import type { IndexSpec, Schema, TableSpec } from '../../schema/index.ts'
import { ownFilterSql } from '../sql/table-checks.ts'
import type { SchemaChange } from '../storage.ts'
import { type ActualTable, normalised } from './sqlite-catalog.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { createIndexSql, indexedExpression, quoted } from './sqlite-table.ts'

/** Indexes of the models. A unique one is safe where no two rows are equal by it. */
export function compareIndexes(
  db: DatabaseSync,
  schema: Schema,
  table: TableSpec,
  actual: ActualTable,
): SchemaChange[] {
  const changes = table.indexes.flatMap((index) => compareIndex(db, schema, table, index, actual))
  const unknown = [...actual.indexes]
    .filter(([name, { unique }]) => unique && !table.indexes.some((index) => index.name === name))
    .map(([name]) => ({
      safe: false,
      description: `the unique index ${name} of ${table.name} is not in the model`,
      sql: [],
      beyond: isOfFurtherColumn(table, name),
    }))
  return [...changes, ...unknown]
}

/** Rows of who does not know the column have null in it, and nulls are never equal. */
function isOfFurtherColumn(table: TableSpec, index: string): boolean {
  const column = /^(.+)-unique$/.exec(index.slice(table.name.length + 1))?.[1]
  return column !== undefined && !column.includes('-') && !table.columns.some(({ name }) => name === column)
}

function compareIndex(
  db: DatabaseSync,
  schema: Schema,
  table: TableSpec,
  index: IndexSpec,
  actual: ActualTable,
): SchemaChange[] {
  const sql = createIndexSql(schema, table, index)
  const there = actual.indexes.get(index.name)
  if (there?.sql === normalised(sql)) return []
  const kind = index.unique ? 'unique index' : 'index'
  if (!there) {
    const safe = !index.unique || !hasDuplicates(db, schema, table, index, actual)
    const description = `create ${kind} ${index.name}`
    return [
      safe
        ? { safe, description, sql: [sql] }
        : { safe, description: `${description}, though rows are equal by it`, sql: [] },
    ]
  }
  const refusesLess =
    index.where && there.sql === normalised(createIndexSql(schema, table, { ...index, where: undefined }))
  if ((there.unique || index.unique) && !refusesLess)
    return [{ safe: false, description: `the ${kind} ${index.name} is another`, sql: [] }]
  return [
    { safe: true, description: `build ${kind} ${index.name} anew`, sql: [`DROP INDEX ${quoted(index.name)}`, sql] },
  ]
}

function hasDuplicates(
  db: DatabaseSync,
  schema: Schema,
  table: TableSpec,
  index: IndexSpec,
  actual: ActualTable,
): boolean {
  const added = index.fields.map((field) => field.split('.')[0]!).filter((field) => !actual.columns.has(field))
  const constant = added.every((name) => table.columns.find((column) => column.name === name)?.default === undefined)
  // Rows that are there get null in a new column, and nulls are never equal.
  if (added.length > 0 && constant) return false
  if (added.length > 0)
    return db.prepare(`select count(*) as n from (select 1 from ${quoted(table.name)} limit 2)`).get()!.n === 2
  const fields = index.fields.map(indexedExpression)
  const conditions = fields.map((field) => `${field} is not null`)
  // A condition on a new column can't be asked yet: it is then left out, which finds no fewer rows.
  const isNew = (name: string) => !actual.columns.has(name) && table.columns.some((column) => column.name === name)
  const isKnown = !Object.keys(index.where ?? {}).some(isNew)
  if (index.where && isKnown) conditions.push(`(${ownFilterSql(sqliteDialect, schema, table, index.where)})`)
  const sql = `select 1 from ${quoted(table.name)} where ${conditions.join(' and ')} group by ${fields.join(', ')} having count(*) > 1 limit 1`
  return db.prepare(sql).get() !== undefined
}
