import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compareText } from '../../src/schema/index.ts'
import type { AnyRow } from '../../src/storage/sql/query.ts'
import {
  Article,
  counted,
  fillThings,
  isSqlite,
  openQueries,
  planOf,
  type QueryFixture,
  Thing,
  User,
  Vote,
  where,
} from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

const few = <T>(...values: T[]) => fc.constantFrom(...values)
// Few values, so that rows tie; beyond the basic plane, so that code points and UTF-16 units disagree.
const sortValues = {
  label: few('', 'a', 'b', 'ﬀ', '😀', 'B'),
  count: few(null, -1, 0, 2),
  big: few(null, -(2n ** 63n), 2n ** 62n, 2n ** 62n + 1n),
  price: few(null, '-1.0000', '10.0000', '9.0000'),
  ratio: few(null, -1.5, 0, 1e300),
  done: few(null, true, false),
  day: few(null, '2026-01-01', '0999-01-01'),
  at: few(null, new Date(-1), new Date(0)),
}
type Name = keyof typeof sortValues
const row = fc.record(sortValues)
const sort = fc
  .uniqueArray(few(...(Object.keys(sortValues) as Name[]), 'id' as const), { minLength: 0, maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => fc.boolean().map((down) => (down ? `-${name}` : name)))))

/** What happens between two pages; positions are taken modulo the rows there are. */
const change = fc.oneof(
  fc.record({ kind: few('insert' as const), row }),
  fc.record({ kind: few('delete' as const), at: fc.nat(50) }),
  fc.record({ kind: few('move' as const), at: fc.nat(50), row }),
  fc.record({ kind: few('touch' as const), at: fc.nat(50) }),
)

function compareValues(a: unknown, b: unknown): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  if (typeof a === 'string') return compareText(a, b as string)
  const [x, y] = (typeof a === 'bigint' ? [a, b] : [Number(a), Number(b)]) as [number, number]
  return x < y ? -1 : x > y ? 1 : 0
}

function decimalOf(name: string, value: unknown): unknown {
  return name === 'price' && value !== null ? Number(value) : value
}

/** The order that the language of queries promises, worked out in memory. */
function inOrder(rows: AnyRow[], terms: readonly string[]): AnyRow[] {
  const last = terms.at(-1)?.startsWith('-') ? '-id' : 'id'
  const all = [...terms, last]
  return rows.toSorted((a, b) => {
    for (const term of all) {
      const down = term.startsWith('-')
      const name = down ? term.slice(1) : term
      const [x, y] = [decimalOf(name, a[name]), decimalOf(name, b[name])]
      const order = compareValues(x, y)
      if (order !== 0) return down && x !== null && y !== null ? -order : order
    }
    return 0
  })
}

test('pages are in order, nulls last in both directions, and end with the key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 25 }),
      sort,
      fc.integer({ min: 1, max: 7 }),
      fc.boolean(),
      async (rows, terms, limit, asJson) => {
        await f.write(async (session) => {
          await f.queries.deleteMany(session, Thing, where(Thing, {}))
          const inserted = await f.queries.insertMany(session, Thing, rows)
          const found: unknown[] = []
          let after: string | undefined
          for (;;) {
            const query = { sort: terms, limit, after, fields: ['id', 'label'] }
            const page = asJson
              ? await f.queries.findJson(session, Thing, query)
              : await f.queries.find(session, Thing, query)
            const part: AnyRow[] = 'json' in page ? JSON.parse(page.json) : page.rows
            expect(part.length === limit || page.next === null).toBe(true)
            found.push(...part.map((one) => one.id))
            if (page.next === null) break
            after = page.next
          }
          expect(found).toEqual(inOrder(inserted, terms).map((one) => one.id))
        })
      },
    ),
    { numRuns: 150 },
  )
})

