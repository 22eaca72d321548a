import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileMatcher, liveRows, matches, type Relation } from '../../src/schema/index.ts'
import { Queries } from '../../src/storage/sql/queries.ts'
import type { Session } from '../../src/storage/storage.ts'
import { openQueries, type QueryFixture } from './query-fixture.ts'
import { Author, Remark, Story, schema, Tag, where } from './soft-delete-fixture.ts'

let fixture: QueryFixture
let queries: Queries
/** A live and a deleted row of each model that can have one. */
const ids: Record<'ann' | 'bob' | 'kept' | 'gone' | 'red' | 'blue', string> = {} as never
let remarks: { kept: number; gone: number }

// ann wrote two stories, of which one is deleted; bob is deleted himself. Both stories have a tag that is deleted and one
// that is not, and a remark each.
beforeAll(async () => {
  fixture = await openQueries(schema)
  queries = fixture.queries
  await fixture.write(async (session) => {
    const add = async (model: any, row: object) => (await queries.insert(session, model, row as any)).id as any
    ids.ann = await add(Author, { name: 'ann' })
    ids.bob = await add(Author, { name: 'bob' })
    ids.red = await add(Tag, { name: 'red' })
    ids.blue = await add(Tag, { name: 'blue' })
    const tags = [ids.red, ids.blue]
    ids.kept = await add(Story, { title: 'a kept story', words: 10, author: ids.ann, tags })
    ids.gone = await add(Story, { title: 'a lost story', words: 5, author: ids.ann, tags })
    await add(Story, { title: 'by somebody who left', words: 7, author: ids.bob })
    remarks = {
      kept: await add(Remark, { text: 'on the kept one', story: ids.kept }),
      gone: await add(Remark, { text: 'on the lost one', story: ids.gone }),
    }
  })
  await fixture.write(async (session) => {
    await queries.delete(session, Story, ids.gone)
    await queries.delete(session, Author, ids.bob)
    await queries.delete(session, Tag, ids.blue)
  })
})

afterAll(() => fixture.close())

const titles = (rows: readonly Record<string, any>[]) => rows.map((row) => row.title).sort()
const live = ['a kept story', 'by somebody who left']

/** Each read of the port, hidden and asked for on purpose. A method that is not here fails the test below. */
const paths: Record<string, (session: Session) => unknown> = {
  async get(session) {
    expect(await queries.get(session, Story, ids.gone)).toBeUndefined()
    expect(await queries.get(session, Story, ids.gone, { fields: ['title'] })).toBeUndefined()
    expect(await queries.get(session, Story, ids.gone, { where: where(Story, { words: 5 }) })).toBeUndefined()
    expect(await queries.get(session, Story, ids.kept)).toMatchObject({ title: 'a kept story', deletedAt: null })
    const found = await queries.get(session, Story, ids.gone, { withDeleted: true })
    expect(found).toMatchObject({ title: 'a lost story', deletedAt: new Date(fixture.clock.now) })
  },
  async getJson(session) {
    expect(await queries.getJson(session, Story, ids.gone)).toBeUndefined()
    expect(await queries.getJson(session, Story, ids.gone, { fields: ['title'] })).toBeUndefined()
    expect(JSON.parse((await queries.getJson(session, Story, ids.kept))!).title).toBe('a kept story')
    const text = await queries.getJson(session, Story, ids.gone, { withDeleted: true })
    expect(JSON.parse(text!)).toMatchObject({ title: 'a lost story', deletedAt: '2026-11-22T10:00:00.000Z' })
  },
  async find(session) {
    expect(titles((await queries.find(session, Story)).rows)).toEqual(live)
    expect(titles((await queries.find(session, Story, { where: where(Story, { words: { lt: 9 } }) })).rows)).toEqual([
      'by somebody who left',
    ])
    const deleted = where(Story, { deletedAt: { null: false } })
    expect((await queries.find(session, Story, { where: deleted })).rows).toEqual([])
    expect(titles((await queries.find(session, Story, { where: deleted, withDeleted: true })).rows)).toEqual([
      'a lost story',
    ])
  },
  async findJson(session) {
    const { json, count } = await queries.findJson(session, Story)
    expect([titles(JSON.parse(json)), count]).toEqual([live, 2])
    const paged = await queries.findJson(session, Story, { sort: ['-words'], limit: 1 })
    const rest = await queries.findJson(session, Story, { sort: ['-words'], limit: 5, after: paged.next! })
    expect(titles(JSON.parse(rest.json))).toEqual(['by somebody who left'])
    expect((await queries.findJson(session, Story, { withDeleted: true })).count).toBe(3)
  },
  async first(session) {
    const asked = { where: where(Story, { title: 'a lost story' }) }
    expect(await queries.first(session, Story, asked)).toBeUndefined()
    expect(await queries.first(session, Story, { ...asked, withDeleted: true })).toBeDefined()
  },
  async count(session) {
    expect(await queries.count(session, Story)).toBe(2)
    expect(await queries.count(session, Story, { where: where(Story, { author: ids.ann }) })).toBe(1)
    expect(await queries.count(session, Story, { search: 'story' })).toBe(1)
    expect(await queries.count(session, Story, { withDeleted: true })).toBe(3)
  },
  async aggregate(session) {
    const [all] = await queries.aggregate(session, Story, { count: true, sum: ['words'] })
    expect(all).toEqual({ count: 2, sum: { words: 17 } })
    const groups = await queries.aggregate(session, Story, { by: ['author'], max: ['words'] })
    expect(groups.map((group) => (group.max as { words: number }).words).sort()).toEqual([10, 7])
    expect(await queries.aggregate(session, Story, { count: true, withDeleted: true })).toEqual([{ count: 3 }])
  },
  async search(session) {
    const found = await queries.search(session, Story, 'story', { highlight: true })
    expect(titles(found.hits.map(({ row }) => row))).toEqual(['a kept story'])
    expect((await queries.search(session, Story, 'story', { withDeleted: true })).hits).toHaveLength(2)
  },
}

