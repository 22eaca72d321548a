import { afterEach, beforeEach, expect, test } from 'vitest'
import { documentOf } from '../../src/storage/sql/inserts.ts'
import type { AnyRow } from '../../src/storage/sql/query.ts'
import {
  Article,
  Comment,
  counted,
  isSqlite,
  openQueries,
  Profile,
  type QueryFixture,
  Tag,
  Thing,
  Ticket,
  User,
  Vote,
  where,
} from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

const nobody = '00000000-0000-7000-8000-000000000000'
const coded = (code: string, violations?: unknown[]) =>
  expect.objectContaining({ code, ...(violations ? { violations } : {}) })
/** What a call fails with, whether at once or later. */
async function failure(work: () => unknown): Promise<any> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

test('an inserted row comes with the document that a read would give, where SQL alone can make it', async () => {
  await f.write(async (session) => {
    const { session: watched, statements } = counted(session)
    const author = await f.queries.insert(watched, User, { name: 'ann' }, { document: true })
    const values = { title: 'A "title" ü', score: -3, author: author.id }
    const article = await f.queries.insert(watched, Article, values, { document: true })
    expect(statements).toHaveLength(2)
    expect(documentOf(article)).toBe(await f.queries.getJson(session, Article, article.id))
    expect(documentOf(author)).toBe(await f.queries.getJson(session, User, author.id))
    // Its virtual field needs code.
    expect(documentOf(await f.queries.insert(session, Thing, { label: 'x' }, { document: true }))).toBeUndefined()
    expect(documentOf(await f.queries.insert(session, Tag, { name: 'x' }))).toBeUndefined()
  })
})

