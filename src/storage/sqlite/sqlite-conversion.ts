import type { ColumnType } from '../../schema/index.ts'

type Decimal = Extract<ColumnType, { type: 'decimal' }>
type Named = ColumnType['type']

const whole: readonly Named[] = ['integer', 'bigint', 'serial']
const texts: readonly Named[] = ['text', 'uuid', 'date', 'timestamp']

/**
 * The SQL that makes a value of one type into the same value of another. A value that the new type can't hold exactly
 * becomes one that the column refuses, so that the migration fails and nothing is rounded, cut or guessed. Where no value
 * of the one type is one of the other, null is still null.
 *
 * @param column quoted
 */
export function conversionSql(column: string, from: ColumnType, to: ColumnType): string {
  const found = converted(column, from, to)
  // STRICT tables take bytes for nothing else, and nothing else for bytes.
  const refused = to.type === 'bytes' ? "''" : "X''"
  if (!found) return `CASE WHEN ${column} IS NOT NULL THEN ${refused} END`
  if (found.when === undefined) return found.value
  return `CASE WHEN ${column} IS NULL THEN NULL WHEN ${found.when} THEN ${found.value} ELSE ${refused} END`
}

interface Converted {
  value: string
  /** Holds for the values that can be converted. Undefined: all, as far as the new column's own constraint takes them. */
  when?: string
}

