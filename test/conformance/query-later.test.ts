import { expect, test } from 'vitest'
import type { AnyRow } from '../../src/storage/sql/query.ts'
import type { Session } from '../../src/storage/storage.ts'
import { Article, Comment, openQueries, type QueryFixture, Tag, User, where } from './query-fixture.ts'

/** The session of an engine that answers later, as one in another process does. */
function later(session: Session): Session {
  return new Proxy(session, {
    get(target, name) {
      const member = (target as unknown as Record<string | symbol, unknown>)[name]
      if (typeof member !== 'function' || name === 'savepoint') {
        return typeof member === 'function' ? member.bind(target) : member
      }
      return async (...given: unknown[]) => member.apply(target, given)
    },
  })
}

const nobody = '00000000-0000-7000-8000-000000000000'

/** Every kind of call, and what came of it. */
async function scenario({ queries }: QueryFixture, session: Session): Promise<unknown[]> {
  const log: unknown[] = []
  const note = async (work: () => unknown) => {
    try {
      log.push(await work())
    } catch (error) {
      const { code, violations } = error as { code: string; violations: unknown }
      log.push({ code, violations })
    }
  }
  const key = (at: number) => `00000000-0000-7000-8000-00000000000${at}`
  const [ann, bob, one, two, tag] = [key(1), key(2), key(3), key(4), key(5)]
  const title = { title: 'word one' }
  await note(() =>
    queries.insertMany(
      session,
      User,
      Array.from({ length: 5 }, (_, at) => ({ id: key(at + 1), name: `u${at}` })),
    ),
  )
  await note(() => queries.insert(session, Tag, { id: tag, name: 'a' }))
  await note(() => queries.insert(session, Article, { id: one, ...title, author: ann, tags: [tag] }))
  await note(() => queries.insertMany(session, Article, [{ id: two, title: 'two', author: bob, tags: [] }]))
  await note(() => queries.insert(session, Article, { title: 'x', author: nobody }))
  await note(() => queries.insert(session, Article, { title: 'x', author: ann, tags: [nobody] }))
  await note(() =>
    queries.insertMany(
      session,
      Comment,
      Array.from({ length: 1001 }, (_, at) => ({ body: `${at}`, article: one, author: bob })),
    ),
  )
  await note(() => queries.get(session, Article, one, { include: { tags: true, author: true } }))
  await note(() => queries.getJson(session, Article, two))
  await note(() => queries.getJson(session, Article, nobody, { fields: ['title'] }))
  await note(() => queries.find(session, Article, { sort: '-title', limit: 1 }))
  await note(() =>
    queries.findJson(session, Article, { sort: '-title', limit: 1, include: { n: { count: 'comments' } } }),
  )
  await note(() => queries.find(session, Article, { include: { comments: true } }))
  await note(() => queries.first(session, Article, { sort: 'title' }))
  await note(() => queries.count(session, Comment, { where: where(Comment, { article: one }) }))
  await note(() => queries.aggregate(session, Comment, { by: ['article'], count: true, sum: ['id'] }))
  await note(async () =>
    (await queries.search(session, Article, 'wor', { highlight: true })).hits.map((hit) => hit.highlights),
  )
  await note(() => queries.update(session, Article, one, { title: 'new', tags: [] }, { version: 1 }))
  await note(() => queries.update(session, Article, one, { title: 'newer' }, { version: 1 }))
  await note(() => queries.update(session, Article, one, { tags: [nobody] }))
  await note(() => queries.updateMany(session, Article, where(Article, {}), { tags: [tag] }))
  await note(() => queries.delete(session, User, ann))
  await note(() => queries.deleteMany(session, User, where(User, { name: 'u1' })))
  await note(() => queries.deleteMany(session, Comment, where(Comment, { id: { lte: 1000 } })))
  await note(
    async () =>
      ((await queries.kyselyFor<any>(session).selectFrom('comment').select('id').execute()) as AnyRow[]).length,
  )
  return log
}

test('an engine that answers later gives the same answers and the same errors', async () => {
  const logs: unknown[][] = []
  for (const sessionOf of [(session: Session) => session, later]) {
    const fixture = await openQueries()
    logs.push(await fixture.write((session) => scenario(fixture, sessionOf(session))))
    await fixture.close()
  }
  expect(logs[0]!.filter((one) => (one as { code?: string } | undefined)?.code)).toMatchObject([
    { code: 'reference_not_found' },
    { code: 'reference_not_found' },
    { code: 'result_too_large' },
    { code: 'precondition_failed' },
    { code: 'reference_not_found' },
    { code: 'reference_in_use' },
    { code: 'reference_in_use' },
  ])
  expect(logs[1]).toEqual(logs[0])
})