test('an insert fills in what is not given, and returns the row', async () => {
  await f.write(async (session) => {
    const { session: watched, statements } = counted(session)
    const row = await f.queries.insert(watched, Thing, { label: 'x', count: undefined })
    expect(statements).toHaveLength(1)
    const now = new Date(f.clock.now)
    expect(row).toMatchObject({
      id: 1,
      label: 'x',
      count: null,
      level: 'low',
      createdAt: now,
      updatedAt: now,
      version: 1,
      shout: 'x!hush',
    })
    expect(row).not.toHaveProperty('secret')
    expect(await f.queries.get(session, Thing, 1, { fields: ['secret'] })).toEqual({ secret: 'hush' })
    const given = await f.queries.insert(
      session,
      Thing,
      { id: 7, label: 'y', version: 5, createdAt: new Date(0) },
      { fields: ['id', 'version', 'createdAt', 'secret'] },
    )
    expect(given).toEqual({ id: 7, version: 5, createdAt: new Date(0), secret: 'hush' })
    expect((await f.queries.insert(session, Thing, { label: 'z' })).id).toBe(8)
    const user = await f.queries.insert(session, User, { name: 'ann' })
    expect(user.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  })
})

test('many rows go in few statements, in their order, all or none', async () => {
  await f.write(async (session) => {
    const { session: watched, statements } = counted(session)
    const rows = await f.queries.insertMany(
      watched,
      Tag,
      Array.from({ length: 1000 }, (_, at) => ({ name: `t${at}` })),
    )
    expect(rows.map((row) => row.name)).toEqual(Array.from({ length: 1000 }, (_, at) => `t${at}`))
    // 256 + 256 + 256 + 128 + 64 + 32 + 8
    expect(statements).toHaveLength(7)
    expect(new Set(rows.map((row) => row.id)).size).toBe(1000)
    const things = await f.queries.insertMany(session, Thing, [{ label: 'a' }, { id: 10, label: 'b' }, { label: 'c' }])
    expect(things.map((row) => [row.id, row.label])).toEqual([
      [1, 'a'],
      [10, 'b'],
      [11, 'c'],
    ])
    expect(await f.queries.insertMany(session, Tag, [])).toEqual([])
    expect(await f.queries.insertMany(session, Ticket, [{}, {}, { id: 7 }, {}])).toEqual(
      [1, 2, 7, 8].map((id) => ({ id })),
    )
    const twice = await failure(() =>
      f.queries.insertMany(session, Tag, [
        ...Array.from({ length: 300 }, (_, at) => ({ name: `n${at}` })),
        { name: 't5' },
      ]),
    )
    expect(twice).toEqual(coded('unique_violation'))
    expect(await f.queries.count(session, Tag)).toBe(1000)
  })
})

test('an update bumps version and time, even twice within a millisecond', async () => {
  await f.write(async (session) => {
    const { id } = await f.queries.insert(session, Thing, { label: 'x', price: '1.5000' })
    const first = (await f.queries.update(session, Thing, id, { label: 'y' }))!
    const second = (await f.queries.update(session, Thing, id, { count: 3 }))!
    expect([first.version, second.version]).toEqual([2, 3])
    expect([first.updatedAt, second.updatedAt]).toEqual([new Date(f.clock.now + 1), new Date(f.clock.now + 2)])
    expect(second).toMatchObject({ label: 'y', count: 3, price: '1.5000', createdAt: new Date(f.clock.now) })
    f.clock.now += 1000
    expect((await f.queries.update(session, Thing, id, {}))!.updatedAt).toEqual(new Date(f.clock.now))
    f.clock.now -= 500_000
    expect((await f.queries.update(session, Thing, id, { count: null }))!).toMatchObject({
      version: 5,
      count: null,
      updatedAt: new Date(f.clock.now + 500_001),
    })
    expect(await f.queries.update(session, Thing, 99, { label: 'z' })).toBeUndefined()
    expect(await f.queries.update(session, Thing, 'no key', { label: 'z' })).toBeUndefined()
    expect(await f.queries.updateMany(session, Thing, where(Thing, { label: 'y' }), { count: 9 })).toBe(1)
    expect(await f.queries.get(session, Thing, id)).toMatchObject({ count: 9, version: 6 })
  })
})

test('a change based on another version is refused, of a row that is not there not found', async () => {
  await f.write(async (session) => {
    const { id } = await f.queries.insert(session, Thing, { label: 'x' })
    expect(await f.queries.update(session, Thing, id, { label: 'y' }, { version: 1 })).toMatchObject({ version: 2 })
    expect(await failure(() => f.queries.update(session, Thing, id, { label: 'z' }, { version: 1 }))).toEqual(
      coded('precondition_failed'),
    )
    expect(await failure(() => f.queries.delete(session, Thing, id, { version: 1 }))).toEqual(
      coded('precondition_failed'),
    )
    const hidden = { version: 1, restrict: () => where(Thing, { label: 'other' }) }
    expect(await f.queries.update(session, Thing, id, { label: 'z' }, hidden)).toBeUndefined()
    expect(await f.queries.update(session, Thing, 99, { label: 'z' }, { version: 1 })).toBeUndefined()
    expect(await failure(() => f.queries.update(session, Tag, nobody, { name: 'z' }, { version: 1 }))).toEqual(
      coded('definition_invalid'),
    )
    expect(await f.queries.delete(session, Thing, id, { version: 2 })).toMatchObject({ id, label: 'y' })
    expect(await f.queries.delete(session, Thing, id)).toBeUndefined()
  })
})

test('a restriction hides rows from update and delete', async () => {
  await f.write(async (session) => {
    const { id } = await f.queries.insert(session, Thing, { label: 'mine', count: 1 })
    const restrict = () => where(Thing, { label: 'mine', count: { lt: 2 } })
    expect(await f.queries.update(session, Thing, id, { count: 2 }, { restrict })).toMatchObject({ count: 2 })
    expect(await f.queries.update(session, Thing, id, { count: 1 }, { restrict })).toBeUndefined()
    expect(await f.queries.delete(session, Thing, id, { restrict })).toBeUndefined()
    expect(await f.queries.count(session, Thing)).toBe(1)
    expect(await f.queries.deleteMany(session, Thing, where(Thing, { count: { gt: 2 } }))).toBe(0)
    expect(await f.queries.deleteMany(session, Thing, where(Thing, { count: 2 }))).toBe(1)
  })
})

test('links are written with their row, and an update replaces them, touching none that stays', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    const tags = (
      await f.queries.insertMany(
        session,
        Tag,
        ['a', 'b', 'c'].map((name) => ({ name })),
      )
    ).map((tag) => tag.id)
    const { session: watched, statements } = counted(session)
    const article = await f.queries.insert(watched, Article, { title: 'x', author, tags: [tags[0], tags[1], tags[0]] })
    expect(statements).toHaveLength(2)
    const names = async () =>
      ((await f.queries.get(session, Article, article.id, { include: { tags: { sort: 'name' } } }))!.tags as AnyRow[])
        .map((tag) => tag.name)
        .join('')
    expect(await names()).toBe('ab')
    const changed = await f.queries.update(session, Article, article.id, { tags: [tags[1], tags[2]] })
    expect(changed).toMatchObject({ version: 2, updatedAt: new Date(f.clock.now + 1) })
    expect(await names()).toBe('bc')
    await f.queries.update(session, Article, article.id, { title: 'y' }, { fields: ['title'] })
    expect(await names()).toBe('bc')
    expect(await f.queries.updateMany(session, Article, where(Article, { title: 'y' }), { tags: [] })).toBe(1)
    expect(await names()).toBe('')
    const missing = await failure(() =>
      f.queries.insert(session, Article, { title: 'z', author, tags: [tags[0], nobody] }),
    )
    expect(missing).toEqual(
      coded('reference_not_found', [{ path: ['tags', 1], code: 'reference_not_found', message: 'refers to no tag' }]),
    )
    const replaced = await failure(() =>
      f.queries.update(session, Article, article.id, { title: 'z', tags: [nobody, tags[0]] }),
    )
    expect(replaced).toEqual(
      coded('reference_not_found', [{ path: ['tags', 0], code: 'reference_not_found', message: 'refers to no tag' }]),
    )
    expect(await names()).toBe('')
    expect(await f.queries.count(session, Article, { where: where(Article, { title: 'z' }) })).toBe(0)
  })
})

