import type { ColumnSpec, TableSpec } from '../../schema/index.ts'
import { canBeLarge, largestLoggedValue, logShape, operationCodes, shapeId } from '../sql/log-shape.ts'
import { quoted } from './sqlite-table.ts'

/** More arguments than this a function may not take in the SQLite of other programs. */
const mostArguments = 100

/**
 * The triggers that fill the log, by name. They use nothing that SQLite 3.38 lacks and no function of ours, so that
 * another program can fire them. Values are written by place and hardly encoded: reading does the rest, once per entry
 * that someone follows instead of once per write.
 */
export function logTriggers(table: TableSpec): Map<string, string> {
  const shape = logShape(table)
  const columns = table.columns.filter((column) => !column.secret)
  const large = columns.map((column, at) => [column, at] as const).filter(([column]) => canBeLarge(column))
  const trigger = (event: 'insert' | 'update' | 'delete', names: string, values: string[]): [string, string] => {
    const name = `monobloc_log_${table.name}_${event}`
    const fields = [shapeId(shape), operationCodes[event], ...values].join(', ')
    return [
      name,
      `CREATE TRIGGER ${quoted(name)} AFTER ${event.toUpperCase()} ON ${quoted(table.name)} BEGIN ` +
        `INSERT INTO monobloc_log (shape, operation, ${names}) VALUES (${fields}); END`,
    ]
  }
  const optional = large.length > 0 ? ', omitted' : ''
  const omitted = (sides: ('OLD' | 'NEW')[]) => (large.length > 0 ? [omittedSql(large, sides)] : [])
  return new Map([
    trigger('insert', `row${optional}`, [rowSql(columns, 'NEW'), ...omitted(['NEW'])]),
    trigger('update', `row, previous${optional}`, [
      rowSql(columns, 'NEW'),
      previousSql(columns),
      ...omitted(['OLD', 'NEW']),
    ]),
    trigger('delete', `row${optional}`, [rowSql(columns, 'OLD'), ...omitted(['OLD'])]),
  ])
}

function isLarge(side: 'OLD' | 'NEW', column: ColumnSpec): string {
  return `length(${side}.${quoted(column.name)}) > ${largestLoggedValue}`
}

/** A scalar that JSON holds without loss, whatever SQLite writes it: 64-bit numbers as text, bytes as hex. */
function scalarSql(side: 'OLD' | 'NEW', column: ColumnSpec): string {
  const name = `${side}.${quoted(column.name)}`
  const { type } = column
  if (type.type === 'bigint' || (type.type === 'decimal' && type.precision > 15)) return `CAST(${name} AS TEXT)`
  // The JSON functions of SQLite before 3.43 write 15 digits of a double, of which 17 count.
  const encoded = type.type === 'float' ? `printf('%!.20g', ${name})` : type.type === 'bytes' ? `hex(${name})` : name
  return column.nullable && encoded !== name ? `iif(${name} IS NULL, NULL, ${encoded})` : encoded
}

function rowSql(columns: readonly ColumnSpec[], side: 'OLD' | 'NEW'): string {
  const values = columns.map((column) => {
    const scalar = scalarSql(side, column)
    return canBeLarge(column) ? `iif(${isLarge(side, column)}, NULL, ${scalar})` : scalar
  })
  const parts: string[] = []
  for (let at = 0; at < values.length; at += mostArguments) {
    parts.push(`json_array(${values.slice(at, at + mostArguments).join(', ')})`)
  }
  // No value is an array, so the brackets at the ends are those of the parts.
  return parts.reduce((joined, part) => `rtrim(${joined}, ']') || ',' || ltrim(${part}, '[')`)
}

/** `[0,3,"before",5,null]`: places and values of what changed, behind a zero that spares a special case for the comma. */
function previousSql(columns: readonly ColumnSpec[]): string {
  const parts = columns.map((column, at) => {
    const name = quoted(column.name)
    const kept = canBeLarge(column) ? ` AND (OLD.${name} IS NULL OR NOT ${isLarge('OLD', column)})` : ''
    return `iif(OLD.${name} IS NOT NEW.${name}${kept}, ',${at},' || json_quote(${scalarSql('OLD', column)}), '')`
  })
  return `'[0' || ${parts.join(' || ')} || ']'`
}

/** The places of what was left out, as JSON with nulls between; null when everything is there. */
function omittedSql(large: readonly (readonly [ColumnSpec, number])[], sides: ('OLD' | 'NEW')[]): string {
  const isOut = (column: ColumnSpec) => sides.map((side) => isLarge(side, column)).join(' OR ')
  const any = large.map(([column]) => isOut(column)).join(' OR ')
  const places = large.map(([column, at]) => `iif(${isOut(column)}, ${at}, NULL)`)
  return `CASE WHEN ${any} THEN json_array(${places.join(', ')}) END`
}
