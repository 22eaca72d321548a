import { createHash } from 'node:crypto'
import type { ColumnSpec, TableSpec } from '../../schema/index.ts'
import {
  canBeLarge,
  largestLoggedValue,
  logShape,
  operationCodes,
  recordShapeSql,
  shapeId,
  tableEntryInsert,
  tableShape,
} from '../sql/log-shape.ts'
import { quoted } from '../sql/quoted.ts'

/** More arguments than this a function may not take. */
const mostArguments = 100

/** PostgreSQL cuts off what is longer, so that two names could become one. */
const longestIdentifier = 63

type Side = 'OLD' | 'NEW'

const events = ['insert', 'update', 'delete', 'truncate'] as const

/**
 * What fills the log: one function for each table, and the triggers that call it. Statements by name, in the order in
 * which they are run; each replaces what is there.
 *
 * - Another program fires the triggers too, in whatever role and with whatever settings. So the function runs as its
 *   owner (that role need not be allowed to write to the log), with a search path of its own, and no value that it writes
 *   depends on a setting of the session: time zone, format of dates, bytes and doubles. The schema in that path is the one
 *   in which the function is made, and so that of the log.
 * - It reads nothing: under SERIALIZABLE, reading the log would make every two writers conflict.
 * - Values are written by place and hardly encoded: reading does the rest, once per entry that someone follows instead of
 *   once per write.
 * - Under `session_replication_role = replica` no trigger fires, and nothing is logged.
 */
export function logTriggers(table: TableSpec): Map<string, string> {
  const name = functionName(table.name)
  const triggers = events.map((event): [string, string] => {
    const each = event === 'truncate' ? 'STATEMENT' : 'ROW'
    const of = `AFTER ${event.toUpperCase()} ON ${quoted(table.name)} FOR EACH ${each}`
    const trigger = `monobloc_log_${event}`
    return [trigger, `CREATE OR REPLACE TRIGGER ${quoted(trigger)} ${of} EXECUTE FUNCTION ${quoted(name)}()`]
  })
  return new Map([[name, functionSql(name, logFunctionBody(table))], ...triggers])
}

/** Shapes that the triggers' entries refer to. */
export function recordShapesSql(table: TableSpec): string[] {
  return [recordShapeSql(logShape(table)), recordShapeSql(tableShape(table.name))]
}

export function functionName(table: string): string {
  const name = `monobloc_log_${table}`
  if (name.length <= longestIdentifier) return name
  const digest = createHash('sha256').update(table).digest('hex').slice(0, 8)
  return `${name.slice(0, longestIdentifier - 9)}_${digest}`
}

// One statement, so that a function with another search path is never there.
function functionSql(name: string, body: string): string {
  return `DO $define$ BEGIN EXECUTE pg_catalog.format($format$CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp AS %L$format$, '${name}', pg_catalog.current_schema(), $body$${body}$body$);
END $define$`
}

/** As `pg_proc.prosrc` has it. It is the same for the same columns, in every schema. */
export function logFunctionBody(table: TableSpec): string {
  const shape = shapeId(logShape(table))
  const columns = table.columns.filter((column) => !column.secret)
  const large = columns.map((column, at) => [column, at] as const).filter(([column]) => canBeLarge(column))
  const insert = (event: 'insert' | 'update' | 'delete', fields: [string, string][]) => {
    const names = fields.map(([name]) => `, ${name}`).join('')
    const values = fields.map(([, value]) => `, ${value}`).join('')
    return `INSERT INTO monobloc_log (shape, operation${names}) VALUES (${shape}, ${operationCodes[event]}${values});`
  }
  const omitted = (sides: Side[]): [string, string][] =>
    large.length > 0 ? [['omitted', omittedSql(large, sides)]] : []
  const inserted = insert('insert', [['row', rowSql(columns, 'NEW')], ...omitted(['NEW'])])
  const updated = insert('update', [
    ['row', rowSql(columns, 'NEW')],
    ['previous', previousSql(columns)],
    ...omitted(['OLD', 'NEW']),
  ])
  const deleted = insert('delete', [['row', rowSql(columns, 'OLD')], ...omitted(['OLD'])])
  return `
BEGIN
IF TG_OP = 'INSERT' THEN ${inserted}
ELSIF TG_OP = 'UPDATE' THEN ${updated}
ELSIF TG_OP = 'DELETE' THEN ${deleted}
ELSE ${tableEntryInsert(shapeId(tableShape(table.name)), 'empty')};
END IF;
RETURN NULL;
END`
}