test('whatever is written between pages, no row whose sort key stays is skipped or repeated', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 3, maxLength: 20 }),
      sort,
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }),
      async (rows, terms, limit, changes) => {
        const inserted = await f.write(async (session) => {
          await f.queries.deleteMany(session, Thing, where(Thing, {}))
          return f.queries.insertMany(session, Thing, rows)
        })
        const steady = new Map(inserted.map((one) => [one.id, one]))
        const seen: unknown[] = []
        let after: string | undefined
        for (let pages = 0; ; pages++) {
          const page = await f.read((session) => f.queries.find(session, Thing, { sort: terms, limit, after }))
          seen.push(...page.rows.map((one) => one.id))
          if (page.next === null) break
          after = page.next
          expect(pages).toBeLessThan(200)
          for (const one of changes[pages] ?? []) {
            await f.write(async (session) => {
              if (one.kind === 'insert') return f.queries.insert(session, Thing, one.row)
              const target = inserted[one.at % inserted.length]!
              if (one.kind === 'touch') return f.queries.update(session, Thing, target.id, { mail: 'a@b.example' })
              steady.delete(target.id)
              return one.kind === 'delete'
                ? f.queries.delete(session, Thing, target.id)
                : f.queries.update(session, Thing, target.id, one.row)
            })
          }
        }
        const steadySeen = seen.filter((id) => steady.has(id))
        expect(steadySeen).toEqual(inOrder([...steady.values()], terms).map((one) => one.id))
      },
    ),
    { numRuns: 100 },
  )
})

test('a composite key pages too', async () => {
  await f.write(async (session) => {
    const users = await f.queries.insertMany(
      session,
      User,
      ['a', 'b', 'c'].map((name) => ({ name })),
    )
    const articles = await f.queries.insertMany(
      session,
      Article,
      [1, 2, 3].map((one) => ({ title: `${one}`, author: users[0]!.id })),
    )
    const votes = users.flatMap((user) => articles.map((article) => ({ user: user.id, article: article.id, value: 1 })))
    await f.queries.insertMany(session, Vote, votes)
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = await f.queries.find(session, Vote, { sort: '-value', limit: 2, after })
      seen.push(...page.rows.map((one) => `${one.user} ${one.article}`))
      after = page.next ?? undefined
    } while (after)
    expect(seen).toEqual(
      votes
        .map((one) => `${one.user} ${one.article}`)
        .toSorted()
        .toReversed(),
    )
    const one = await f.queries.get(session, Vote, { user: users[1]!.id, article: articles[2]!.id })
    expect(one).toMatchObject({ user: users[1]!.id, article: articles[2]!.id })
    expect(await f.queries.get(session, Vote, { user: users[1]!.id })).toBeUndefined()
  })
})

test('a cursor is refused with another sort, of another model, or made up', async () => {
  await f.write(async (session) => {
    await f.queries.insertMany(
      session,
      Thing,
      [1, 2, 3].map((count) => ({ label: 'x', count })),
    )
    const { next } = await f.queries.find(session, Thing, { sort: 'count', limit: 1 })
    expect(next).toMatch(/^[\w-]+$/)
    const ask = (after: unknown, sort = 'count') =>
      f.queries.find(session, Thing, { sort, limit: 1, after: after as string })
    expect((await ask(next)).rows).toMatchObject([{ count: 2 }])
    const [hash, ...values] = JSON.parse(Buffer.from(next!, 'base64url').toString())
    const made = (list: unknown) => Buffer.from(JSON.stringify(list)).toString('base64url')
    expect((await ask(made([hash, ...values]))).rows).toMatchObject([{ count: 2 }])
    const bad = [
      '',
      'x',
      '%%%',
      7,
      {},
      'bnVsbA',
      made({}),
      made([]),
      made([hash]),
      made([hash, ...values, 1]),
      made([hash, 'x', 1]),
      made([hash, 1.5, 1]),
      made([hash, 1, null]),
      made([hash, 1, '1']),
      made([hash, {}, 1]),
      made([hash, 2 ** 53, 1]),
      made(['', ...values]),
    ]
    for (const after of bad)
      expect(() => ask(after), String(after)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }))
    expect(() => ask(next, '-count')).toThrow(expect.objectContaining({ code: 'invalid_cursor' }))
    expect(() => f.queries.find(session, Article, { sort: 'score', limit: 1, after: next! })).toThrow(
      expect.objectContaining({ code: 'invalid_cursor' }),
    )
  })
})

