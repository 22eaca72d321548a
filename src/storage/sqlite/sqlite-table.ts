import { MonoblocError } from '../../errors.ts'
import type { ColumnSpec, ColumnType, Schema, TableSpec } from '../../schema/index.ts'
import { checkName, typeConstraint } from '../sql/check-name.ts'
import { indexedFieldSql } from '../sql/filter-sql-inline.ts'
import { quoted } from '../sql/quoted.ts'
import { type Check, declaredChecks, onDelete, ownFilterSql } from '../sql/table-checks.ts'
import type { SqlValue } from '../storage.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

export { quoted }

/** What SQLite calls the storage of each type, in a STRICT table. */
export const storageClass: Record<ColumnType['type'], 'TEXT' | 'INTEGER' | 'REAL' | 'BLOB'> = {
  uuid: 'TEXT',
  text: 'TEXT',
  date: 'TEXT',
  timestamp: 'TEXT',
  json: 'TEXT',
  integer: 'INTEGER',
  serial: 'INTEGER',
  bigint: 'INTEGER',
  decimal: 'INTEGER',
  boolean: 'INTEGER',
  float: 'REAL',
  bytes: 'BLOB',
}

/** A value of SQLite's as a constant of its language. */
export function literal(value: SqlValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  return typeof value === 'object' ? `X'${Buffer.from(value).toString('hex')}'` : String(value)
}

/** The one column that SQLite counts by itself. */
export function isCounted(table: TableSpec, column: ColumnSpec): boolean {
  if (column.type.type !== 'serial') return false
  if (table.key.length === 1 && table.key[0] === column.name) return true
  throw new MonoblocError('definition_invalid', {
    subject: table.name,
    detail: `${table.name}.${column.name}: on SQLite only the one field of a key can be serial.`,
  })
}

/** Link tables hold nothing but their key: one tree serves as table and key. */
export function isWithoutRowid(table: TableSpec): boolean {
  return table.model === undefined
}

export function createTableSql(schema: Schema, table: TableSpec): string {
  const parts = table.columns.map((column) => columnSql(table, column))
  if (!table.columns.some((column) => isCounted(table, column)))
    parts.push(`PRIMARY KEY (${table.key.map(quoted).join(', ')})`)
  parts.push(...declaredChecks(sqliteDialect, schema, table).map(checkSql))
  return `CREATE TABLE ${quoted(table.name)} (\n  ${parts.join(',\n  ')}\n) STRICT${isWithoutRowid(table) ? ', WITHOUT ROWID' : ''}`
}

/** As in CREATE TABLE and in ADD COLUMN. */
export function columnSql(table: TableSpec, column: ColumnSpec): string {
  const parts = [quoted(column.name), storageClass[column.type.type]]
  if (isCounted(table, column)) return [...parts, 'PRIMARY KEY AUTOINCREMENT'].join(' ')
  if (!column.nullable) parts.push('NOT NULL')
  const given = defaultSql(column)
  if (given !== undefined) parts.push(`DEFAULT ${given}`)
  const check = typeCheck(table, column)
  if (check) parts.push(checkSql(check))
  const reference = table.references.find((one) => one.column === column.name)
  if (reference)
    parts.push(
      `REFERENCES ${quoted(reference.table)} (${quoted(reference.to)}) ON DELETE ${onDelete[reference.onDelete]}`,
    )
  return parts.join(' ')
}

export function defaultSql(column: ColumnSpec): string | undefined {
  return column.default && literal(sqliteDialect.encode(column.type, column.default.value))
}

function checkSql({ name, expression }: Check): string {
  return `CONSTRAINT ${quoted(name)} CHECK (${expression})`
}

const day = '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'
const instant = `${day}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z`
const greatestDouble = '1.7976931348623157e308'

/** What STRICT leaves open, so that no raw SQL and no other program stores what can't be read back, or sorts wrong. */
export function typeCheck(table: TableSpec, column: ColumnSpec): Check | undefined {
  const name = quoted(column.name)
  const expression = typeExpression(name, column.type)
  if (expression === undefined) return undefined
  return { name: checkName(table.name, [column.name], typeConstraint(column.type)), fields: [column.name], expression }
}

function typeExpression(name: string, type: ColumnType): string | undefined {
  switch (type.type) {
    case 'boolean':
      return `${name} IN (0, 1)`
    case 'integer':
      return `${name} BETWEEN -9007199254740991 AND 9007199254740991`
    case 'decimal':
      return `${name} BETWEEN -${'9'.repeat(type.precision)} AND ${'9'.repeat(type.precision)}`
    case 'float':
      return `${name} BETWEEN -${greatestDouble} AND ${greatestDouble}`
    case 'json':
      return `json_valid(${name})`
    case 'uuid':
      return `length(${name}) = 36`
    case 'date':
      return `${name} GLOB '${day}'`
    case 'timestamp':
      return `${name} GLOB '${instant}'`
    default:
      return undefined
  }
}

/**
 * An index that is not unique ends with the key, as every order of rows does: a sorted page is then read off the index,
 * and the next one begins by a search in it. (A counted key is the rowid, which SQLite puts at the end by itself.)
 */
export function createIndexSql(schema: Schema, table: TableSpec, index: TableSpec['indexes'][number]): string {
  const counted = table.columns.some((column) => isCounted(table, column))
  const key = index.unique || counted ? [] : table.key.filter((name) => !index.fields.includes(name))
  const fields = [...index.fields, ...key].map(indexedExpression).join(', ')
  const where = index.where ? ` WHERE ${ownFilterSql(sqliteDialect, schema, table, index.where)}` : ''
  return `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoted(index.name)} ON ${quoted(table.name)} (${fields})${where}`
}

/** A column, or a place in a document. Only the latter needs what compiles filters, which takes long to load. */
export function indexedExpression(field: string): string {
  return field.includes('.') ? indexedFieldSql(sqliteDialect, field) : quoted(field)
}