function isLarge(side: Side, column: ColumnSpec): string {
  const value = `${side}.${quoted(column.name)}`
  if (column.type.type === 'bytes') return `octet_length(${value}) > ${largestLoggedValue}`
  if (column.type.type === 'json') return `char_length(${value}::text) > ${largestLoggedValue}`
  // The bytes are known, the characters must be counted.
  return `(octet_length(${value}) > ${largestLoggedValue} AND char_length(${value}) > ${largestLoggedValue})`
}

/** What JSON holds without loss, and no setting of the session changes: 64-bit numbers and decimals as text, bytes as hex. */
function valueSql(side: Side, column: ColumnSpec): string {
  const name = `${side}.${quoted(column.name)}`
  switch (column.type.type) {
    case 'bigint':
    case 'decimal':
      return `${name}::text`
    case 'float':
      return `encode(float8send(${name}), 'hex')`
    case 'bytes':
      return `encode(${name}, 'hex')`
    case 'timestamp':
      return `timezone('UTC', ${name})`
    default:
      return name
  }
}

function rowSql(columns: readonly ColumnSpec[], side: Side): string {
  const values = columns.map((column) => {
    const value = valueSql(side, column)
    return canBeLarge(column) ? `CASE WHEN ${isLarge(side, column)} THEN NULL ELSE ${value} END` : value
  })
  const parts: string[] = []
  for (let at = 0; at < values.length; at += mostArguments) {
    parts.push(`json_build_array(${values.slice(at, at + mostArguments).join(', ')})::text`)
  }
  return parts.reduce((joined, part) => `left(${joined}, -1) || ',' || substr(${part}, 2)`)
}

/** `[0,3,"before",5,null]`: places and values of what changed, behind a zero that spares a special case for the comma. */
function previousSql(columns: readonly ColumnSpec[]): string {
  const parts = columns.map((column, at) => {
    const name = quoted(column.name)
    // A value that is null is not large, and `IS NOT TRUE` lets it in.
    const kept = canBeLarge(column) ? ` AND (${isLarge('OLD', column)}) IS NOT TRUE` : ''
    const value = `COALESCE(to_json(${valueSql('OLD', column)})::text, 'null')`
    return `CASE WHEN OLD.${name} IS DISTINCT FROM NEW.${name}${kept} THEN ',${at},' || ${value} ELSE '' END`
  })
  return `'[0' || ${parts.join(' || ')} || ']'`
}

/** The places of what was left out, as JSON with nulls between; null when everything is there. */
function omittedSql(large: readonly (readonly [ColumnSpec, number])[], sides: Side[]): string {
  const isOut = (column: ColumnSpec) => sides.map((side) => isLarge(side, column)).join(' OR ')
  const any = large.map(([column]) => isOut(column)).join(' OR ')
  const places = large.map(([column, at]) => `CASE WHEN ${isOut(column)} THEN ${at} END`)
  const parts: string[] = []
  for (let at = 0; at < places.length; at += mostArguments) {
    parts.push(`json_build_array(${places.slice(at, at + mostArguments).join(', ')})::text`)
  }
  const all = parts.reduce((joined, part) => `left(${joined}, -1) || ',' || substr(${part}, 2)`)
  return `CASE WHEN ${any} THEN ${all} END`
}

/**
 * The function and the triggers of every table of the log's, as they are: what `logDefinitions` is compared with. One row
 * each, with `table_name`, `name` and `definition`; of a function whose triggers are gone nothing is told.
 */
export const presentLogTriggersSql = `
  select c.relname as table_name, t.tgname as name,
    t.tgtype::text || ' ' || t.tgenabled::text || ' ' || p.proname || case when p.prosecdef then '' else ' as who asks' end as definition,
    p.proname as function, p.prosrc as body
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and t.tgname like 'monobloc\\_log\\_%' and c.relnamespace = (select oid from pg_namespace where nspname = current_schema())`

// Bits of pg_trigger.tgtype: row 1, insert 4, delete 8, update 16, truncate 32.
const triggerTypes = { insert: 5, update: 17, delete: 9, truncate: 32 } as const

/** By trigger, what `presentLogTriggersSql` finds where nothing has to be changed. */
export function logDefinitions(table: TableSpec): Map<string, { definition: string; body: string }> {
  const body = logFunctionBody(table)
  return new Map(
    events.map((event) => [
      `monobloc_log_${event}`,
      { definition: `${triggerTypes[event]} O ${functionName(table.name)}`, body },
    ]),
  )
}
