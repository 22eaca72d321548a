import type { ColumnType } from '../../schema/index.ts'
import { fieldsOfCheck, type IndexShape, type ReferenceShape, type TableShape } from '../migrations/table-shape.ts'
import { meantBy } from './postgres-names.ts'

/** Tables of this prefix are Monobloc's own: the commit log, the history of migrations, the rooms' tables. */
export const ownPrefix = 'monobloc_'

/** Asks a connection: rows by column name. For what is asked once, outside units of work. */
export type Ask = <Row = Record<string, any>>(sql: string, values?: readonly unknown[]) => Promise<Row[]>

/** A table as the database has it. */
export interface ActualTable extends TableShape {
  /** The name of the key's constraint. */
  keyName: string | undefined
  references: ReadonlyMap<string, ActualReference>
  indexes: ReadonlyMap<string, ActualIndex>
  /** Constraints that are not yet known to hold for the rows that were there before them. */
  unproven: ReadonlySet<string>
  /** The column that the database counts, where there is one. */
  counted: string | undefined
  /** By name, as the server writes them. */
  triggers: ReadonlyMap<string, string>
}

export interface ActualReference extends ReferenceShape {
  /** Of the constraint. */
  name: string
}

export interface ActualIndex extends IndexShape {
  /** False for one whose building has failed or goes on. */
  valid: boolean
}

export type Tables = ReadonlyMap<string, ActualTable>

interface Row {
  [column: string]: any
}

// Expressions are written by the server from what it has understood: two that mean the same to it read the same, if both
// are read with their own schema in front.
const columnsSql = `
select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as nullable,
  pg_get_expr(d.adbin, d.adrelid) as given, a.attidentity <> '' as counted,
  (select collname from pg_collation where oid = a.attcollation) as collation
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and c.relkind in ('r', 'p')
  and not exists (select from pg_depend e where e.objid = c.oid and e.deptype = 'e')
order by c.oid, a.attnum`

const constraintsSql = `
select c.relname as "table", k.conname as name, k.contype as type, k.convalidated as proven,
  to_json(array(select a.attname from unnest(k.conkey) with ordinality u(n, at)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.at)) as columns,
  f.relname as parent, k.confdeltype as rule,
  to_json(array(select a.attname from unnest(k.confkey) with ordinality u(n, at)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.at)) as referred,
  pg_get_expr(k.conbin, k.conrelid) as expression
from pg_constraint k join pg_class c on c.oid = k.conrelid left join pg_class f on f.oid = k.confrelid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and c.relkind in ('r', 'p') and k.contype in ('p', 'f', 'c')
order by k.oid`

const indexesSql = `
select c.relname as "table", i.relname as name, x.indisunique as is_unique, x.indisvalid as valid,
  pg_get_indexdef(i.oid, 0, true) as sql
from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and not x.indisprimary
  and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated <> '' and a.attnum = any(x.indkey))
  and not exists (select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x') and k.conrelid = c.oid)
order by i.oid`

const triggersSql = `
select c.relname as "table", t.tgname as name, pg_get_triggerdef(t.oid, true) as sql
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and not t.tgisinternal order by t.oid`

/**
 * Reads tables of the first schema of the search path, in the order of their making. Without a choice: every one that is
 * not Monobloc's own.
 */
export async function readTables(ask: Ask, only?: ReadonlySet<string>): Promise<Map<string, ActualTable>> {
  const groups = async (sql: string) => Map.groupBy(await ask<Row>(sql), (row) => row.table as string)
  const columns = await groups(columnsSql)
  const constraints = await groups(constraintsSql)
  const indexes = await groups(indexesSql)
  const triggers = await groups(triggersSql)
  const names = [...columns.keys()].filter((name) => (only ? only.has(name) : !name.startsWith(ownPrefix)))
  return new Map(
    names.map((name) => [
      name,
      tableOf(
        name,
        columns.get(name)!,
        constraints.get(name) ?? [],
        indexes.get(name) ?? [],
        new Map(triggers.get(name)?.map((row) => [row.name, row.sql])),
      ),
    ]),
  )
}

