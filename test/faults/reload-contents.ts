import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

/** What is wrong with the rows and the jobs of the requests that were acknowledged: each must have happened once. */
export async function readReloaded(database: string, acknowledged: readonly string[]): Promise<string[]> {
  const tables = database.startsWith('postgres') ? await readPostgres(database) : readSqlite(database)
  return Object.entries(tables).flatMap(([table, requests]) => wrongIn(table, requests, acknowledged))
}

type Tables = Record<'order' | 'receipt', string[]>

function wrongIn(table: string, requests: readonly string[], acknowledged: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const request of requests) counts.set(request, (counts.get(request) ?? 0) + 1)
  const doubled = [...counts].filter(([, count]) => count > 1).map(([request]) => `${request} is in ${table} twice`)
  const lost = acknowledged.filter((request) => !counts.has(request)).map((request) => `${request} is lost in ${table}`)
  const known = new Set(acknowledged)
  const unknown = [...counts.keys()]
    .filter((request) => !known.has(request))
    .map((one) => `${one} was not acknowledged`)
  return [...doubled, ...lost, ...unknown].slice(0, 20)
}

function readSqlite(file: string): Tables {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  try {
    const read = (table: string) =>
      db
        .prepare(`select request from "${table}"`)
        .all()
        .map((row) => String(row.request))
    return { order: read('order'), receipt: read('receipt') }
  } finally {
    db.close()
  }
}

async function readPostgres(url: string): Promise<Tables> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const read = async (table: string) => {
      const { rows } = await client.query(`select request from "${table}"`)
      return rows.map((row) => String(row.request))
    }
    return { order: await read('order'), receipt: await read('receipt') }
  } finally {
    await client.end()
  }
}
