import { setTimeout as wait } from 'node:timers/promises'
import { Client, types } from 'pg'
import { Schema } from '../../src/schema/index.ts'
import { createPostgresStorage, type LoggedTransaction } from '../../src/storage/index.ts'
import { models } from './app.ts'
import type { Contents, Json } from './contents.ts'

const quietMilliseconds = 60_000

/**
 * Reads a PostgreSQL database. First it waits until nobody works in it: what a killed node had asked for may still be
 * under way, and is no longer unknown once it has ended.
 */
export async function readPostgres(url: string): Promise<Contents> {
  const client = new Client({ connectionString: url, types: { getTypeParser: parserOf } })
  client.on('error', () => {})
  await client.connect()
  try {
    await becomeQuiet(client)
    const { rows } = await client.query("select to_regclass('account') is not null as there")
    if (!rows[0].there) return { tables: null, log: [], sequential: false, damage: [] }
    const tables = new Map<string, Json[]>()
    await client.query('begin isolation level repeatable read read only')
    for (const { name, columns } of new Schema(Object.values(models)).tables) {
      const own = columns.map((column) => `"${column.name}"`).join()
      tables.set(name, (await client.query(`select ${own} from "${name}"`)).rows)
    }
    const damage = await looseReferences(client)
    await client.query('commit')
    return { tables, log: await readLog(url), sequential: false, damage }
  } finally {
    await client.end()
  }
}

async function becomeQuiet(client: Client): Promise<void> {
  const until = performance.now() + quietMilliseconds
  const busy = `
    select pid, state, query from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'`
  for (;;) {
    const { rows } = await client.query(busy)
    if (rows.length === 0) return
    if (performance.now() > until) throw new Error(`the database does not become quiet: ${JSON.stringify(rows)}`)
    await wait(20)
  }
}

/** As the log writes them: numbers that are exact, decimals as text, times with milliseconds. */
function parserOf(oid: number, format?: 'text' | 'binary'): any {
  switch (oid) {
    case types.builtins.INT8:
      return Number
    case types.builtins.NUMERIC:
      return String
    case types.builtins.TIMESTAMPTZ:
      return (text: string) => new Date(text).toISOString()
  }
  return types.getTypeParser(oid, format as 'text')
}

/** What each foreign key looks like from outside: the server has taken care of it, unless what it did got lost half way. */
async function looseReferences(client: Client): Promise<string[]> {
  const { rows: keys } = await client.query<{ name: string; sql: string }>(`
    select conname as name, format(
      'select count(*) as count from %s a where a.%I is not null and not exists (select from %s b where b.%I = a.%I)',
      conrelid::regclass, own.attname, confrelid::regclass, other.attname, own.attname) as sql
    from pg_constraint
    join pg_attribute own on own.attrelid = conrelid and own.attnum = conkey[1]
    join pg_attribute other on other.attrelid = confrelid and other.attnum = confkey[1]
    where contype = 'f' and cardinality(conkey) = 1`)
  const found: string[] = []
  for (const { name, sql } of keys) {
    const { rows } = await client.query(sql)
    if (rows[0].count > 0) found.push(`foreign key: ${rows[0].count} rows break ${name}`)
  }
  return found
}

async function readLog(url: string): Promise<LoggedTransaction[]> {
  const storage = createPostgresStorage({ url })
  await storage.open()
  try {
    const log: LoggedTransaction[] = []
    for (;;) {
      const next = await storage.tail(log.length, 1000)
      if (next.length === 0) return log
      log.push(...next)
    }
  } finally {
    await storage.close()
  }
}
