// Functions whose results are kept, by themselves: what their results depend on, and what is never kept.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createCached, ExactCache } from '../../src/cache/index.ts'
import { Units } from '../../src/commit/index.ts'
import { createWebhooks, event } from '../../src/effects/index.ts'
import { model, t } from '../../src/schema/index.ts'
import { Queries } from '../../src/storage/index.ts'
import { engine } from './engine.ts'
import { open } from './unit-fixture.ts'

const Tag = model('tag', { id: t.serial(), name: t.text(), score: t.integer().default(0) })

const Post = model('post', { id: t.serial(), title: t.text(), tags: t.manyToMany(Tag) })

const Comment = model('comment', {
  id: t.serial(),
  score: t.integer().default(0),
  post: t.ref(Post, { inverse: 'comments' }),
})

const Cover = model('cover', {
  id: t.serial(),
  post: t.ref(Post, { inverse: 'cover' }).unique(),
  deletedAt: t.deletedAt(),
})

type Work = (db: any, ...args: any[]) => any

let cache: ExactCache
let units: Units
let now: number

beforeEach(async () => {
  const { schema, policies, hooks } = open({ Tag, Post, Comment, Cover })
  const { storage, close } = await engine.open(schema)
  onTestFinished(close)
  now = 0
  cache = new ExactCache({ storage, schema, capacity: 1_000_000, now: () => now, isUsed: true })
  const queries = new Queries(storage.dialect, schema)
  units = new Units({ storage, queries, schema, hooks, guardFor: () => policies.guard(schema, null), keeper: cache })
  await cache.catchUp()
})

const deadline = 20_000
const read = async (work: Work): Promise<any> => units.read({ deadline }, 'system', (db) => work(db))
const write = (work: Work): Promise<any> => units.write({ deadline }, 'system', (db) => work(db))

const loose = (): any => units.loose('system', { readOnly: false })

let names = 0
function cached<W extends Work>(work: W, options?: { ttl: '10s' }): W {
  return createCached(`function ${++names}`, work, options)
}

/** What a function gives, kept, and what it gives after a write. */
async function around(work: Work, change: Work): Promise<[before: unknown, after: unknown]> {
  const ask = cached(work)
  // What was written before is no change then.
  await cache.catchUp()
  await read(ask)
  const before = await read(ask)
  expect(cache.counters.hits).toBe(1)
  await write(change)
  return [before, await read(ask)]
}

describe('a result with included rows goes with what their order goes by', () => {
  let post: { id: number }
  beforeEach(async () => {
    post = await write(async (db) => {
      const tags = (await db.insert(Tag, [
        { name: 'a', score: 2 },
        { name: 'b', score: 1 },
      ])) as { id: number }[]
      return db.insert(Post, { title: 'first', tags: tags.map(({ id }) => id) })
    })
  })

  const firstOf = (include: object) => async (db: any) => {
    const [found] = await db.find(Post, { include })
    return Object.values(found).at(-1)
  }

  test('where it does not show', async () => {
    const [one, other] = await write((db) =>
      db.insert(Comment, [
        { post: post.id, score: 2 },
        { post: post.id, score: 1 },
      ]),
    )
    const first = firstOf({ comments: { fields: ['id'], sort: '-score', limit: 1 } })
    const results = await around(first, (db) => db.update(Comment, other.id, { score: 3 }))
    expect(results).toEqual([[{ id: one.id }], [{ id: other.id }]])
  })

  test('where it is of a linked row that does not show', async () => {
    const first = firstOf({ tags: { fields: ['name'], sort: ['-score'], limit: 1 } })
    const results = await around(first, (db) => db.update(Tag, { where: { name: 'b' } }, { score: 3 }))
    expect(results).toEqual([[{ name: 'a' }], [{ name: 'b' }]])
  })

  test('where the one row is the one of several that was deleted last', async () => {
    const on = (day: number) => ({ deletedAt: new Date(Date.UTC(2026, 0, day)) })
    const [red, blue] = await write(async (db) => {
      const covers = []
      for (const day of [2, 1]) {
        const { id } = await db.insert(Cover, { post: post.id })
        covers.push(await db.update(Cover, id, on(day)))
      }
      return covers
    })
    const first = firstOf({ cover: { fields: ['id'], withDeleted: true } })
    const results = await around(first, (db) => db.update(Cover, blue.id, on(3)))
    expect(results).toEqual([{ id: red.id }, { id: blue.id }])
  })
})

test('what has state of its own that nobody sees is no argument', async () => {
  const ask = cached(async (_: any, { at }: { at: URL }) => at.href)
  const refused = expect.objectContaining({ code: 'call_invalid' })
  await expect(read((db) => ask(db, { at: new URL('http://a') }))).rejects.toEqual(refused)
})

test('a page within a result still says where the next one begins', async () => {
  await write((db) => db.insert(Post, [{ title: 'first' }, { title: 'second' }]))
  const ask = async (db: any) => ({ posts: await db.find(Post, { limit: 1 }) })
  const next = ({ posts }: any) => posts.next
  const results = (await around(ask, (db) => db.update(Post, 1, { title: 'third' }))).map(next)
  expect(results).toEqual([expect.any(String), results[0]])
})

describe('a result is not kept', () => {
  test('where it has state that nobody sees', async () => {
    const ask = cached(async (_: any) => [new URL('http://a')])
    await read(ask)
    expect((await read(ask))[0].href).toBe('http://a/')
  })

  test('where a transaction of its own was read in', async () => {
    const ask = cached((db: any) => db.transaction((tx: any) => tx.count(Post)))
    expect(await ask(loose())).toBe(0)
    await write((db) => db.insert(Post, { title: 'first' }))
    expect(await ask(loose())).toBe(1)
  })

  test('where it shows webhooks', async () => {
    const hooks = createWebhooks({}, { events: [event('paid', { schema: z.object({}) })] })
    const ask = cached(async (db: any) => (await hooks.in(db).list()).map(({ url }) => url))
    expect(await read(ask)).toEqual([])
    await write((db) => hooks.in(db).add({ url: 'https://shop.example/hook' }))
    expect(await read(ask)).toEqual(['https://shop.example/hook'])
  })
})

describe('a result that is made of another one', () => {
  test('goes with what that read before it threw', async () => {
    const inner = cached(async (db, id: number) => (await db.get(Post, id)).title)
    const outer = (db: any) => inner(db, 1).catch(() => 'none')
    expect(await around(outer, (db) => db.insert(Post, { title: 'first' }))).toEqual(['none', 'first'])
  })

  test('ends with the time to live of that', async () => {
    let calls = 0
    const inner = cached(async (_: any) => ++calls, { ttl: '10s' })
    const first = cached((db: any) => inner(db))
    const second = cached((db: any) => inner(db))
    for (const [at, expected] of [
      [0, 1],
      [9_999, 1],
      [10_000, 2],
    ] as const) {
      now = at
      expect([await read(first), await read(second)]).toEqual([expected, expected])
    }
  })
})
