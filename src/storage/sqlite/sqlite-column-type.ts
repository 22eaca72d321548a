import type { ColumnSpec, ColumnType, TableSpec } from '../../schema/index.ts'
import { type ActualTable, normalised } from './sqlite-catalog.ts'
import { storageClass, typeCheck } from './sqlite-table.ts'

// Text and bigint are what is left when no constraint says more.
const candidates: ColumnType[] = [
  { type: 'uuid' },
  { type: 'date' },
  { type: 'timestamp' },
  { type: 'json' },
  { type: 'boolean' },
  { type: 'integer' },
  { type: 'text' },
  { type: 'bigint' },
  { type: 'float' },
  { type: 'bytes' },
]

/**
 * The type that a column of the database was made with, read from its constraint. Undefined for one that no model makes.
 */
export function actualType(table: ActualTable, name: string): ColumnType | undefined {
  const column = table.columns.get(name)
  if (!column) return undefined
  if (table.counted && table.key.length === 1 && table.key[0] === name) return { type: 'serial' }
  const check = typeCheckOf(table, name)
  if (check?.decimal) return check.decimal
  return candidates.find((type) => {
    if (storageClass[type.type] !== column.type) return false
    return expressionOf(name, type) === check?.expression
  })
}

function typeCheckOf(table: ActualTable, name: string): { expression: string; decimal?: ColumnType } | undefined {
  const normal = (type: ColumnType) => expressionOf(name, type)
  for (const [check, expression] of table.checks) {
    const [, precision, scale] = /:decimal\((\d+),(\d+)\)$/.exec(check) ?? []
    if (precision) {
      const decimal: ColumnType = { type: 'decimal', precision: Number(precision), scale: Number(scale) }
      if (normal(decimal) === expression) return { expression, decimal }
    } else if (check.endsWith(':type') && candidates.some((type) => normal(type) === expression)) return { expression }
  }
  return undefined
}

function expressionOf(name: string, type: ColumnType): string | undefined {
  const check = typeCheck({ name: '' } as TableSpec, { name, type } as ColumnSpec)
  return check && normalised(check.expression)
}