test('a list of rows may have links', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    const tag = (await f.queries.insert(session, Tag, { name: 'a' })).id
    const rows = await f.queries.insertMany(
      session,
      Article,
      [
        { title: 'x', author, tags: [tag] },
        { title: 'y', author },
      ],
      { fields: ['title'] },
    )
    expect(rows.map((row) => row.title)).toEqual(['x', 'y'])
    expect(await f.queries.count(session, Article, { where: where(Article, { tags: { some: { name: 'a' } } }) })).toBe(
      1,
    )
    expect(
      await failure(() =>
        f.queries.insertMany(session, Article, [
          { title: 'z', author },
          { title: 'w', author, tags: [nobody] },
        ]),
      ),
    ).toEqual(coded('reference_not_found'))
    expect(await f.queries.count(session, Article)).toBe(2)
  })
})

test('a reference to nothing is named by its field', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    const violation = (...path: (string | number)[]) => ({
      path,
      code: 'reference_not_found',
      message: 'refers to no user',
    })
    const one = await failure(() => f.queries.insert(session, Article, { title: 'x', author, editor: nobody }))
    expect(one).toEqual(coded('reference_not_found', [violation('editor')]))
    expect(one.subject).toBe('article')
    const both = await failure(() => f.queries.insert(session, Article, { title: 'x', author: nobody, editor: nobody }))
    expect(both).toEqual(coded('reference_not_found', [violation('author'), violation('editor')]))
    const many = await failure(() =>
      f.queries.insertMany(session, Article, [
        { title: 'x', author },
        { title: 'y', author: nobody },
      ]),
    )
    expect(many).toEqual(coded('reference_not_found', [violation(1, 'author')]))
    const article = await f.queries.insert(session, Article, { title: 'x', author })
    expect(await failure(() => f.queries.update(session, Article, article.id, { editor: nobody }))).toEqual(
      coded('reference_not_found', [violation('editor')]),
    )
    expect(await failure(() => f.queries.updateMany(session, Article, where(Article, {}), { author: nobody }))).toEqual(
      coded('reference_not_found', [violation('author')]),
    )
  })
})