function converted(c: string, from: ColumnType, to: ColumnType): Converted | undefined {
  if (from.type === to.type && from.type !== 'decimal') return { value: c }
  switch (to.type) {
    case 'integer':
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

function toWhole(c: string, from: ColumnType): Converted | undefined {
  switch (from.type) {
    case 'integer':
    case 'bigint':
    case 'serial':
    case 'boolean':
      return { value: c }
    case 'decimal':
      return { value: `${c} / ${unit(from)}`, when: `${c} % ${unit(from)} = 0` }
    case 'float':
      return { value: `CAST(${c} AS INTEGER)`, when: `CAST(${c} AS INTEGER) = ${c}` }
    case 'text':
      return { value: `CAST(${c} AS INTEGER)`, when: `CAST(CAST(${c} AS INTEGER) AS TEXT) = ${c}` }
    case 'json':
      return { value: `${c} ->> '$'`, when: `json_type(${c}) = 'integer'` }
    default:
      return undefined
  }
}

function toDecimal(c: string, from: ColumnType, to: Decimal): Converted | undefined {
  switch (from.type) {
    case 'integer':
    case 'bigint':
    case 'serial':
    case 'boolean':
      return { value: `${c} * ${unit(to)}` }
    case 'decimal': {
      const more = to.scale - from.scale
      if (more >= 0) return { value: `${c} * ${power(more)}` }
      return { value: `${c} / ${power(-more)}`, when: `${c} % ${power(-more)} = 0` }
    }
    case 'float': {
      const made = `CAST(round(${c} * ${unit(to)}) AS INTEGER)`
      return { value: made, when: `CAST(${made} AS REAL) / ${unit(to)} = ${c}` }
    }
    case 'text': {
      const made = `CAST(replace(${c}, '.', '') AS INTEGER)`
      return { value: made, when: `${decimalText(made, to)} = ${c}` }
    }
    default:
      return undefined
  }
}

function toFloat(c: string, from: ColumnType): Converted | undefined {
  switch (from.type) {
    case 'integer':
    case 'bigint':
    case 'serial':
    case 'boolean':
      return { value: `CAST(${c} AS REAL)`, when: isDouble(c) }
    case 'decimal': {
      const made = `CAST(${c} AS REAL) / ${unit(from)}`
      return { value: made, when: `CAST(round(${made} * ${unit(from)}) AS INTEGER) = ${c}` }
    }
    case 'text': {
      const number = `CAST(${c} AS INTEGER)`
      return {
        value: `CAST(${c} AS REAL)`,
        when: `(CAST(CAST(${c} AS REAL) AS TEXT) = ${c} OR (CAST(${number} AS TEXT) = ${c} AND ${isDouble(number)}))`,
      }
    }
    case 'json':
      return { value: `CAST(${c} ->> '$' AS REAL)`, when: `json_type(${c}) IN ('integer', 'real')` }
    default:
      return undefined
  }
}

/** Of a whole number. The greatest one becomes 2^63, which is cast back to the greatest one. */
function isDouble(c: string): string {
  return `CAST(${c} AS REAL) < 9223372036854775808.0 AND CAST(CAST(${c} AS REAL) AS INTEGER) = ${c}`
}

function toBoolean(c: string, from: ColumnType): Converted | undefined {
  if (whole.includes(from.type)) return { value: c }
  switch (from.type) {
    case 'decimal':
      return { value: `${c} / ${unit(from)}`, when: `${c} % ${unit(from)} = 0` }
    case 'float':
      return { value: `CAST(${c} AS INTEGER)`, when: `${c} IN (0.0, 1.0)` }
    case 'text':
      return { value: `${c} = 'true'`, when: `${c} IN ('true', 'false')` }
    case 'json':
      return { value: `${c} = 'true'`, when: `json_type(${c}) IN ('true', 'false')` }
    default:
      return undefined
  }
}

function toText(c: string, from: ColumnType): Converted | undefined {
  if (texts.includes(from.type)) return { value: c }
  if (whole.includes(from.type)) return { value: `CAST(${c} AS TEXT)` }
  switch (from.type) {
    case 'boolean':
      return { value: `CASE ${c} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END` }
    case 'decimal':
      return { value: decimalText(c, from) }
    case 'float':
      return { value: floatText(c) }
    case 'json':
      return { value: `CASE json_type(${c}) WHEN 'text' THEN ${c} ->> '$' ELSE ${c} END` }
    default:
      return undefined
  }
}

function toJson(c: string, from: ColumnType): Converted | undefined {
  // Numbers of JSON are doubles to most readers.
  if (whole.includes(from.type))
    return { value: `CAST(${c} AS TEXT)`, when: `${c} BETWEEN -9007199254740991 AND 9007199254740991` }
  switch (from.type) {
    case 'boolean':
      return toText(c, from)
    case 'float':
      return toText(c, from)
    case 'bytes':
      return undefined
    default: {
      const { value } = toText(c, from)!
      return { value: `CASE WHEN ${c} IS NOT NULL THEN json_quote(${value}) END` }
    }
  }
}

/** A text whose form the column's own constraint checks. */
function toFormed(c: string, from: ColumnType, to: Named): Converted | undefined {
  if (from.type === 'date' && to === 'timestamp') return { value: `${c} || 'T00:00:00.000Z'` }
  if (from.type === 'timestamp' && to === 'date')
    return { value: `substr(${c}, 1, 10)`, when: `substr(${c}, 11) = 'T00:00:00.000Z'` }
  if (from.type === 'text') return { value: c }
  if (from.type === 'json') return { value: `${c} ->> '$'`, when: `json_type(${c}) = 'text'` }
  return undefined
}

function decimalText(value: string, type: Decimal): string {
  if (type.scale === 0) return `CAST(${value} AS TEXT)`
  const fraction = `substr('${'0'.repeat(type.scale)}' || (abs(${value}) % ${unit(type)}), -${type.scale})`
  return `iif(${value} < 0, '-', '') || (abs(${value}) / ${unit(type)}) || '.' || ${fraction}`
}

// SQLite writes 15 digits of a double, which are enough for most; 17 are for all.
function floatText(c: string): string {
  const exact = `CAST(CAST(${c} AS TEXT) AS REAL) = ${c}`
  // printf would write 0.0 for null.
  return `CASE WHEN ${c} IS NULL THEN NULL WHEN ${exact} THEN CAST(${c} AS TEXT) ELSE printf('%!.17g', ${c}) END`
}

function unit({ scale }: Decimal): string {
  return power(scale)
}

function power(exponent: number): string {
  return `1${'0'.repeat(exponent)}`
}
