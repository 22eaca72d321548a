import { createHash } from 'node:crypto'
import type { ColumnSpec, ColumnType, TableSpec } from '../../schema/index.ts'
import type { LogOperation } from '../storage.ts'

/**
 * Text, json and bytes longer than this (in characters or bytes) are left out of the log. 64 Ki holds every article and
 * comment that people write; larger ones would make each update of their row write them twice more.
 */
export const largestLoggedValue = 65_536

/** What the columns of a table were when an entry was written: how to read `row` and `previous`, which go by place. */
export interface LogShape {
  table: string
  columns: { name: string; type: ColumnType }[]
  key: string[]
  /** Never logged. */
  secret: string[]
}

export function logShape(table: TableSpec): LogShape {
  return {
    table: table.name,
    columns: table.columns.filter((column) => !column.secret).map(({ name, type }) => ({ name, type })),
    key: table.key,
    secret: table.columns.filter((column) => column.secret).map(({ name }) => name),
  }
}

/** Of an entry about a whole table: it has no columns, so that the entry has no row. */
export function tableShape(table: string): LogShape {
  return { table, columns: [], key: [], secret: [] }
}

/** 48 bits of the shape's digest: the same shape has the same number in every database, and numbers stay exact in JSON. */
export function shapeId(shape: LogShape): number {
  return createHash('sha256').update(JSON.stringify(shape)).digest().readUIntBE(0, 6)
}

export function recordShapeSql(shape: LogShape): string {
  const { table, ...rest } = shape
  const values = [shapeId(shape), text(table), text(JSON.stringify(rest))]
  return `INSERT INTO monobloc_shape VALUES (${values.join(', ')}) ON CONFLICT DO NOTHING`
}

export const operationCodes: Readonly<Record<LogOperation, number>> = {
  insert: 0,
  update: 1,
  delete: 2,
  empty: 3,
  migrate: 4,
}

/** Statements that append an entry about a whole table. */
export function tableEntrySql(table: string, operation: 'empty' | 'migrate'): string[] {
  const shape = tableShape(table)
  return [recordShapeSql(shape), tableEntryInsert(shapeId(shape), operation)]
}

export function tableEntryInsert(shape: number, operation: 'empty' | 'migrate'): string {
  return `INSERT INTO monobloc_log (shape, operation, row) VALUES (${shape}, ${operationCodes[operation]}, '[]')`
}

/** Whether values of a column may be left out for their size. */
export function canBeLarge({ type }: ColumnSpec): boolean {
  return type.type === 'text' || type.type === 'json' || type.type === 'bytes'
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