export async function readTable(ask: Ask, name: string): Promise<ActualTable | undefined> {
  return (await readTables(ask, new Set([name]))).get(name)
}

const rules: Record<string, string> = { a: 'NO ACTION', r: 'RESTRICT', c: 'CASCADE', n: 'SET NULL', d: 'SET DEFAULT' }

function tableOf(
  name: string,
  columns: Row[],
  constraints: Row[],
  indexes: Row[],
  triggers: ReadonlyMap<string, string>,
): ActualTable {
  const of = (type: string) => constraints.filter((row) => row.type === type)
  const [key] = of('p')
  const checks = new Map(of('c').map((row) => [meantBy(row.name), row.expression as string]))
  return {
    name,
    layout: '',
    key: key?.columns ?? [],
    keyName: key?.name,
    columns: new Map(
      columns.map((row) => [
        row.name,
        {
          type: columnType(row, checks),
          declared: row.type,
          nullable: row.nullable,
          default: row.given === null ? undefined : withoutCast(row.given),
        },
      ]),
    ),
    references: new Map(
      of('f').map((row) => [
        row.columns.join(),
        { name: row.name, table: row.parent, to: row.referred.join(), onDelete: rules[row.rule]! },
      ]),
    ),
    checks: new Map([...checks].map(([check, expression]) => [check, withoutNull(check, expression)])),
    indexes: new Map(indexes.map((row) => [row.name, { unique: row.is_unique, valid: row.valid, sql: row.sql }])),
    unproven: new Set(constraints.filter((row) => !row.proven).map((row) => row.name)),
    counted: columns.find((row) => row.counted)?.name,
    triggers,
  }
}

const typesByName: Record<string, ColumnType> = {
  uuid: { type: 'uuid' },
  text: { type: 'text' },
  boolean: { type: 'boolean' },
  'double precision': { type: 'float' },
  date: { type: 'date' },
  'timestamp(3) with time zone': { type: 'timestamp' },
  jsonb: { type: 'json' },
  bytea: { type: 'bytes' },
}

/** The type of the field that a column was made for. Undefined for one that no model makes. */
function columnType(row: Row, checks: ReadonlyMap<string, string>): ColumnType | undefined {
  if (row.counted) return { type: 'serial' }
  if (row.type === 'bigint') return { type: isHeldToSafe(row.name, checks) ? 'integer' : 'bigint' }
  const [, precision, scale] = /^numeric\((\d+),(\d+)\)$/.exec(row.type) ?? []
  if (precision) return { type: 'decimal', precision: Number(precision), scale: Number(scale) }
  if (row.type === 'text' && row.collation !== 'C') return undefined
  return typesByName[row.type as string]
}

// By what it says: after a rename the constraint still has the old name.
function isHeldToSafe(column: string, checks: ReadonlyMap<string, string>): boolean {
  const held = [...checks].filter(([name]) => name.endsWith(':type')).map(([, expression]) => expression)
  return held.some((expression) => firstName(expression) === column && expression.includes("'-9007199254740991'"))
}

function firstName(expression: string): string | undefined {
  const [, quoted, bare] = /^\(+(?:"((?:[^"]|"")+)"|(\w+)) /.exec(expression) ?? []
  return quoted?.replaceAll('""', '"') ?? bare
}

/** `'none'::text` */
function withoutCast(expression: string): string {
  return (
    /^('(?:[^']|'')*')::[a-z ]+(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?$/.exec(expression)?.[1] ?? expression
  )
}

// A field's own check lets null pass where the field may be null, which the difference of the column says already.
function withoutNull(check: string, expression: string): string {
  const [field, ...more] = fieldsOfCheck(check)
  if (field === undefined || more.length > 0) return expression
  const [, rest] = /^\(\((?:\w+|"(?:[^"]|"")+") IS NULL\) OR (.*)\)$/s.exec(expression) ?? []
  return rest !== undefined && firstName(expression) === field ? rest : expression
}
