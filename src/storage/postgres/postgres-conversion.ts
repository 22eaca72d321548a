import type { ColumnType } from '../../schema/index.ts'
import { isSameType, typeName } from '../migrations/table-shape.ts'
import { declaredType } from './postgres-table.ts'

type Decimal = Extract<ColumnType, { type: 'decimal' }>
type Named = ColumnType['type']

const whole: readonly Named[] = ['integer', 'bigint', 'serial']

/**
 * The SQL that makes a value of one type into the same value of another. A value that the new type can't hold exactly
 * makes the statement fail, and says itself: nothing is rounded, cut or guessed. Null is still null.
 *
 * @param column quoted
 */
export function conversionSql(column: string, from: ColumnType, to: ColumnType): string {
  if (isSameType(from, to)) return column
  const found = converted(column, from, to)
  const refusal = refusedSql(column, from, to)
  if (!found) return `CASE WHEN ${column} IS NOT NULL THEN ${refusal} END`
  if (found.when === undefined) return found.value
  return `CASE WHEN ${column} IS NULL THEN NULL WHEN ${found.when} THEN ${found.value} ELSE ${refusal} END`
}

/** No whole number begins with words: the server refuses it, and shows what it was given. */
function refusedSql(column: string, from: ColumnType, to: ColumnType): string {
  const shown = from.type === 'bytes' ? `encode(${column}, 'hex')` : `${column}::text`
  return `('not exactly a ${typeName(to)}: ' || left(${shown}, 60))::integer::text::${declaredType(to)}`
}

/** What a message of the server's says of such a value. */
export function inexactValue(message: string): string | undefined {
  return /"(not exactly an? .*)"$/s.exec(message)?.[1]
}

interface Converted {
  value: string
  /** Holds for the values that can be converted. Undefined: all, as far as the new type itself takes them. */
  when?: string
}

function converted(c: string, from: ColumnType, to: ColumnType): Converted | undefined {
  switch (to.type) {
    case 'integer':
      return safe(toWhole(c, from))
    case 'bigint':
    case 'serial':
      return toWhole(c, from)
    case 'decimal':
      return toDecimal(c, from, to)
    case 'float':
      return toFloat(c, from)
    case 'boolean':
      return toBoolean(c, from)
    case 'json':
      return toJson(c, from)
    case 'text':
      return toText(c, from)
    case 'bytes':
      return undefined
    default:
      return toFormed(c, from, to.type)
  }
}

/** What JSON numbers hold. */
function safe(found: Converted | undefined): Converted | undefined {
  if (!found) return undefined
  const fits = `${found.value} BETWEEN -9007199254740991 AND 9007199254740991`
  // What stands behind WHEN is looked at only where it holds.
  return { value: found.value, when: found.when ? `CASE WHEN ${found.when} THEN ${fits} ELSE false END` : fits }
}

const wholeText = "'^(0|-?[1-9][0-9]*)$'"

function toWhole(c: string, from: ColumnType): Converted | undefined {
  if (whole.includes(from.type)) return { value: c }
  switch (from.type) {
    case 'boolean':
      return { value: `${c}::integer::bigint` }
    case 'decimal':
      return { value: `${c}::bigint`, when: `${c} = trunc(${c})` }
    case 'float':
      return { value: `${c}::bigint`, when: `${c} = trunc(${c})` }
    case 'text':
      return { value: `${c}::bigint`, when: `${c} ~ ${wholeText}` }
    case 'json':
      return {
        value: `(${c} #>> '{}')::bigint`,
        when: `jsonb_typeof(${c}) = 'number' AND ${c}::text ~ '^-?[0-9]+$'`,
      }
    default:
      return undefined
  }
}