test('sorts and limits are checked, at the bound and one past it', async () => {
  await f.write(async (session) => {
    const ask = (query: object) => f.queries.find(session, Thing, query)
    for (const sort of ['data', 'raw', 'secret', 'shout', 'nothing', '-', 'id,', '--id']) {
      expect(() => ask({ sort }), sort).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    }
    for (const limit of [0, -1, 1.5, '5', Number.NaN, 2 ** 53]) {
      expect(() => ask({ limit }), String(limit)).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    }
    for (const offset of [-1, 10_001, 0.5]) {
      expect(() => ask({ offset }), String(offset)).toThrow(expect.objectContaining({ code: 'invalid_query' }))
    }
    await f.queries.insertMany(
      session,
      Thing,
      [1, 2, 3].map((count) => ({ label: 'x', count })),
    )
    expect((await ask({ offset: 10_000 })).rows).toEqual([])
    expect((await ask({ offset: 1, limit: 1, sort: 'count' })).rows).toMatchObject([{ count: 2 }])
    expect(() => ask({ fields: ['tags'] })).toThrow(expect.objectContaining({ code: 'invalid_query' }))
  })
})

test('without a limit 10,000 rows are an answer and one more is too many', async () => {
  await f.write(async (session) => {
    await fillThings(session, 10_000)
    expect((await f.queries.find(session, Thing, { fields: ['id'] })).rows).toHaveLength(10_000)
    expect(await f.queries.findJson(session, Thing, { fields: ['id'] })).toMatchObject({ count: 10_000, next: null })
    await f.queries.insert(session, Thing, { label: 'y' })
    await expect(async () => f.queries.find(session, Thing, { fields: ['id'] })).rejects.toMatchObject({
      code: 'result_too_large',
    })
    await expect(async () => f.queries.findJson(session, Thing, { fields: ['id'] })).rejects.toMatchObject({
      code: 'result_too_large',
    })
    expect((await f.queries.find(session, Thing, { fields: ['id'], limit: 10_001 })).rows).toHaveLength(10_001)
  })
})

test('an index gives the order and the place to go on', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    await f.queries.insertMany(
      session,
      Article,
      [1, 2, 3].map((one) => ({ title: `${one}`, author })),
    )
    const plan = async (query: object) => {
      const { session: watched, statements } = counted(session)
      await f.queries.find(watched, Article, query)
      const [statement] = statements as [string]
      const values = Array.from(statement.matchAll(/\?|\$\d+/g), () => 1)
      return (await planOf(session, statement, isSqlite ? values : values.map(placeholder(statement)))).join('; ')
    }
    // A plan is made for values, which must be of their types.
    const placeholder = (statement: string) => (_: number, at: number) => {
      const before = statement.slice(0, statement.indexOf(`$${at + 1}`))
      return /limit $|offset $/.test(before) ? 1 : before.endsWith('< (') ? '2026-01-01T00:00:00.000Z' : author
    }
    const first = await f.queries.find(session, Article, { sort: '-createdAt', limit: 1 })
    expect(await plan({ sort: '-createdAt', limit: 1, after: first.next })).toMatch(
      isSqlite
        ? /SEARCH t1 USING INDEX \S+ \(\(createdAt,id\)<\(\?,\?\)\)/
        : /Limit; +-> +Index Scan Backward using "article-createdAt-index".*; +Index Cond: \(ROW\("createdAt", id\) < /,
    )
    const byAuthor = { sort: '-createdAt', limit: 1, where: where(Article, { author }) }
    const { next } = await f.queries.find(session, Article, byAuthor)
    expect(await plan({ ...byAuthor, after: next })).toMatch(
      isSqlite
        ? /SEARCH t1 USING INDEX \S+ \(author=\? AND \(createdAt,id\)<\(\?,\?\)\)/
        : /Limit; +-> +Index Scan Backward using "article-author-createdAt-index".*; +Index Cond: \(\(author = .*\) AND \(ROW\("createdAt", id\) < /,
    )
  })
})
