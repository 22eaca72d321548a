import { MonoblocError } from '../../errors.ts'
import { type ColumnType, decimalText, decimalUnits } from '../../schema/index.ts'
import type { Dialect } from '../sql/dialect.ts'
import { kysely, sql } from '../sql/kysely.ts'
import type { SqlValue } from '../storage.ts'
import { foldFunction } from './postgres-functions.ts'
import { postgresDocuments } from './postgres-json.ts'
import { postgresEngine } from './postgres-sql.ts'

const leastBigint = -(2n ** 63n)
const greatestBigint = 2n ** 63n - 1n

/** What PostgreSQL calls each type, without the digits of a decimal. */
export const typeNames: Record<ColumnType['type'], string> = {
  uuid: 'uuid',
  text: 'text',
  integer: 'bigint',
  serial: 'bigint',
  bigint: 'bigint',
  decimal: 'numeric',
  float: 'double precision',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp with time zone',
  json: 'jsonb',
  bytes: 'bytea',
}

/**
 * PostgreSQL's storage of each type: `typeNames`; text with the collation "C", which orders by code point. Values are
 * bound as text (bytes in binary), whose type the server knows from where they stand, so that no cast keeps an index from
 * being used. Results come as text too, whole numbers and doubles aside.
 */
export const postgresDialect: Dialect = {
  name: 'postgres',
  encode: encodeValue,
  decode: decodeValue,
  selected(type, column) {
    switch (type.type) {
      case 'bigint':
      case 'decimal':
      case 'json':
        return sql`${column}::text`
      case 'timestamp':
        return instant(column)
      case 'bytes':
        return sql`encode(${column}, 'hex')`
      default:
        return column
    }
  },
  json(type, column) {
    switch (type.type) {
      case 'bigint':
      case 'decimal':
        return sql`${column}::text`
      case 'timestamp':
        return instant(column)
      case 'bytes':
        // It breaks lines after 76 characters.
        return sql`translate(encode(${column}, 'base64'), chr(10), '')`
      default:
        return column
    }
  },
  fold(text) {
    return sql`${sql.raw(foldFunction)}(${text})`
  },
  isIn: (type, value, list) => sql`${value} = any(${list}::${sql.raw(typeNames[type.type])}[])`,
  encodeList(type, values) {
    return `{${values.map((value) => listItem(encodeValue(type, value))).join()}}`
  },
  literal(value) {
    if (value === null) return 'null'
    if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
    return typeof value === 'object' ? `'\\x${Buffer.from(value).toString('hex')}'` : String(value)
  },
  contains: (text, part) => sql`strpos(${text}, ${part}) > 0`,
  endsWith: (text, part) => sql`right(${text}, length(${part()})) = ${part()}`,
  documents: postgresDocuments(() => postgresDialect),
  engine: postgresEngine,
  kysely() {
    const { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } = kysely()
    return {
      compiler: () => new PostgresQueryCompiler(),
      adapter: () => new PostgresAdapter(),
      introspector: (db) => new PostgresIntrospector(db),
    }
  },
}

function instant(column: Parameters<Dialect['selected']>[1]) {
  return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

function encodeValue(type: ColumnType, value: unknown): SqlValue {
  if (value === null) return null
  if (value === undefined) throw new Error(`undefined reached the database as a ${type.type}`)
  switch (type.type) {
    case 'bigint': {
      const number = BigInt(value as bigint | number | string)
      if (number < leastBigint || number > greatestBigint) throw notStorable(type, value)
      return number
    }
    case 'decimal':
      return decimal(type, value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'timestamp':
      return (value instanceof Date ? value : new Date(value as string)).toISOString()
    case 'json':
      return JSON.stringify(value)
    default:
      return value as SqlValue
  }
}

// Values come here validated. PostgreSQL would round digits beyond the scale, without a word.
function decimal(type: ColumnType & { type: 'decimal' }, value: unknown): string {
  const units = decimalUnits(value as string | number, type.scale)
  const limit = 10n ** BigInt(type.precision)
  if (units === undefined || units >= limit || units <= -limit) throw notStorable(type, value)
  return decimalText(units, type.scale)
}

function notStorable(type: ColumnType, value: unknown): MonoblocError {
  const name = type.type === 'decimal' ? `decimal(${type.precision}, ${type.scale})` : type.type
  return new MonoblocError('check_violation', { detail: `${String(value)} does not fit a ${name} column.` })
}

function decodeValue(type: ColumnType, value: SqlValue): unknown {
  if (value === null) return null
  switch (type.type) {
    case 'bigint':
      return BigInt(value as string)
    case 'boolean':
      // Within a document it is a boolean already.
      return value === 't' || (value as unknown) === true
    case 'timestamp':
      return new Date(value as string)
    case 'json':
      return JSON.parse(value as string)
    case 'bytes':
      return new Uint8Array(Buffer.from(value as string, 'hex'))
    default:
      return value
  }
}

// https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO
function listItem(value: SqlValue): string {
  if (value === null) return 'null'
  const text = value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : String(value)
  return typeof value === 'number' || typeof value === 'bigint' ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
