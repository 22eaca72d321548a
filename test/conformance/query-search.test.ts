import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AnyRow } from '../../src/storage/sql/query.ts'
import type { Session } from '../../src/storage/storage.ts'
import {
  Article,
  counted,
  isSqlite,
  openQueries,
  planOf,
  type QueryFixture,
  Thing,
  User,
  where,
} from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

async function write(
  session: Session,
  ...articles: [title: string, body: string, score?: number][]
): Promise<AnyRow[]> {
  const author = (await f.queries.insert(session, User, { name: `u${Math.random()}` })).id
  return f.queries.insertMany(
    session,
    Article,
    articles.map(([title, body, score]) => ({ title, body, author, score })),
  )
}
const titles = ({ hits }: { hits: { row: AnyRow }[] }) => hits.map((hit) => hit.row.title)

test('the best hits come first, with the words marked and everything else escaped', async () => {
  await f.write(async (session) => {
    await write(
      session,
      ['Herding <cats>', 'They & their "ways"'],
      ['Dogs', 'No cat here, but cats twice: cats'],
      ['Fish', 'swim'],
    )
    const { session: watched, statements } = counted(session)
    const found = await f.queries.search(watched, Article, 'cats', {
      highlight: true,
      include: { author: { fields: [] } },
    })
    expect(statements).toHaveLength(1)
    expect(titles(found).toSorted()).toEqual(['Dogs', 'Herding <cats>'])
    const ranks = found.hits.map((hit) => hit.rank)
    expect(ranks).toEqual(ranks.toSorted((a, b) => b - a))
    const herding = found.hits.find((hit) => hit.row.title !== 'Dogs')!
    expect(herding.highlights).toEqual({
      title: 'Herding &lt;<mark>cats</mark>&gt;',
      body: 'They &amp; their &quot;ways&quot;',
    })
    expect(herding.snippet).toBe('Herding &lt;<mark>cats</mark>&gt;')
    expect(herding.row.author).toEqual({})
    expect(found.next).toBeNull()
    const plain = await f.queries.search(session, Article, 'cats')
    expect(Object.keys(plain.hits[0]!)).toEqual(['row', 'rank'])
  })
})

test('all words must occur, the last may be a beginning, case and accents do not count', async () => {
  await f.write(async (session) => {
    await write(session, ['Über den Fluss', 'naïve words'], ['Fluss', 'other'], ['über', 'fluxus'])
    const ask = async (text: string) =>
      titles(await f.queries.search(session, Article, text, { fields: ['title'] })).toSorted()
    expect(await ask('uber flu')).toEqual(['Über den Fluss', 'über'])
    expect(await ask('FLUSS')).toEqual(['Fluss', 'Über den Fluss'])
    expect(await ask('flus über')).toEqual([])
    expect(await ask('naive wor')).toEqual(['Über den Fluss'])
    expect(await ask('')).toEqual([])
  })
})

test('no text is search syntax', async () => {
  await f.write(async (session) => {
    await write(session, ['plain', 'and or not near'])
    for (const text of [
      '"',
      '"plain',
      'plain OR',
      'NOT',
      'plain NOT near',
      'title:plain',
      '{title}: x',
      '^plain',
      'pl*',
      '*',
      'a"b',
      "'",
      '--',
      'NEAR(plain, 2)',
      '(',
      'plain + near',
      '\u0000plain',
      '\u0301',
    ]) {
      await f.queries.search(session, Article, text)
    }
    expect(titles(await f.queries.search(session, Article, 'and OR NOT "near"'))).toEqual(['plain'])
    for (const text of fc.sample(fc.string({ unit: 'binary', maxLength: 20 }), 100)) {
      await f.queries.search(session, Article, text, { highlight: true })
      await f.queries.count(session, Article, { search: text })
    }
  })
})

test('hits are filtered and paged, and writes keep the index in step', async () => {
  await f.write(async (session) => {
    const articles = await write(
      session,
      ...Array.from({ length: 7 }, (_, at): [string, string, number] => [`word ${at}`, '', at]),
    )
    const seen: unknown[] = []
    let after: string | undefined
    do {
      const page = await f.queries.search(session, Article, 'word', {
        limit: 3,
        after,
        where: where(Article, { score: { gt: 0 } }),
      })
      seen.push(...titles(page))
      after = page.next ?? undefined
    } while (after)
    expect(seen.toSorted()).toEqual(articles.slice(1).map((row) => row.title))
    const first = await f.queries.search(session, Article, 'word', { limit: 1 })
    for (const bad of ['', 'x', 7, first.next!.slice(1)]) {
      expect(() => f.queries.search(session, Article, 'word', { after: bad as string })).toThrow(
        expect.objectContaining({ code: 'invalid_cursor' }),
      )
    }
    expect(() => f.queries.search(session, Article, 'other', { after: first.next! })).toThrow(
      expect.objectContaining({ code: 'invalid_cursor' }),
    )
    await f.queries.update(session, Article, articles[0]!.id, { title: 'changed' })
    await f.queries.delete(session, Article, articles[1]!.id)
    expect(await f.queries.count(session, Article, { search: 'word' })).toBe(5)
    expect((await f.queries.find(session, Article, { search: 'chang', sort: '-title', limit: 5 })).rows).toMatchObject([
      { title: 'changed' },
    ])
    expect(
      JSON.parse(
        (await f.queries.findJson(session, Article, { search: 'word', sort: 'score', limit: 2, fields: ['score'] }))
          .json,
      ),
    ).toEqual([{ score: 2 }, { score: 3 }])
  })
})

test('only what is shown is marked: the index hands its hits out in their order', async () => {
  await f.write(async (session) => {
    await write(session, ['word', 'x'])
    const { session: watched, statements } = counted(session)
    await f.queries.search(watched, Article, 'word', {
      highlight: true,
      where: where(Article, { title: { contains: 'w' } }),
      include: { author: true },
    })
    if (!isSqlite) {
      // PostgreSQL ranks what its index finds. Each value is bound for itself: the words stand where they match, and rank.
      const values = Array.from(statements[0]!.matchAll(/\$\d+(::tsquery|\) > 0)?/g), ([, after]) =>
        after === undefined ? 1 : after === '::tsquery' ? "'word':*" : 'w',
      )
      const plan = await planOf(session, statements[0]!, values)
      expect(plan.join('; ')).toMatch(/Bitmap Index Scan on "article-search"/)
      expect(plan.findIndex((step) => step.includes('Limit'))).toBeLessThan(
        plan.findIndex((step) => step.includes('Sort')),
      )
      return
    }
    const plan = await planOf(session, statements[0]!, ['"word"', 1, 0])
    expect(plan.join('; ')).not.toMatch(/TEMP B-TREE/)
    expect(plan[1]).toMatch(/^SCAN monobloc_search_article VIRTUAL TABLE/)
  })
})

test('a model without search fields can not be searched', async () => {
  await f.write(async (session) => {
    const refused = expect.objectContaining({ code: 'invalid_query' })
    expect(() => f.queries.search(session, Thing, 'x')).toThrow(refused)
    expect(() => f.queries.find(session, Thing, { search: 'x' })).toThrow(refused)
    expect(() => f.queries.search(session, Article, 7 as never)).toThrow(refused)
  })
})
