import type { Difference } from '../migrations/migration.ts'
import * as shapes from '../migrations/schema-difference.ts'
import { fieldsOfCheck, type Shapes, type TableShape } from '../migrations/table-shape.ts'
import type { ActualTable } from './sqlite-catalog.ts'
import { actualType } from './sqlite-column-type.ts'

/** Tables by name, as a database has them. */
export type Tables = ReadonlyMap<string, ActualTable>

/** What would have to be done to one database's tables to have another's. */
export function differencesBetween(from: Tables, to: Tables): Difference[] {
  return shapes.differencesBetween(shapesOf(from), shapesOf(to))
}

/** What all but new columns can be changed in only by building the table anew. */
export function tableDifferences(from: ActualTable, to: ActualTable): Difference[] {
  return shapes.tableDifferences(shapeOf(from), shapeOf(to))
}

export function indexChanges(from: ActualTable, to: ActualTable) {
  return shapes.indexChanges(shapeOf(from), shapeOf(to))
}

export function shapesOf(tables: Tables): Shapes {
  return new Map([...tables].map(([name, table]) => [name, shapeOf(table)]))
}

function shapeOf(table: ActualTable): TableShape {
  const { name, strict, withoutRowid, key, references, indexes } = table
  const columns = [...table.columns].map(
    ([column, { type: declared, nullable, default: given }]) =>
      [column, { type: actualType(table, column), declared, nullable, default: given }] as const,
  )
  const checks = [...table.checks].map(([check, expression]) => [check, withoutNull(check, expression)] as const)
  return {
    name,
    layout: `${strict} ${withoutRowid}`,
    key,
    columns: new Map(columns),
    references,
    checks: new Map(checks),
    indexes,
  }
}

// A field's own check lets null pass where the field may be null, which the difference of the column says already.
function withoutNull(check: string, expression: string): string {
  const fields = fieldsOfCheck(check)
  const prefix = `quoted:${fields[0]} is null or `
  return fields.length === 1 && expression.startsWith(prefix) ? expression.slice(prefix.length) : expression
}
