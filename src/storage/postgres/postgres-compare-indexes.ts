import type { IndexSpec, Schema, TableSpec } from '../../schema/index.ts'
import { indexedFieldSql } from '../sql/filter-sql-inline.ts'
import { ownFilterSql } from '../sql/table-checks.ts'
import type { SchemaChange } from '../storage.ts'
import type { ActualTable, Ask } from './postgres-catalog.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { createIndexSql, quoted } from './postgres-table.ts'

/** Indexes of the models. A unique one is safe where no two rows are equal by it. */
export async function compareIndexes(
  ask: Ask,
  schema: Schema,
  table: TableSpec,
  actual: ActualTable,
  wanted: ActualTable,
): Promise<SchemaChange[]> {
  const changes: SchemaChange[] = []
  for (const index of table.indexes) {
    changes.push(...(await compareIndex(ask, schema, table, index, actual, wanted)))
  }
  for (const [name, { unique }] of actual.indexes) {
    if (!unique || wanted.indexes.has(name)) continue
    const description = `the unique index ${name} of ${table.name} is not in the model`
    changes.push({ safe: false, description, sql: [], beyond: isOfFurtherColumn(table, name) })
  }
  return changes
}

/** Rows of who does not know the column have null in it, and nulls are never equal. */
function isOfFurtherColumn(table: TableSpec, index: string): boolean {
  const column = /^(.+)-unique$/.exec(index.slice(table.name.length + 1))?.[1]
  return column !== undefined && !column.includes('-') && !table.columns.some(({ name }) => name === column)
}

async function compareIndex(
  ask: Ask,
  schema: Schema,
  table: TableSpec,
  index: IndexSpec,
  actual: ActualTable,
  wanted: ActualTable,
): Promise<SchemaChange[]> {
  const there = actual.indexes.get(index.name)
  const asked = wanted.indexes.get(index.name)!
  if (there?.sql === asked.sql && there.valid) return []
  const kind = index.unique ? 'unique index' : 'index'
  const sql = createIndexSql(schema, table, index)
  if (!there) {
    const safe = !index.unique || !(await hasDuplicates(ask, schema, table, index, actual))
    const description = `create ${kind} ${index.name}`
    return [
      safe
        ? { safe, description, sql: [sql] }
        : { safe, description: `${description}, though rows are equal by it`, sql: [] },
    ]
  }
  // One whose building failed holds nothing, and whether it could is not known.
  const isFailed = !there.valid && !index.unique
  const refusesLess = index.where && there.valid && there.sql === withoutCondition(asked.sql)
  if ((there.unique || index.unique) && !refusesLess && !isFailed)
    return [{ safe: false, description: `the ${kind} ${index.name} is another`, sql: [] }]
  return [
    { safe: true, description: `build ${kind} ${index.name} anew`, sql: [`DROP INDEX ${quoted(index.name)}`, sql] },
  ]
}

function withoutCondition(sql: string): string {
  const at = sql.lastIndexOf(' WHERE ')
  return at < 0 ? sql : sql.slice(0, at)
}

async function hasDuplicates(
  ask: Ask,
  schema: Schema,
  table: TableSpec,
  index: IndexSpec,
  actual: ActualTable,
): Promise<boolean> {
  const from = `from ${quoted(table.name)}`
  const isNew = (name: string) => !actual.columns.has(name) && table.columns.some((column) => column.name === name)
  const added = index.fields.map((field) => field.split('.')[0]!).filter(isNew)
  const constant = added.every((name) => table.columns.find((column) => column.name === name)?.default === undefined)
  // Rows that are there get null in a new column, and nulls are never equal.
  if (added.length > 0 && constant) return false
  if (added.length > 0) return (await ask(`select 1 as one ${from} limit 2`)).length === 2
  const fields = index.fields.map((field) => indexedFieldSql(postgresDialect, field))
  const conditions = fields.map((field) => `${field} is not null`)
  // A condition on a new column can't be asked yet: it is then left out, which finds no fewer rows.
  const isKnown = !Object.keys(index.where ?? {}).some(isNew)
  if (index.where && isKnown) conditions.push(`(${ownFilterSql(postgresDialect, schema, table, index.where)})`)
  const grouped = `group by ${fields.join(', ')} having count(*) > 1 limit 1`
  return (await ask(`select 1 as one ${from} where ${conditions.join(' and ')} ${grouped}`)).length > 0
}
