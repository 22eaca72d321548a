// Tables copied into a shadow, as they are and not as files say: for what is planned from them, and for rehearsals, which
// take some of their rows along.
import { type Ask, readTables } from './postgres-catalog.ts'
import { quoted } from './postgres-table.ts'

interface Definition {
  table: string
  name: string
  sql: string
}

// Read while the real schema is in front, so that names come without it.
const indexesSql = `
select c.relname as "table", i.relname as name, pg_get_indexdef(i.oid, 0, true) as sql
from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and not x.indisprimary and x.indisvalid and c.relname = any($1)
  and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated <> '' and a.attnum = any(x.indkey))
  and not exists (select from pg_constraint k where k.conindid = i.oid and k.conrelid = c.oid)
order by i.oid`
const constraintsSql = `
select c.relname as "table", k.conname as name, pg_get_constraintdef(k.oid, true) as sql
from pg_constraint k join pg_class c on c.oid = k.conrelid left join pg_class f on f.oid = k.confrelid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and c.relname = any($1)
  and (k.contype in ('p', 'u') or (k.contype = 'f' and f.relname = any($1)))
order by k.contype = 'f', k.oid`
const generatedSql = `
select c.relname as "table", a.attname as name, '' as sql from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and a.attgenerated <> '' and not a.attisdropped and c.relname = any($1)`

/** What is read of the real tables, before the shadow is entered. */
export interface TableDefinitions {
  from: string
  names: string[]
  columns: Map<string, string[]>
  counted: Map<string, string>
  indexes: Definition[]
  constraints: Definition[]
  generated: Definition[]
}

export async function readDefinitions(ask: Ask, names?: ReadonlySet<string>): Promise<TableDefinitions> {
  const tables = await readTables(ask, names)
  const list = [...tables.keys()]
  const [{ name: from } = { name: '' }] = await ask<{ name: string }>('select current_schema() as name')
  const read = (sql: string) => ask<Definition>(sql, [list])
  return {
    from,
    names: list,
    columns: new Map([...tables].map(([name, { columns }]) => [name, [...columns.keys()]])),
    counted: new Map([...tables].flatMap(([name, { counted }]) => (counted === undefined ? [] : [[name, counted]]))),
    indexes: await read(indexesSql),
    constraints: await read(constraintsSql),
    generated: await read(generatedSql),
  }
}

/**
 * @param rows of each table that are taken along at most
 * @returns whether some were left behind
 */
export async function copyTables(ask: Ask, definitions: TableDefinitions, rows = 0): Promise<boolean> {
  const { from, names, generated, constraints, indexes } = definitions
  let isSampled = false
  for (const name of names) {
    const real = `${quoted(from)}.${quoted(name)}`
    await ask(`CREATE TABLE ${quoted(name)} (LIKE ${real} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY)`)
    for (const column of generated) {
      if (column.table === name) await ask(`ALTER TABLE ${quoted(name)} DROP COLUMN ${quoted(column.name)}`)
    }
    if (rows > 0 && (await copyRows(ask, definitions, name, rows))) isSampled = true
  }
  const later = constraints.map(({ table, name, sql }) => {
    // What is referred to may have been left behind.
    const unchecked = isSampled && sql.startsWith('FOREIGN') && !sql.endsWith('NOT VALID') ? ' NOT VALID' : ''
    return `ALTER TABLE ${quoted(table)} ADD CONSTRAINT ${quoted(name)} ${sql}${unchecked}`
  })
  for (const sql of [...later, ...indexes.map((index) => index.sql)]) await ask(sql)
  return isSampled
}

/** @returns whether there are more */
async function copyRows(ask: Ask, definitions: TableDefinitions, name: string, most: number): Promise<boolean> {
  const { from, columns, counted } = definitions
  const list = columns.get(name)!.map(quoted).join(', ')
  const real = `${quoted(from)}.${quoted(name)}`
  const [size] = await ask<{ n: number }>(
    `select count(*)::integer as n from (select from ${real} limit ${most + 1}) taken`,
  )
  const isMore = size!.n > most
  // From all over the table, and not only from where it begins; three times as many as are wanted, since pages differ.
  const [guess] = isMore
    ? await ask<{ percent: number }>(
        'select greatest(0.01, least(100, 300.0 * $1 / greatest(reltuples, $1)))::float8 as percent from pg_class where oid = $2::regclass',
        [most, real],
      )
    : []
  const sample = guess ? ` TABLESAMPLE SYSTEM (${guess.percent})` : ''
  await ask(
    `INSERT INTO ${quoted(name)} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM ${real}${sample} LIMIT ${most}`,
  )
  const serial = counted.get(name)
  if (serial !== undefined)
    await ask(
      `SELECT setval(pg_get_serial_sequence($1, $2), greatest(max(${quoted(serial)}), 1)) FROM ${quoted(name)}`,
      [quoted(name), serial],
    )
  return isMore
}