test('a row in use can not go, and the error says what uses it', async () => {
  await f.write(async (session) => {
    const ann = await f.queries.insert(session, User, { name: 'ann' })
    const bob = await f.queries.insert(session, User, { name: 'bob' })
    const article = await f.queries.insert(session, Article, { title: 'x', author: ann.id, editor: bob.id })
    const comment = await f.queries.insert(session, Comment, { body: 'c', article: article.id, author: bob.id })
    const held = (message: string) => coded('reference_in_use', [{ path: [], code: 'reference_in_use', message }])
    const failed = await failure(() => f.queries.delete(session, User, ann.id))
    expect(failed).toEqual(held('article.author still refers to it'))
    expect(failed.subject).toBe('user')
    expect(await failure(() => f.queries.deleteMany(session, User, where(User, { name: 'bob' })))).toEqual(
      held('comment.author still refers to it'),
    )
    expect(await failure(() => f.queries.update(session, User, ann.id, { id: nobody }))).toEqual(
      held('article.author still refers to it'),
    )
    // What goes with a row can be held itself.
    await f.queries.insert(session, Vote, { user: bob.id, article: article.id })
    expect(await failure(() => f.queries.delete(session, Article, article.id))).toEqual(
      held('vote.article still refers to it'),
    )
    await f.queries.delete(session, Vote, { user: bob.id, article: article.id })
    expect(await f.queries.delete(session, Article, article.id)).toMatchObject({ title: 'x' })
    expect(await f.queries.get(session, Comment, comment.id)).toBeUndefined()
    await f.queries.insert(session, Profile, { user: bob.id })
    expect(await f.queries.delete(session, User, bob.id)).toMatchObject({ name: 'bob' })
    expect(await f.queries.count(session, Profile)).toBe(0)
  })
})

test('a taken value is named, and the rest of the transaction goes on', async () => {
  await f.write(async (session) => {
    await f.queries.insert(session, User, { name: 'ann' })
    const taken = await failure(() => f.queries.insert(session, User, { name: 'ann' }))
    expect(taken).toMatchObject({ code: 'unique_violation', violations: [{ path: ['name'] }] })
    const bob = await f.queries.insert(session, User, { name: 'bob' })
    expect(await failure(() => f.queries.update(session, User, bob.id, { name: 'ann' }))).toMatchObject({
      code: 'unique_violation',
    })
    expect(await failure(() => f.queries.insert(session, User, { name: null }))).toMatchObject({
      code: 'check_violation',
      violations: [{ path: ['name'] }],
    })
  })
  expect(await f.read((session) => f.queries.count(session, User))).toBe(2)
})

test('typed SQL runs in the same transaction and refuses another', async () => {
  await f.write(async (session) => {
    await f.queries.insert(session, Tag, { name: 'a' })
    const sql = f.queries.kyselyFor<any>(session)
    expect(await sql.selectFrom('tag').select('name').execute()).toEqual([{ name: 'a' }])
    const inserted = await sql
      .insertInto('thing')
      .values({ label: 'x', createdAt: new Date(0), updatedAt: '1970-01-01T00:00:00.000Z', version: 1, done: true })
      .returning(['id', 'done'])
      .executeTakeFirstOrThrow()
    expect(inserted).toEqual({ id: 1, done: isSqlite ? 1 : true })
    expect(await f.queries.get(session, Thing, 1)).toMatchObject({ done: true, createdAt: new Date(0) })
    const updated = await sql.updateTable('thing').set({ label: 'y' }).executeTakeFirst()
    expect(updated.numUpdatedRows).toBe(1n)
    expect((await sql.deleteFrom('tag').executeTakeFirst()).numDeletedRows).toBe(1n)
    expect(await failure(() => sql.transaction().execute(async () => {}))).toEqual(coded('statement_refused'))
    expect(await failure(() => sql.startTransaction().execute())).toEqual(coded('statement_refused'))
    expect(
      await failure(async () => {
        for await (const _ of sql.selectFrom('tag').selectAll().stream()) break
      }),
    ).toEqual(coded('statement_refused'))
  })
})

test('what is asked for again compiles nothing anew', async () => {
  await f.write(async (session) => {
    const { session: spied, run } = counted(session)
    const work = async (at: number) => {
      const user = await f.queries.insert(spied, User, { name: `u${at}` })
      await f.queries.find(spied, User, {
        where: where(User, { name: { in: Array.from({ length: at }, (_, one) => `${one}`) } }),
        limit: at,
        sort: '-name',
        include: { articles: { limit: at, where: { score: at } } },
      })
      await f.queries.update(spied, User, user.id, { name: `v${at}` })
      await f.queries.get(spied, User, user.id)
      await f.queries.getJson(spied, User, user.id)
      await f.queries.findJson(spied, User, { limit: at })
      await f.queries.delete(spied, User, user.id)
    }
    await work(1)
    const first = run.splice(0)
    await work(2)
    expect(run).toHaveLength(first.length)
    expect(run.every((statement, at) => statement === first[at])).toBe(true)
  })
})
