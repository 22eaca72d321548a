import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { type Item, itemAt, itemCount } from '../item.ts'
import { newestPath, newItem, pageSize } from '../workload.ts'
import type { BenchDatabases } from './databases.ts'
import type { Running } from './servers.ts'

/**
 * Asks a server what it will be asked, before anything is timed, and compares each answer with what is in its database.
 *
 * @throws AssertionError
 */
export async function checkPostgresAnswers(server: Running, databases: BenchDatabases): Promise<void> {
  for (const id of [1, 777, itemCount]) deepStrictEqual(await answerOf(server, `/items/${id}`), itemAt(id))
  const expected = Array.from({ length: pageSize }, (_, at) => itemAt(itemCount - at))
  deepStrictEqual(await answerOf(server, newestPath), expected, `${server.kind}: the newest items`)
  const before = await countRows(server, databases)
  const given = newItem(1)
  const { id, createdAt, ...rest } = (await answerOf(server, '/items', given)) as Item
  deepStrictEqual(rest, { ...given, done: false }, `${server.kind}: the new item`)
  deepStrictEqual(await answerOf(server, `/items/${id}`), { id, ...given, done: false, createdAt })
  strictEqual(await countRows(server, databases), before + 1, `${server.kind}: rows after one write`)
}

/** Rows that are in the server's database, read by a connection of the bench's own. */
export async function countRows({ url }: Running, databases: BenchDatabases): Promise<number> {
  return Number((await databases.query(url, 'select count(*) as n from item'))[0]!.n)
}

async function answerOf({ port, kind }: Running, path: string, body?: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const post = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, post)
  const text = await response.text()
  strictEqual(response.status, body === undefined ? 200 : 201, `${kind} ${path}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}
