// A PostgreSQL database of a case, by a connection that knows nothing of Monobloc.
import pg from 'pg'
import { createPostgresMigrator, createPostgresStorage } from '../../src/storage/index.ts'
import { newDatabase } from '../conformance/postgres-database.ts'
import type { Random } from '../faults/random.ts'
import type { FuzzDatabase } from './migrate-database.ts'
import type { HeldRow } from './migrate-oracle.ts'
import { drawValue, type Held, type Kind, type ValueType } from './migrate-values.ts'
import { keyKind, type TablePlan, type World } from './migrate-world.ts'

/** @param inParts whether every table counts as large */
export async function postgresDatabase(inParts: boolean): Promise<FuzzDatabase> {
  const made = await newDatabase()
  const client = new pg.Client(made.url)
  await client.connect()
  const all = async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows
  const testing = inParts ? { bigTable: 1, batchBlocks: 1 } : {}
  const rows = new Rows(all)
  return {
    engine: 'postgresql',
    migrator: createPostgresMigrator({ url: made.url, testing } as never),
    storage: () => createPostgresStorage({ url: made.url, connections: 2 }),
    fill: (world, random) => rows.fill(world, random),
    readData: (world) => rows.read(world),
    dump: async () => JSON.stringify(await dumpOf(all)),
    async sequences() {
      const found = await all(`select c.relname as name, s.last_value::int as last from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
        join pg_sequences s on s.schemaname = 'public' and quote_ident(s.schemaname) || '.' || quote_ident(s.sequencename)
          = pg_get_serial_sequence(quote_ident(c.relname), a.attname)
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and s.last_value is not null`)
      return new Map(found.map(({ name, last }) => [name, last]))
    },
    async derivedProblems(_, logged) {
      const [flood] = await all(
        'select count(*)::int as n from monobloc_log where sequence > $1 and operation not in (4, 5)',
        [logged],
      )
      return flood.n === 0 ? [] : [`the log was told of ${flood.n} changes of rows`]
    },
    lastLogged: async () => Number((await all('select coalesce(max(sequence), 0) as n from monobloc_log'))[0].n),
    leftovers: async () => (await all(leftoversSql)).map(({ name }) => name),
    literal: (value, field) => (value === null ? 'NULL' : `'${String(bound(value, field)).replaceAll("'", "''")}'`),
    async drop() {
      await client.end()
      await made.drop()
    },
  }
}

type All = (sql: string, values?: unknown[]) => Promise<any[]>

const leftoversSql = `
  select nspname as name from pg_namespace where nspname like 'monobloc%'
  union all select relname from pg_class where relname like 'monobloc_old_%' or relname like 'monobloc_new_%'
  union all select attname from pg_attribute where attname like 'monobloc_new_%'
  union all select tgname from pg_trigger where tgname like 'monobloc_fill_%'
  union all select proname from pg_proc where proname like 'monobloc_fill_%'
  union all select conname from pg_constraint where not convalidated or conname like 'monobloc_null_%'
  union all select indexrelid::regclass::text from pg_index where not indisvalid
  union all select table_name || ' has no trigger of the log' from (
    select c.relname as table_name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
      and c.relname not like 'monobloc%'
      and (select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgname like 'monobloc_log_%' and t.tgenabled = 'O') <> 4
  ) bare`

/** Everything that a refused migration must leave as it was. */
async function dumpOf(all: All): Promise<unknown> {
  const names = (
    await all(`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
      and relname not like 'monobloc%' order by 1`)
  ).map(({ name }) => name)
  const rows: unknown[] = []
  for (const name of names) rows.push(await all(`select t::text from "${name}" t order by 1`))
  return [
    names,
    rows,
    await all(`select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
      from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 order by 1, 2`),
    await all(`select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'public'::regnamespace order by 1, 2`),
    await all(`select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`),
    await all(`select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal order by 1, 2`),
    await all(`select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace order by 1, 2`),
    await all('select count(*) from monobloc_log where operation <> 5'),
    await all('select * from monobloc_migration order by number'),
  ]
}

