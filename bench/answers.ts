import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { type Item, itemAt, itemCount } from './item.ts'
import type { RunningServer } from './server-kind.ts'
import { newestPath, newItem, pageSize, type Workload } from './workload.ts'

const checkedIds = [1, 2, 3, 777, 50_000, itemCount - 1, itemCount]

/**
 * Asks a server what it will be asked, before anything is timed, and compares each answer with what is in its database.
 *
 * @throws AssertionError
 */
export async function checkAnswers(server: RunningServer, workloads: readonly Workload[]): Promise<void> {
  if (server.kind === 'raw') {
    await checkSizes(server)
    return
  }
  if (workloads.includes('hello')) deepStrictEqual(await answerOf(server, '/'), { hello: 'world' })
  for (const id of workloads.includes('read') ? checkedIds : []) {
    deepStrictEqual(await answerOf(server, `/items/${id}`), itemAt(id), `${server.kind}: item ${id}`)
  }
  if (workloads.includes('list')) {
    const expected = Array.from({ length: pageSize }, (_, at) => itemAt(itemCount - at))
    deepStrictEqual(await answerOf(server, newestPath), expected, `${server.kind}: the newest items`)
  }
  if (workloads.includes('write')) await checkWrites(server)
}

// Its answers mean nothing, but they must be as large as the real ones.
async function checkSizes(server: RunningServer): Promise<void> {
  deepStrictEqual(await answerOf(server, '/'), { hello: 'world' })
  deepStrictEqual(await answerOf(server, '/items/1'), itemAt(itemCount / 2))
  strictEqual(((await answerOf(server, newestPath)) as Item[]).length, pageSize)
}

async function checkWrites(server: RunningServer): Promise<void> {
  const before = countItems(server)
  const given = newItem(1)
  const { id, createdAt, ...rest } = (await answerOf(server, '/items', given, 201)) as Item
  deepStrictEqual(rest, { ...given, done: false }, `${server.kind}: the new item`)
  strictEqual(new Date(createdAt).toISOString(), createdAt, `${server.kind}: createdAt`)
  deepStrictEqual(await answerOf(server, `/items/${id}`), { id, ...given, done: false, createdAt })
  for (const bad of [
    { title: '', body: '' },
    { title: 'x'.repeat(201), body: '' },
    { title: 'x', body: 'x'.repeat(10_001) },
  ]) {
    const status = await statusOf(server, bad)
    strictEqual(status === 400 || status === 422, true, `${server.kind} answers ${status} to an item that is not valid`)
  }
  strictEqual(countItems(server), before + 1, `${server.kind}: rows after one write`)
}

/** Rows that are in the server's database, read by a connection of the bench's own. */
export function countItems({ file }: Pick<RunningServer, 'file'>): number {
  const db = new DatabaseSync(file!, { readOnly: true, timeout: 10_000 })
  try {
    return Number(db.prepare('select count(*) as n from item').get()!.n)
  } finally {
    db.close()
  }
}

async function answerOf(server: RunningServer, path: string, body?: unknown, status = 200): Promise<unknown> {
  const response = await ask(server, path, body)
  const text = await response.text()
  strictEqual(response.status, status, `${server.kind} ${path}: ${text.slice(0, 300)}`)
  strictEqual(response.headers.get('content-type')?.split(';')[0], 'application/json')
  return JSON.parse(text)
}

async function statusOf(server: RunningServer, body: unknown): Promise<number> {
  const response = await ask(server, '/items', body)
  await response.arrayBuffer()
  return response.status
}

function ask({ port }: RunningServer, path: string, body?: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const post = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
  return fetch(`http://127.0.0.1:${port}${path}`, post)
}
