import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decimalText, decimalUnits } from '../../src/schema/index.ts'
import { Article, fillThings, openQueries, type QueryFixture, Thing, User, where } from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

const refused = expect.objectContaining({ code: 'invalid_query' })

test('sums and averages of decimals and bigints are exact, beyond 64 bits too', async () => {
  const big = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)
  const price = fc.bigInt(-(10n ** 18n) + 1n, 10n ** 18n - 1n)
  const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ big: orNull(big), price: orNull(price) }), { maxLength: 12 }),
      async (rows) => {
        await f.write(async (session) => {
          await f.queries.deleteMany(session, Thing, where(Thing, {}))
          await f.queries.insertMany(
            session,
            Thing,
            rows.map((row) => ({
              label: 'x',
              big: row.big,
              price: row.price === null ? null : decimalText(row.price, 4),
            })),
          )
          const fields = ['big', 'price']
          const [all] = await f.queries.aggregate(session, Thing, {
            count: true,
            sum: fields,
            avg: fields,
            min: fields,
            max: fields,
          })
          const total = (values: (bigint | null)[]) => {
            const there = values.filter((value) => value !== null)
            if (there.length === 0) return { sum: null, avg: null, min: null, max: null }
            const sum = there.reduce((a, b) => a + b, 0n)
            const sorted = there.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
            return { sum, avg: [sum, BigInt(there.length)] as const, min: sorted[0]!, max: sorted.at(-1)! }
          }
          const ofBig = total(rows.map((row) => row.big))
          const ofPrice = total(rows.map((row) => row.price))
          const decimal = (units: bigint | null) => (units === null ? null : decimalText(units, 4))
          expect(all).toMatchObject({
            count: rows.length,
            sum: { big: ofBig.sum, price: decimal(ofPrice.sum) },
            min: { big: ofBig.min, price: decimal(ofPrice.min) },
            max: { big: ofBig.max, price: decimal(ofPrice.max) },
          })
          for (const [{ avg }, found, scale] of [
            [ofBig, (all!.avg as any).big, 6],
            [ofPrice, (all!.avg as any).price, 10],
          ] as const) {
            if (avg === null) expect(found).toBeNull()
            else {
              // Six digits beyond the scale, so that the error times the count is at most half of the last digit.
              const units = decimalUnits(found, scale)!
              const error = units * avg[1] - avg[0] * 10n ** 6n
              expect((error < 0n ? -error : error) * 2n <= avg[1]).toBe(true)
            }
          }
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('groups have their fields, counts, and extremes of every ordered kind', async () => {
  await f.write(async (session) => {
    await f.queries.insertMany(session, Thing, [
      { label: 'b', done: true, count: 1, ratio: 0.5, at: new Date(5), day: '2026-01-01', price: '1.5000' },
      { label: 'a', done: true, count: 4, ratio: 1.5, at: new Date(3), day: '2025-01-01', price: '2.2500' },
      { label: 'c', done: null, count: null },
      { label: 'd', done: false, count: 7 },
    ])
    const groups = await f.queries.aggregate(session, Thing, {
      by: ['done'],
      count: true,
      sum: ['count', 'ratio'],
      avg: ['count', 'ratio', 'price'],
      min: ['label', 'at'],
      max: ['day', 'id'],
    })
    expect(groups).toEqual([
      {
        done: false,
        count: 1,
        sum: { count: 7, ratio: null },
        avg: { count: 7, ratio: null, price: null },
        min: { label: 'd', at: null },
        max: { day: null, id: 4 },
      },
      {
        done: true,
        count: 2,
        sum: { count: 5, ratio: 2 },
        avg: { count: 2.5, ratio: 1, price: '1.8750000000' },
        min: { label: 'a', at: new Date(3) },
        max: { day: '2026-01-01', id: 2 },
      },
      {
        done: null,
        count: 1,
        sum: { count: null, ratio: null },
        avg: { count: null, ratio: null, price: null },
        min: { label: 'c', at: null },
        max: { day: null, id: 3 },
      },
    ])
    expect(await f.queries.aggregate(session, Thing, { where: where(Thing, { done: true }), count: true })).toEqual([
      { count: 2 },
    ])
    expect(await f.queries.aggregate(session, Thing, { by: ['level'] })).toEqual([{ level: 'low' }])
    const sorted = await f.queries.aggregate(session, Thing, {
      by: ['done'],
      count: true,
      sum: ['count'],
      sort: ['-count', 'sum.count'],
      limit: 2,
    })
    expect(sorted.map((group) => group.done)).toEqual([true, false])
    const none = { where: where(Thing, { label: 'no' }), count: true, sum: ['count'] }
    expect(await f.queries.aggregate(session, Thing, none)).toEqual([{ count: 0, sum: { count: null } }])
    expect(await f.queries.aggregate(session, Thing, { ...none, by: ['done'] })).toEqual([])
  })
})

test('a condition on related rows counts rows once', async () => {
  await f.write(async (session) => {
    const author = (await f.queries.insert(session, User, { name: 'ann' })).id
    await f.queries.insertMany(
      session,
      Article,
      [1, 2].map((score) => ({ title: 'x', author, score })),
    )
    const asked = {
      where: where(Article, { author: { articles: { some: { score: { gte: 1 } } } } }),
      count: true,
      sum: ['score'],
    }
    expect(await f.queries.aggregate(session, Article, asked)).toEqual([{ count: 2, sum: { score: 3 } }])
  })
})

test('a sum of whole numbers that no number can hold is refused, not rounded', async () => {
  await f.write(async (session) => {
    const most = Number.MAX_SAFE_INTEGER
    await f.queries.insertMany(session, Thing, [
      { label: 'x', count: most },
      { label: 'x', count: 0 },
    ])
    const ask = () => f.queries.aggregate(session, Thing, { sum: ['count'] })
    expect(await ask()).toEqual([{ sum: { count: most } }])
    await f.queries.insert(session, Thing, { label: 'x', count: 1 })
    await expect(async () => ask()).rejects.toMatchObject({ code: 'result_too_large' })
  })
})

test('what can not be asked is refused', async () => {
  await f.write(async (session) => {
    const bad = [
      {},
      { by: ['nothing'] },
      { by: ['data'] },
      { sum: ['label'] },
      { avg: ['done'] },
      { min: ['raw'] },
      { max: ['data'] },
      { by: ['count'], count: true },
      { count: true, sort: 'label' },
      { by: ['label'], sort: '-count' },
      { count: true, limit: 0 },
    ]
    for (const query of bad)
      expect(() => f.queries.aggregate(session, Thing, query), JSON.stringify(query)).toThrow(refused)
  })
})

test('10,000 groups are an answer and one more is too many', async () => {
  await f.write(async (session) => {
    await fillThings(session, 10_000)
    expect(await f.queries.aggregate(session, Thing, { by: ['label'] })).toHaveLength(10_000)
    await f.queries.insert(session, Thing, { label: 'y' })
    await expect(async () => f.queries.aggregate(session, Thing, { by: ['label'] })).rejects.toMatchObject({
      code: 'result_too_large',
    })
    expect(await f.queries.aggregate(session, Thing, { by: ['label'], limit: 10_000 })).toHaveLength(10_000)
  })
})
