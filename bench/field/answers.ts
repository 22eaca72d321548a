import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { articlePage, authorAt, counts, fieldItemAt } from './data.ts'
import type { Peer } from './peers.ts'
import { newItem, pathOf } from './workloads.ts'

/** Asks a server what it will be asked, before anything is timed. @throws AssertionError for an answer that is wrong */
export async function checkFieldAnswers(peer: Peer, port: number): Promise<void> {
  const ask = async (path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const text = await response.text()
    return { status: response.status, value: text === '' ? undefined : JSON.parse(text) }
  }
  const same = (path: string, found: unknown, expected: unknown) =>
    deepStrictEqual(found, expected, `${peer.name} ${path}`)
  if (peer.name === 'raw') {
    strictEqual((await ask('/items/1')).status, 200)
    return
  }
  same('/', (await ask('/')).value, { hello: 'world' })
  for (const id of [1, 777, counts.items]) same('one', plain((await ask(`/items/${id}`)).value), fieldItemAt(id))
  const newest = Array.from({ length: 20 }, (_, at) => fieldItemAt(counts.items - at))
  const withAuthors = (await ask(pathOf('include', peer))).value
  same(
    'authors',
    withAuthors.map((row: any) => row.author),
    newest.map((row) => authorAt(row.authorId)),
  )
  same('included', withAuthors.map(plain), newest)
  const open = Array.from({ length: 60 }, (_, at) => fieldItemAt(counts.items - at)).filter(
    ({ status }) => status === 'open',
  )
  same('filtered', (await ask(pathOf('filtered', peer))).value.map(plain), open.slice(0, 20))
  same('articles', (await ask('/articles?limit=20')).value, articlePage(20))
  const given = newItem(5, peer)
  const made = await ask('/items', given)
  strictEqual(made.status, 201, `${peer.name}: ${JSON.stringify(made.value)}`)
  const { id, createdAt: _, ...rest } = plain(made.value)
  ok(id > counts.items)
  same('new', rest, plain(given))
  const bad = await ask('/items', { ...given, title: '' })
  ok(bad.status === 400 || bad.status === 422, `${peer.name} takes an item without a title: ${bad.status}`)
}

/** A row whatever the reference to its author is called. */
function plain({ author, authorId, ...row }: any): any {
  return { ...row, authorId: authorId ?? author?.id ?? author }
}
