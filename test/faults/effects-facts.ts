// Everything that is in the database of the campaign of effects, the same from both engines.

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Client, types } from 'pg'
import { Schema } from '../../src/schema/index.ts'
import { createPostgresStorage, createSqliteStorage, type LoggedTransaction } from '../../src/storage/index.ts'
import type { Json } from './contents.ts'
import { models } from './effects-app.ts'
import type { Received } from './effects-receiver.ts'

export interface Facts {
  /** Rows of the app's tables, as the log writes them. */
  tables: Map<string, Json[]>
  /** Rows of Monobloc's own tables of effects, as they are. */
  own: Map<string, Json[]>
  log: LoggedTransaction[]
  /** Sequence numbers grow with positions: so with one writer at a time. */
  sequential: boolean
  damage: string[]
  /** What came to the receiver of webhooks, in the order in which it came. */
  received: readonly Received[]
}

type Stored = Omit<Facts, 'received'>

const tableNames = new Schema(Object.values(models)).tables.map(({ name }) => name)

export type Reader = (log: boolean) => Promise<Facts>

/** @param received goes on growing */
export function readerOf(engine: string, database: string, received: readonly Received[]): Reader {
  const read = engine === 'postgres' ? readPostgres : readSqlite
  return async (log) => ({ ...(await read(database, log)), received })
}

async function readSqlite(file: string, log: boolean): Promise<Stored> {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  const damage: string[] = []
  const tables = new Map<string, Json[]>()
  const own = new Map<string, Json[]>()
  try {
    database.exec('begin')
    for (const name of tableNames) tables.set(name, database.prepare(`select * from "${name}"`).all() as Json[])
    const others = database
      .prepare("select name from sqlite_schema where type = 'table' and name like 'monobloc%'")
      .all()
    for (const { name } of others)
      if (isOfEffects(String(name))) own.set(String(name), database.prepare(`select * from "${name}"`).all() as Json[])
    database.exec('commit')
    if (log) {
      for (const row of database.prepare('pragma integrity_check(3)').all())
        if (row.integrity_check !== 'ok') damage.push(`integrity_check: ${row.integrity_check}`)
      damage.push(
        ...database
          .prepare('pragma foreign_key_check')
          .all()
          .map((row) => `foreign key: ${JSON.stringify(row)}`),
      )
    }
  } finally {
    database.close()
  }
  return { tables, own, damage, log: log ? await readLog(createSqliteStorage({ file })) : [], sequential: true }
}

/** Those that say how far effects have come. */
function isOfEffects(name: string): boolean {
  return /^monobloc_(job|tick|consumer|schedule|webhook|delivery|subscriber)/.test(name)
}

async function readPostgres(url: string, log: boolean): Promise<Stored> {
  const client = new Client({ connectionString: url, types: { getTypeParser: parserOf } })
  client.on('error', () => {})
  await client.connect()
  const tables = new Map<string, Json[]>()
  const own = new Map<string, Json[]>()
  try {
    if (log) await becomeQuiet(client)
    await client.query('begin isolation level repeatable read read only')
    for (const name of tableNames) tables.set(name, (await client.query(`select * from "${name}"`)).rows)
    const { rows } = await client.query("select tablename as name from pg_tables where tablename like 'monobloc%'")
    for (const { name } of rows)
      if (isOfEffects(name)) own.set(name, (await client.query(`select * from "${name}"`)).rows)
    await client.query('commit')
  } finally {
    await client.end()
  }
  return { tables, own, damage: [], log: log ? await readLog(createPostgresStorage({ url })) : [], sequential: false }
}

/** Until nobody works there: what a killed process had asked for may still be under way. */
async function becomeQuiet(client: Client): Promise<void> {
  const busy = `
    select pid, state, query from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'`
  const until = performance.now() + 60_000
  for (;;) {
    const { rows } = await client.query(busy)
    if (rows.length === 0) return
    if (performance.now() > until) throw new Error(`the database does not become quiet: ${JSON.stringify(rows)}`)
    await wait(20)
  }
}

function parserOf(oid: number, format?: 'text' | 'binary'): any {
  if (oid === types.builtins.INT8) return Number
  if (oid === types.builtins.NUMERIC) return String
  if (oid === types.builtins.TIMESTAMPTZ) return (text: string) => new Date(text).toISOString()
  return types.getTypeParser(oid, format as 'text')
}

async function readLog(storage: ReturnType<typeof createSqliteStorage>): Promise<LoggedTransaction[]> {
  await storage.open()
  try {
    const log: LoggedTransaction[] = []
    for (;;) {
      const next = await storage.tail(log.at(-1)?.position ?? 0, 1000)
      if (next.length === 0) return log
      log.push(...next)
    }
  } finally {
    await storage.close()
  }
}
