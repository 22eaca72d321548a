import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Field, kindOf } from '../../src/schema/index.ts'
import type { AnyRow, FindQuery } from '../../src/storage/sql/query.ts'
import {
  Article,
  Comment,
  counted,
  isSqlite,
  openQueries,
  type QueryFixture,
  Tag,
  Thing,
  User,
} from './query-fixture.ts'

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries()
})
afterEach(() => f.close())

const text = fc
  .string({ unit: 'binary', maxLength: 30 })
  .filter((value) => !value.includes('\0') && value.isWellFormed())
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const instant = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
const digits = (whole: number, scale: number) =>
  fc
    .tuple(fc.boolean(), fc.bigInt(0n, 10n ** BigInt(whole + scale) - 1n))
    .map(
      ([minus, units]) =>
        (minus ? '-' : '') +
        (scale
          ? `${units / 10n ** BigInt(scale)}.${String(units % 10n ** BigInt(scale)).padStart(scale, '0')}`
          : String(units)),
    )
    .map((value) => (/^-0(\.0+)?$/.test(value) ? value.slice(1) : value))
// What no JSON text can tell apart: minus zero is stored as zero.
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))
const document = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)))
  .filter((value) => value !== null && !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))

const things = fc.record({
  label: text,
  count: orNull(fc.maxSafeInteger()),
  big: orNull(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  price: orNull(digits(14, 4)),
  whole: orNull(digits(5, 0)),
  ratio: orNull(finite),
  done: orNull(fc.boolean()),
  day: orNull(instant.map((value) => value.toISOString().slice(0, 10))),
  at: orNull(instant),
  level: fc.constantFrom('low', 'high'),
  data: orNull(document),
  raw: orNull(fc.uint8Array({ maxLength: 20 })),
})

const sqlFields = [...(Thing.fields as Map<string, Field>)]
  .filter(([, field]) => field.kind !== 'bytes' && field.kind !== 'virtual')
  .map(([name]) => name)

/** A row as JSON has it, by what each kind of field says. */
function jsonOf(row: AnyRow): unknown {
  const members = Object.entries(row).map(([name, value]) => {
    const field = Thing.fields.get(name) as Field
    const convert = field.kind === 'virtual' ? undefined : kindOf(field).toJson
    return [name, value === null || !convert ? value : convert(value as never)]
  })
  return JSON.parse(JSON.stringify(Object.fromEntries(members)))
}

test('every kind of value reads back as it was written, and is the same document made by SQL and by code', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(things, { minLength: 1, maxLength: 5 }), async (rows) => {
      await f.write(async (session) => {
        const inserted = await f.queries.insertMany(session, Thing, rows)
        for (const [at, row] of inserted.entries()) expect(row).toMatchObject(rows[at]!)
        const ids = inserted.map((row) => row.id as number)
        const page = { sort: '-id', limit: rows.length }
        const found = await f.queries.find(session, Thing, page)
        expect(found.rows).toEqual(inserted.toReversed())
        const { session: watched, statements } = counted(session)
        const bySql = await f.queries.findJson(watched, Thing, { ...page, fields: sqlFields })
        expect(statements[0]).toMatch(isSqlite ? /json_object/ : /row_to_json/)
        const plain = await f.queries.find(session, Thing, { ...page, fields: sqlFields })
        expect(JSON.parse(bySql.json)).toEqual(plain.rows.map(jsonOf))
        expect(Object.keys(JSON.parse(bySql.json)[0])).toEqual(sqlFields)
        const byCode = await f.queries.findJson(session, Thing, page)
        expect(JSON.parse(byCode.json)).toEqual(found.rows.map(jsonOf))
        expect([bySql.next, byCode.next]).toEqual([found.next, found.next])
        for (const id of ids) {
          const row = (await f.queries.get(session, Thing, id))!
          expect(JSON.parse((await f.queries.getJson(session, Thing, id))!)).toEqual(jsonOf(row))
          const document = await f.queries.getJson(watched, Thing, id, { fields: sqlFields })
          expect(statements.at(-1)).toMatch(isSqlite ? /json_object/ : /row_to_json/)
          expect(JSON.parse(document!)).toEqual(
            jsonOf((await f.queries.get(session, Thing, id, { fields: sqlFields }))!),
          )
        }
      })
    }),
    { numRuns: 60 },
  )
})