function toDecimal(c: string, from: ColumnType, to: Decimal): Converted | undefined {
  const made = declaredType(to)
  if (whole.includes(from.type)) return { value: `${c}::${made}` }
  switch (from.type) {
    case 'boolean':
      return { value: `${c}::integer::${made}` }
    case 'decimal':
      return { value: `${c}::${made}`, when: `${c} = round(${c}, ${to.scale})` }
    case 'float':
      return { value: `${c}::numeric::${made}`, when: `round(${c}::numeric, ${to.scale})::double precision = ${c}` }
    case 'text': {
      const fraction = to.scale > 0 ? `[.][0-9]{${to.scale}}` : ''
      return { value: `${c}::${made}`, when: `${c} ~ '^-?(0|[1-9][0-9]*)${fraction}$' AND ${c} !~ '^-[0.]*$'` }
    }
    default:
      return undefined
  }
}

function toFloat(c: string, from: ColumnType): Converted | undefined {
  const made = `${c}::double precision`
  if (whole.includes(from.type)) return { value: made, when: `${made}::bigint = ${c}` }
  switch (from.type) {
    case 'boolean':
      return { value: `${c}::integer::double precision` }
    case 'decimal':
      return { value: made, when: `${made}::text::numeric = ${c}` }
    case 'text': {
      const looks = `${c} ~ '^-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?(e[-+][0-9]{1,3})?$' AND ${c} <> '-0'`
      return { value: made, when: `CASE WHEN ${looks} THEN ${made}::text = ${c} ELSE false END` }
    }
    case 'json':
      return { value: `(${c} #>> '{}')::double precision`, when: `jsonb_typeof(${c}) = 'number'` }
    default:
      return undefined
  }
}

function toBoolean(c: string, from: ColumnType): Converted | undefined {
  if (whole.includes(from.type)) return { value: `${c} = 1`, when: `${c} IN (0, 1)` }
  switch (from.type) {
    case 'decimal':
    case 'float':
      return { value: `${c} = 1`, when: `${c} IN (0, 1)` }
    case 'text':
      return { value: `${c} = 'true'`, when: `${c} IN ('true', 'false')` }
    case 'json':
      return { value: `${c} = 'true'::jsonb`, when: `jsonb_typeof(${c}) = 'boolean'` }
    default:
      return undefined
  }
}

function toText(c: string, from: ColumnType): Converted | undefined {
  switch (from.type) {
    case 'bytes':
      return undefined
    case 'text':
      return { value: c }
    case 'timestamp':
      return { value: `to_char(${c} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` }
    case 'json':
      return { value: `CASE jsonb_typeof(${c}) WHEN 'string' THEN ${c} #>> '{}' ELSE ${c}::text END` }
    default:
      return { value: `${c}::text` }
  }
}

function toJson(c: string, from: ColumnType): Converted | undefined {
  // Numbers of JSON are doubles to most readers.
  if (whole.includes(from.type))
    return { value: `to_jsonb(${c})`, when: `${c} BETWEEN -9007199254740991 AND 9007199254740991` }
  switch (from.type) {
    case 'bytes':
      return undefined
    case 'boolean':
    case 'float':
      return { value: `to_jsonb(${c})` }
    default:
      return { value: `to_jsonb(${toText(c, from)!.value})` }
  }
}

const forms: Partial<Record<Named, string>> = {
  date: "'^[0-9]{4}-[01][0-9]-[0-3][0-9]$'",
  timestamp: "'^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9][.][0-9]{3}Z$'",
  uuid: "'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
}

/** A text that has the form of the type as it stands: others that the server would take are not the same value. */
function toFormed(c: string, from: ColumnType, to: Named): Converted | undefined {
  const type = declaredType({ type: to } as ColumnType)
  if (from.type === 'date' && to === 'timestamp') return { value: `(${c}::timestamp AT TIME ZONE 'UTC')::${type}` }
  if (from.type === 'timestamp' && to === 'date') {
    const utc = `${c} AT TIME ZONE 'UTC'`
    return { value: `(${utc})::date`, when: `date_trunc('day', ${utc}) = ${utc}` }
  }
  if (from.type === 'text') return { value: `${c}::${type}`, when: `${c} ~ ${forms[to]}` }
  if (from.type !== 'json') return undefined
  return { value: `(${c} #>> '{}')::${type}`, when: `jsonb_typeof(${c}) = 'string' AND ${c} #>> '{}' ~ ${forms[to]}` }
}
