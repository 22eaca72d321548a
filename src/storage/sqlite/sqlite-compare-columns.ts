import type { ColumnSpec, Schema, TableSpec } from '../../schema/index.ts'
import { fieldsOfCheck } from '../migrations/table-shape.ts'
import { type Check, declaredChecks, onDelete } from '../sql/table-checks.ts'
import type { SchemaChange } from '../storage.ts'
import { type ActualTable, normalised } from './sqlite-catalog.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { columnSql, defaultSql, isCounted, isWithoutRowid, quoted, storageClass, typeCheck } from './sqlite-table.ts'

/** What CREATE TABLE says: all but new columns needs the table to be built anew, which is a migration's work. */
export function compareColumns(schema: Schema, table: TableSpec, actual: ActualTable): SchemaChange[] {
  const missing = table.columns.filter((column) => !actual.columns.has(column.name))
  const present = table.columns.filter((column) => actual.columns.has(column.name))
  const differences = [
    ...tableDifferences(table, actual),
    ...present.flatMap((column) => columnDifferences(table, column, actual)),
  ]
  const further = [...actual.columns.values()].filter(
    ({ name }) => !table.columns.some((column) => column.name === name),
  )
  const isFree = (name: string) =>
    further.some((column) => column.name === name && (column.nullable || column.default !== undefined))
  const checks = declaredChecks(sqliteDialect, schema, table)
  const isNew = (check: Check) => check.fields.every((field) => missing.some((column) => column.name === field))
  const declared = checks.filter((check) => !isNew(check))
  differences.push(...checkDifferences(table, present, declared, actual))
  return [
    ...missing.map((column) =>
      addColumn(
        table,
        column,
        checks.filter((check) => isNew(check) && check.fields.at(-1) === column.name),
      ),
    ),
    ...differences.map((description) => ({ safe: false, description, sql: [] })),
    ...further.map(({ name }) => ({
      safe: false,
      description: `column ${table.name}.${name} is not in the model`,
      sql: [],
      beyond: isFree(name),
    })),
    ...furtherChecks(table, present, declared, actual).map((name) => ({
      safe: false,
      description: `the constraint ${name} is not in the model`,
      sql: [],
      beyond: fieldsOfCheck(name).length > 0 && fieldsOfCheck(name).every(isFree),
    })),
  ]
}

/** A new column. Safe where ALTER TABLE can add it and old rows have a value for it. */
export function addColumn(table: TableSpec, column: ColumnSpec, checks: readonly Check[]): SchemaChange {
  const description = `add column ${table.name}.${column.name}`
  const refers = table.references.some((reference) => reference.column === column.name)
  const given = column.default !== undefined && column.default.value !== null
  // ALTER TABLE refuses a reference with a default, because old rows would refer to a row that may not exist.
  const fits = refers ? column.nullable && !given : column.nullable || given
  const unsafe = !fits || table.key.includes(column.name) || isCounted(table, column)
  if (unsafe) return { safe: false, description: `${description}, which old rows have no value for`, sql: [] }
  const clauses = checks.map(({ name, expression }) => ` CONSTRAINT ${quoted(name)} CHECK (${expression})`).join('')
  return {
    safe: true,
    description,
    sql: [`ALTER TABLE ${quoted(table.name)} ADD COLUMN ${columnSql(table, column)}${clauses}`],
  }
}

function tableDifferences(table: TableSpec, actual: ActualTable): string[] {
  const counted = table.columns.some((column) => isCounted(table, column))
  return [
    actual.strict ? '' : `table ${table.name} is not STRICT`,
    actual.withoutRowid === isWithoutRowid(table) ? '' : `table ${table.name} has another layout (WITHOUT ROWID)`,
    actual.key.join() === table.key.join()
      ? ''
      : `the key of ${table.name} is (${actual.key.join(', ')}), not (${table.key.join(', ')})`,
    actual.counted === counted
      ? ''
      : `the key of ${table.name} is ${actual.counted ? '' : 'not '}counted by the database`,
  ].filter(Boolean)
}

function columnDifferences(table: TableSpec, column: ColumnSpec, actual: ActualTable): string[] {
  const name = `${table.name}.${column.name}`
  const there = actual.columns.get(column.name)!
  const differences: string[] = []
  const wanted = storageClass[column.type.type]
  if (there.type !== wanted) differences.push(`column ${name} is ${there.type}, not ${wanted}`)
  if (!isCounted(table, column) && there.nullable !== column.nullable) {
    differences.push(`column ${name} is ${there.nullable ? '' : 'not '}nullable`)
  }
  if (there.default !== defaultSql(column)) {
    differences.push(`the default of ${name} is ${there.default ?? 'missing'}, not ${defaultSql(column) ?? 'none'}`)
  }
  const reference = table.references.find((one) => one.column === column.name)
  const wantedReference = reference && `${reference.table} (${reference.to}) ON DELETE ${onDelete[reference.onDelete]}`
  const found = actual.references.get(column.name)
  const foundReference = found && `${found.table} (${found.to}) ON DELETE ${found.onDelete}`
  if (foundReference !== wantedReference) {
    differences.push(`column ${name} refers to ${foundReference ?? 'nothing'}, not ${wantedReference ?? 'nothing'}`)
  }
  return differences
}

function checkDifferences(
  table: TableSpec,
  present: readonly ColumnSpec[],
  declared: readonly Check[],
  actual: ActualTable,
): string[] {
  const wanted = wantedChecks(table, present, declared)
  return [...wanted.values()]
    .filter(({ name, expression }) => actual.checks.get(name) !== normalised(expression))
    .map(({ name }) => `the constraint ${name} is ${actual.checks.has(name) ? 'another' : 'missing'}`)
}

function wantedChecks(
  table: TableSpec,
  present: readonly ColumnSpec[],
  declared: readonly Check[],
): Map<string, Check> {
  return new Map(
    [...present.flatMap((column) => typeCheck(table, column) ?? []), ...declared].map((check) => [check.name, check]),
  )
}

function furtherChecks(
  table: TableSpec,
  present: readonly ColumnSpec[],
  declared: readonly Check[],
  actual: ActualTable,
): string[] {
  const wanted = wantedChecks(table, present, declared)
  return [...actual.checks.keys()].filter((name) => !wanted.has(name))
}