const writes = ['insert', 'insertMany', 'update', 'updateMany', 'delete', 'deleteMany', 'purge']

test('every read of the port is looked at', () => {
  const methods = Object.getOwnPropertyNames(Queries.prototype).filter((name) => name !== 'constructor')
  // Typed SQL sees every row: it is told so.
  expect(methods.filter((name) => !writes.includes(name) && name !== 'kyselyFor').sort()).toEqual(
    Object.keys(paths).sort(),
  )
})

describe('a deleted row is hidden from', () => {
  for (const [name, look] of Object.entries(paths)) {
    test(name, () => fixture.read(async (session) => look(session)))
  }
})

describe('what comes with a row leaves deleted ones out', () => {
  async function included(include: Record<string, any>, model: any = Author, key: unknown = ids.ann) {
    const row = await fixture.read((session) => queries.get(session, model, key, { include }))
    const json = await fixture.read((session) => queries.getJson(session, model, key, { include }))
    return [row, JSON.parse(json!)] as Record<string, any>[]
  }

  test('a list of related rows', async () => {
    for (const row of await included({ stories: true })) expect(titles(row.stories)).toEqual(['a kept story'])
    for (const row of await included({ stories: { where: { words: { gt: 0 } } } })) expect(row.stories).toHaveLength(1)
    for (const row of await included({ stories: { withDeleted: true } })) expect(row.stories).toHaveLength(2)
  })

  test('a list by a link table', async () => {
    for (const row of await included({ tags: true }, Story, ids.kept)) {
      expect(row.tags.map(({ name }: { name: string }) => name)).toEqual(['red'])
    }
    for (const row of await included({ stories: true }, Tag, ids.red))
      expect(titles(row.stories)).toEqual(['a kept story'])
  })

  test('one related row, which is null then', async () => {
    for (const row of await included({ story: true }, Remark, remarks.gone)) expect(row.story).toBeNull()
    for (const row of await included({ story: { withDeleted: true } }, Remark, remarks.gone)) {
      expect(row.story.title).toBe('a lost story')
    }
    // Without the include the reference is what the row holds.
    const row = await fixture.read((session) => queries.get(session, Remark, remarks.gone))
    expect(row!.story).toBe(ids.gone)
  })

  test('what is within what comes with it', async () => {
    for (const row of await included({ story: { include: { tags: true } } }, Remark, remarks.kept)) {
      expect(row.story.tags).toHaveLength(1)
    }
  })

  test('counts and existences', async () => {
    const asked = {
      all: { count: 'stories' },
      some: { exists: 'stories', where: { title: 'a lost story' } },
      kept: { exists: 'stories', where: { title: 'a kept story' } },
      ever: { count: 'stories', withDeleted: true },
    }
    for (const row of await included(asked)) expect(row).toMatchObject({ all: 1, some: false, kept: true, ever: 2 })
    for (const row of await included({ n: { count: 'tags' } }, Story, ids.kept)) expect(row.n).toBe(1)
  })
})

describe('a filter that crosses a relation finds no deleted row, in SQL and in memory', () => {
  const rows = new Map<string, Record<string, any>[]>()
  let links: { near: string; far: string }[]

  beforeAll(async () => {
    await fixture.read(async (session) => {
      for (const model of [Author, Tag, Story, Remark]) {
        rows.set(model.name, (await queries.find(session, model as any, { withDeleted: true })).rows)
      }
      const found = await session.all({ sql: 'select story, tag from story_tags', reach: 'bounded' }, [])
      links = found.map((row) => ({ near: row.story as string, far: row.tag as string }))
    })
  })

  function related({ via, to }: Relation, row: Record<string, any>) {
    const others = rows.get(to.name)!
    if (via.kind === 'ref') return others.filter((other) => other.id === row[via.field])
    if (via.kind === 'inverse') return others.filter((other) => other[via.field] === row.id)
    const isNear = via.near === 'story'
    const pairs = links.filter((pair) => (isNear ? pair.near : pair.far) === row.id)
    return others.filter((other) => pairs.some((pair) => (isNear ? pair.far : pair.near) === other.id))
  }

  test.each<[string, any, unknown, number]>([
    ['to one', Remark, { story: { words: { gt: 0 } } }, 1],
    ['to any one', Remark, { story: {} }, 1],
    ['to none', Remark, { not: { story: {} } }, 1],
    ['to one by its key, which the row holds', Remark, { story: { in: [] } }, 0],
    ['some', Author, { stories: { some: { words: 5 } } }, 0],
    ['every', Author, { stories: { every: { words: 10 } } }, 1],
    ['none', Author, { stories: { none: { words: 5 } } }, 1],
    ['count', Author, { stories: { count: 1 } }, 1],
    ['by links', Story, { tags: { some: { name: 'blue' } } }, 0],
    ['the number of links', Story, { tags: { count: 1 } }, 1],
    ['two steps', Remark, { story: { tags: { some: { name: 'blue' } } } }, 0],
    ['two steps, the first deleted', Remark, { story: { author: { name: 'ann' } } }, 1],
  ])('%s', async (_, model, filter, expected) => {
    const condition = where(model, filter)
    expect(await fixture.read((session) => queries.count(session, model, { where: condition }))).toBe(expected)
    const isLive = compileMatcher(liveRows(model) ?? { kind: 'constant', value: true })
    const found = rows.get(model.name)!.filter((row) => isLive(row) && matches(condition, row, related as never))
    expect(found).toHaveLength(expected)
  })
})