/** The server's text of a value. */
function bound(value: NonNullable<Held>, { kind, scale = 0 }: ValueType): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (kind === 'boolean') return value === 1n ? 'true' : 'false'
  if (kind !== 'decimal') return String(value)
  const digits = String((value as bigint) < 0n ? -(value as bigint) : value).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${(value as bigint) < 0n ? '-' : ''}${digits.slice(0, point)}${scale ? `.${digits.slice(point)}` : ''}`
}

function held(text: string | null, kind: Kind): Held {
  if (text === null) return null
  switch (kind) {
    case 'integer':
    case 'bigint':
    case 'serial':
      return BigInt(text)
    case 'decimal':
      return BigInt(text.replace('.', ''))
    case 'float':
      return Number(text)
    case 'boolean':
      return text === 'true' ? 1n : 0n
    case 'json':
      return JSON.stringify(JSON.parse(text))
    case 'bytes':
      return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
    default:
      return text
  }
}

class Rows {
  readonly #all: All

  constructor(all: All) {
    this.#all = all
  }

  async fill(world: World, random: Random): Promise<void> {
    for (const table of world.tables) {
      for (let left = random.below(7); left > 0; left--) await this.#add(world, table, random)
      if (table.key === 'serial' && random.chance(0.3))
        await this.#try(`delete from "${table.name}" where key = (select max(key) from "${table.name}")`, [])
    }
    for (const table of world.tables) {
      for (const { name, to } of table.links) {
        const target = world.tables.find(({ id }) => id === to)!
        for (let at = random.below(5); at > 0; at--) {
          const pair = [await this.#pick(table, random), await this.#pick(target, random)]
          if (!pair.includes(null)) await this.#try(`insert into "${table.name}_${name}" values ($1, $2)`, pair)
        }
      }
    }
  }

  async #add(world: World, table: TablePlan, random: Random): Promise<void> {
    const row: Record<string, string | null> = {}
    if (table.key === 'id') {
      const digits = Array.from({ length: 32 }, () => random.below(16).toString(16)).join('')
      row.key = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    }
    if (table.key === 'text') row.key = `k${random.below(1_000_000)}`
    for (const field of table.fields) {
      const isNull = field.nullable && random.chance(0.25)
      const to = world.tables.find(({ id }) => id === field.ref)
      if (to) row[field.name] = isNull ? null : await this.#pick(to, random)
      else row[field.name] = isNull ? null : bound(drawValue(random, field)!, field)
    }
    const names = Object.keys(row)
    const list = names.map((name) => `"${name}"`).join(', ')
    const sql = names.length
      ? `insert into "${table.name}" (${list}) values (${names.map((_, at) => `$${at + 1}`).join(', ')})`
      : `insert into "${table.name}" default values`
    await this.#try(sql, Object.values(row))
  }

  async #pick(table: TablePlan, random: Random): Promise<string | null> {
    const keys = await this.#all(`select key::text as key from "${table.name}" order by "${table.name}".key`)
    return keys.length > 0 ? random.pick(keys).key : null
  }

  async #try(sql: string, values: unknown[]): Promise<void> {
    await this.#all(sql, values).catch(() => {})
  }

  async read({ tables }: World) {
    const rows = new Map<number, HeldRow[]>()
    const links = new Map<string, string[]>()
    for (const table of tables) {
      rows.set(table.id, await this.#rows(table))
      for (const { name } of table.links) {
        const found = await this.#all(`select t::text as pair from "${table.name}_${name}" t`)
        links.set(`${table.id}.${name}`, found.map(({ pair }) => pair.slice(1, -1).replace(',', ' ')).sort())
      }
    }
    return { rows, links }
  }

  async #rows(table: TablePlan): Promise<HeldRow[]> {
    const kinds: [string, Kind][] = [
      ['key', keyKind(table)],
      ...table.fields.map(({ name, kind }) => [name, kind] as [string, Kind]),
    ]
    const list = kinds.map(([name, kind]) => {
      if (kind === 'timestamp') return `to_char("${name}", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "${name}"`
      return kind === 'bytes' ? `'\\x' || encode("${name}", 'hex') as "${name}"` : `"${name}"::text as "${name}"`
    })
    const sql = `select ${list.join(', ')} from "${table.name}" order by "${table.name}".key`
    await this.#all("set timezone = 'UTC'")
    return (await this.#all(sql)).map((row) =>
      Object.fromEntries(kinds.map(([name, kind]) => [name, held(row[name], kind)])),
    )
  }
}
