import pg from 'pg'
import { model, Schema, t } from '../../src/schema/index.ts'
import { type AskTogether, askOn } from '../../src/storage/postgres/postgres-ask.ts'
import { PostgresConnection } from '../../src/storage/postgres/postgres-connection.ts'
import { logTriggers, recordShapesSql } from '../../src/storage/postgres/postgres-log-triggers.ts'
import { prepareOwnTables } from '../../src/storage/postgres/postgres-own-tables.ts'

const Item = model('item', { id: t.integer(), version: t.integer(), note: t.text() }, { key: ['id'] })
const Part = model('part', { id: t.integer(), item: t.ref(Item).onDelete('cascade'), note: t.text() }, { key: ['id'] })
const Scratch = model('scratch', { id: t.integer(), note: t.text() }, { key: ['id'] })

const tables = `
  create table item (id bigint primary key, version bigint not null, note text not null);
  create table part (id bigint primary key, item bigint not null references item on delete cascade, note text not null);
  create index on part (item);
  create table scratch (id bigint primary key, note text not null);
  create sequence fresh_id start 1000`

/** Changes statements of ours, so that the log is wrong. */
export type Sabotage = (sql: string) => string

/** One connection of ours, as the engine has them. */
export async function connectTo(
  url: string,
  name = 'monobloc',
  sabotage?: Sabotage,
): Promise<{ ask: AskTogether; close(): Promise<void>; isLost(): boolean }> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  client.on('error', () => {})
  await client.connect()
  const options = { names: true, epoch: '', graceMillis: 5_000, cancel: async () => {} }
  const connection = new PostgresConnection(client as never, options)
  const right = askOn(connection)
  const ask: AskTogether = sabotage
    ? (statements) => right(statements.map(([{ sql, reach }, values]) => [{ sql: sabotage(sql), reach }, values]))
    : right
  return { ask, close: () => connection.close(), isLost: () => connection.isLost }
}

/** A connection of a program that knows nothing of Monobloc. */
export async function connectOutside(url: string, name = 'outside'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  client.on('error', () => {})
  await client.connect()
  return client
}

/**
 * Makes the tables, with their triggers and the log.
 *
 * @param rows of `item` that writers meet at
 */
export async function makeTables(url: string, rows: number): Promise<void> {
  const connection = await connectTo(url)
  await prepareOwnTables(connection.ask)
  await connection.close()
  const client = await connectOutside(url)
  await client.query(tables)
  for (const table of new Schema([Item, Part, Scratch]).tables) {
    for (const sql of [...recordShapesSql(table), ...logTriggers(table).values()]) await client.query(sql)
  }
  await client.query(`insert into item select n, 0, 'start.' || n from generate_series(1, ${rows}) n`)
  await client.end()
}
