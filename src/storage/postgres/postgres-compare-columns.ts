import type { ColumnSpec, Schema, TableSpec } from '../../schema/index.ts'
import { fieldsOfCheck } from '../migrations/table-shape.ts'
import type { Check } from '../sql/table-checks.ts'
import type { SchemaChange } from '../storage.ts'
import type { ActualTable } from './postgres-catalog.ts'
import { checkSql, columnSql, createReferenceSql, quoted, tableChecks } from './postgres-table.ts'

/**
 * Columns, the key, references and constraints. New columns are made where old rows have a value for them; every other
 * difference is a migration's work.
 *
 * @param wanted the table as the server would have it
 */
export function compareColumns(
  schema: Schema,
  table: TableSpec,
  actual: ActualTable,
  wanted: ActualTable,
): SchemaChange[] {
  const missing = table.columns.filter((column) => !actual.columns.has(column.name))
  const isMissing = (field: string) => missing.some((column) => column.name === field)
  const added = tableChecks(schema, table).filter((check) => check.fields.every(isMissing))
  const present = table.columns.filter((column) => !isMissing(column.name))
  const differences = [
    ...keyDifferences(table, actual, wanted),
    ...present.flatMap((column) => columnDifferences(table, column, actual, wanted)),
    ...checkDifferences(actual, wanted, added),
  ]
  const further = [...actual.columns.keys()].filter((name) => !wanted.columns.has(name))
  const isFree = (name: string) => {
    const column = actual.columns.get(name)
    return further.includes(name) && (column?.nullable || column?.default !== undefined)
  }
  return [
    ...missing.map((column) =>
      addColumn(
        table,
        column,
        added.filter((check) => check.fields.at(-1) === column.name),
      ),
    ),
    ...differences.map((description) => ({ safe: false, description, sql: [] })),
    ...further.map((name) => ({
      safe: false,
      description: `column ${table.name}.${name} is not in the model`,
      sql: [],
      beyond: isFree(name),
    })),
    ...[...actual.checks.keys()]
      .filter((name) => !wanted.checks.has(name))
      .map((name) => ({
        safe: false,
        description: `the constraint ${name} is not in the model`,
        sql: [],
        beyond: fieldsOfCheck(name).length > 0 && fieldsOfCheck(name).every(isFree),
      })),
  ]
}

function addColumn(table: TableSpec, column: ColumnSpec, checks: readonly Check[]): SchemaChange {
  const description = `add column ${table.name}.${column.name}`
  const reference = table.references.find((one) => one.column === column.name)
  const given = column.default !== undefined && column.default.value !== null
  // Old rows would refer to a row that may not exist.
  const fits = reference ? column.nullable && !given : column.nullable || given
  const unsafe = !fits || table.key.includes(column.name) || column.type.type === 'serial'
  if (unsafe) return { safe: false, description: `${description}, which old rows have no value for`, sql: [] }
  const parts = [`ADD COLUMN ${columnSql(column)}`, ...checks.map((check) => `ADD ${checkSql(check)}`)]
  const sql = [`ALTER TABLE ${quoted(table.name)} ${parts.join(', ')}`]
  if (reference) sql.push(createReferenceSql(table.name, reference))
  return { safe: true, description, sql }
}

function keyDifferences(table: TableSpec, actual: ActualTable, wanted: ActualTable): string[] {
  const isSame = actual.key.join() === wanted.key.join()
  return [
    isSame ? '' : `the key of ${table.name} is (${actual.key.join(', ')}), not (${wanted.key.join(', ')})`,
    actual.counted === wanted.counted
      ? ''
      : `the key of ${table.name} is ${actual.counted ? '' : 'not '}counted by the database`,
  ].filter(Boolean)
}

function columnDifferences(table: TableSpec, column: ColumnSpec, actual: ActualTable, wanted: ActualTable): string[] {
  const name = `${table.name}.${column.name}`
  const there = actual.columns.get(column.name)!
  const asked = wanted.columns.get(column.name)!
  const differences: string[] = []
  if (there.declared !== asked.declared) differences.push(`column ${name} is ${there.declared}, not ${asked.declared}`)
  else if (there.type === undefined) differences.push(`column ${name} has another collation than "C"`)
  if (there.nullable !== asked.nullable) differences.push(`column ${name} is ${there.nullable ? '' : 'not '}nullable`)
  if (there.default !== asked.default) {
    differences.push(`the default of ${name} is ${there.default ?? 'missing'}, not ${asked.default ?? 'none'}`)
  }
  const refersTo = ({ references }: ActualTable) => {
    const reference = references.get(column.name)
    return reference ? `${reference.table} (${reference.to}) ON DELETE ${reference.onDelete}` : 'nothing'
  }
  if (refersTo(actual) !== refersTo(wanted)) {
    differences.push(`column ${name} refers to ${refersTo(actual)}, not ${refersTo(wanted)}`)
  }
  return differences
}

function checkDifferences(actual: ActualTable, wanted: ActualTable, added: readonly Check[]): string[] {
  const isAdded = (name: string) => added.some((check) => check.name === name)
  return [...wanted.checks]
    .filter(([name, expression]) => !isAdded(name) && actual.checks.get(name) !== expression)
    .map(([name]) => `the constraint ${name} is ${actual.checks.has(name) ? 'another' : 'missing'}`)
}
