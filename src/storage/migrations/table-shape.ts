import type { ColumnType } from '../../schema/index.ts'

/** A table as a database has it, as far as migrations look at it: the same for every engine. */
export interface TableShape {
  name: string
  /** How the engine lays out its rows, where there are several ways. */
  layout: string
  /** Names of the key's columns, in its order. */
  key: readonly string[]
  columns: ReadonlyMap<string, ColumnShape>
  /** By the column that refers. */
  references: ReadonlyMap<string, ReferenceShape>
  /** The expression of each named CHECK; of a field's own without the null that it lets pass. */
  checks: ReadonlyMap<string, string>
  indexes: ReadonlyMap<string, IndexShape>
}

export interface ColumnShape {
  /** The type of a field that it was made for; undefined for one that no model makes. */
  type: ColumnType | undefined
  /** As the engine calls it. */
  declared: string
  nullable: boolean
  default: string | undefined
}

export interface ReferenceShape {
  table: string
  to: string
  /** As the engine says it. */
  onDelete: string
}

export interface IndexShape {
  unique: boolean
  /** Without what does not count. */
  sql: string
}

/** Tables by name. */
export type Shapes = ReadonlyMap<string, TableShape>

/** The same values in the same form: a text is a text, whatever else its field asks of it. */
export function isSameType(a: ColumnType | undefined, b: ColumnType | undefined): boolean {
  return a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b)
}

/** `decimal(10,2)` */
export function typeName(type: ColumnType | undefined): string {
  if (!type) return 'something else'
  return type.type === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.type
}

// `article.title,body:name`, as the CHECKs of every engine are called.
export function fieldsOfCheck(check: string): string[] {
  const fields = /^[^.]+\.([^:]*):/.exec(check)?.[1]
  return fields ? fields.split(',') : []
}

/** Whether a constraint only holds a column to its type. */
export function isTypeConstraintOf(check: string, column: string): boolean {
  return check.slice(check.indexOf('.') + 1).startsWith(`${column}:`) && /:(type|decimal\(\d+,\d+\))$/.test(check)
}