test('pages of documents have the cursors of pages of rows, whatever is shown and included', async () => {
  await f.write(async (session) => {
    const ann = await f.queries.insert(session, User, { name: 'ann' })
    const tags = await f.queries.insertMany(session, Tag, [{ name: 'a\n' }, { name: ',\n"b"' }])
    for (let at = 0; at < 7; at++) {
      const article = await f.queries.insert(session, Article, {
        title: `,\n{"${at}`,
        body: '\n,\n',
        author: ann.id,
        tags: tags.map((tag) => tag.id),
      })
      await f.queries.insertMany(
        session,
        Comment,
        [1, 2, 3].map((one) => ({ body: `${one},\n`, article: article.id, author: ann.id })),
      )
    }
    const queries: FindQuery[] = [
      {},
      { sort: '-createdAt' },
      { sort: 'score', fields: ['title'] },
      { fields: ['title', 'author', 'body'], include: { author: true } },
      {
        sort: 'title',
        include: {
          tags: true,
          comments: { limit: 2, sort: '-id', include: { author: true } },
          n: { count: 'comments' },
        },
      },
      { fields: [], include: { tags: { fields: ['name'] } } },
    ]
    for (const query of queries) {
      let after: string | undefined
      for (let pages = 0; ; pages++) {
        const rows = await f.queries.find(session, Article, { ...query, limit: 3, after })
        const documents = await f.queries.findJson(session, Article, { ...query, limit: 3, after })
        expect(JSON.parse(documents.json)).toEqual(JSON.parse(JSON.stringify(rows.rows)))
        expect([documents.count, documents.next]).toEqual([rows.rows.length, rows.next])
        if (rows.next === null) {
          expect(pages).toBe(2)
          break
        }
        after = rows.next
      }
    }
  })
})

test('a page without rows is an empty list', async () => {
  await f.write(async (session) => {
    expect(await f.queries.findJson(session, Article, { limit: 5 })).toEqual({ json: '[]', count: 0, next: null })
    expect(await f.queries.getJson(session, Article, 'no key')).toBeUndefined()
    expect(await f.queries.getJson(session, Article, '00000000-0000-7000-8000-000000000000')).toBeUndefined()
  })
})

test('a page that reads as before is cut where its limit says', async () => {
  await f.write(async (session) => {
    await f.queries.insertMany(session, Thing, [{ label: 'a' }, { label: 'b' }, { label: 'c' }])
    const labels = async (limit: number | undefined) => {
      const { json, count, next } = await f.queries.findJson(session, Thing, { fields: ['id', 'label'], limit })
      return [(JSON.parse(json) as { label: string }[]).map(({ label }) => label).join(''), count, next !== null]
    }
    // Two and one more, and three of them, are the same rows.
    expect(await labels(2)).toEqual(['ab', 2, true])
    expect(await labels(3)).toEqual(['abc', 3, false])
    expect(await labels(2)).toEqual(['ab', 2, true])
    expect(await labels(undefined)).toEqual(['abc', 3, false])
    await session.raw(`update thing set label = 'd' where label = 'b'`, [])
    expect(await labels(2)).toEqual(['ad', 2, true])
  })
})

test('JSON documents that another program wrote with line feeds do not break a page', async () => {
  await f.write(async (session) => {
    for (let at = 0; at < 3; at++) await f.queries.insert(session, Thing, { label: 'x' })
    await session.raw(`update thing set data = ${isSqlite ? '?' : '$1'}`, ['{\n"a": [1,\n2]\n}'])
    const page = await f.queries.findJson(session, Thing, { limit: 2, fields: ['id', 'data'] })
    expect(JSON.parse(page.json)).toEqual([1, 2].map((id) => ({ id, data: { a: [1, 2] } })))
  })
})
