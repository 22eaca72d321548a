import { createQueryId } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AnyModel, model, parseFilter, Schema, t } from '../../src/schema/index.ts'
import { postgresDialect as dialect } from '../../src/storage/postgres/postgres-dialect.ts'
import { createPostgresStorage } from '../../src/storage/postgres/postgres-storage.ts'
import { conditionSql, filterContext } from '../../src/storage/sql/filter-sql.ts'
import { valuesOf } from '../../src/storage/sql/filter-sql-values.ts'
import { sql } from '../../src/storage/sql/kysely.ts'
import { newDatabase, type TestDatabase } from './postgres-database.ts'

const User = model('user', {
  id: t.serial(),
  name: t.text(),
  get boss() {
    return t.ref(User, { inverse: 'reports' }).nullable()
  },
})
const Article = model(
  'article',
  {
    id: t.id(),
    title: t.text(),
    views: t.integer().nullable(),
    price: t.decimal(10, 2).nullable(),
    at: t.timestamp().nullable(),
    data: t.json().nullable(),
    get author() {
      return t.ref(User, { inverse: 'articles' }).nullable()
    },
  },
  {
    indexes: [['title'], ['views'], ['price'], ['at'], { fields: ['data.address.city'] }, { fields: ['data.list[0]'] }],
    search: ['title'],
  },
)
const schema = new Schema([User, Article])

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  database = await newDatabase()
  const storage = createPostgresStorage({ url: database.url })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await storage.close()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // As a hot statement runs: with a plan for any values. Tables are too small for an index to pay.
  await client.query('set plan_cache_mode = force_generic_plan; set enable_seqscan = off')
})
afterAll(async () => {
  await client?.end()
  await database?.drop()
})

function compiled(filter: unknown, of: AnyModel) {
  const condition = parseFilter(schema, of, filter)
  const where = conditionSql(filterContext(dialect), condition, 't')
  const query = sql`select "t"."id" from ${sql.table(of.name)} as "t" where ${where}`
  const { sql: text } = dialect
    .kysely()
    .compiler()
    .compileQuery(query.toOperationNode() as never, createQueryId())
  return { text, values: valuesOf(dialect, condition).map((value) => (value === null ? null : String(value))) }
}

let prepared = 0

async function planOf(filter: unknown, of: AnyModel = Article): Promise<string> {
  const { text, values } = compiled(filter, of)
  const name = `plan${prepared++}`
  await client.query(`prepare ${name} as ${text}`)
  const given = values.map((value) => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`))
  const { rows } = await client.query(`explain (costs off) execute ${name}${given.length ? `(${given.join()})` : ''}`)
  return rows.map((row) => row['QUERY PLAN'].trim()).join('; ')
}

describe('an index is used, without the values', () => {
  test.each<[string, unknown, RegExp]>([
    ['for a value', { title: 'x' }, /article-title-index.*Cond: \(title = \$1\)/],
    ['for a list', { title: { in: ['x', 'y'] } }, /article-title-index.*Cond: \(title = ANY \(\$1\)\)/],
    ['for keys', { id: { in: ['01890000-0000-7000-8000-000000000001'] } }, /article_pkey.*Cond: \(id = ANY \(\$1\)\)/],
    ['for null', { views: null }, /article-views-index.*Cond: \(views IS NULL\)/],
    [
      'for a range',
      { views: { gt: 1, lte: 5 } },
      /article-views-index.*Cond: \(\(views > \$1\) AND \(views <= \$2\)\)/,
    ],
    ['for a decimal', { price: { gte: '1.50' } }, /article-price-index.*Cond: \(price >= \$1\)/],
    ['for an instant', { at: { lt: '2026-11-22T00:00:00Z' } }, /article-at-index.*Cond: \(at < \$1\)/],
    [
      'for the beginning of a text',
      { title: { startsWith: 'x' } },
      /article-title-index.*title >= \$1\) AND \(title < \$2/,
    ],
    [
      'for a place in a document',
      { data: { path: { 'address.city': 'Paris' } } },
      /article-data.address.city-index.* = \$1/,
    ],
    [
      'for a number at a place',
      { data: { path: { 'address.city': { gt: 5 } } } },
      /article-data.address.city-index.* > \$1/,
    ],
    ['for a list at a place', { data: { path: { 'address.city': { in: ['a', 1] } } } }, /city-index.* = ANY \(\$1\)/],
    ['for a place that holds nothing', { data: { path: { 'address.city': null } } }, /city-index.* IS NULL/],
    ['for the first of a list', { data: { path: { 'list[0]': 1 } } }, /article-data.list\[0\]-index.* = \$1/],
  ])('%s', async (_, filter, use) => {
    expect(await planOf(filter)).toMatch(use)
  })

  test('for rows that refer to this one', async () => {
    for (const articles of [{ some: { title: 'x' } }, { count: { gte: 2 } }]) {
      expect(await planOf({ articles }, User)).toMatch(/article-(author|title)-index/)
    }
  })
})

function notAndOr(levels: number): unknown {
  if (levels === 1) return { title: 'x', views: { nin: [1] } }
  return levels % 2 ? { or: [notAndOr(levels - 1), { title: 'y' }] } : { not: notAndOr(levels - 1) }
}

describe('the largest filters that are read', () => {
  const ask = async (filter: unknown, of: AnyModel = Article) => {
    const { text, values } = compiled(filter, of)
    return (await client.query(text, values)).rows
  }

  test.each<[string, unknown]>([
    ['200 alternatives', { or: Array.from({ length: 200 }, (_, at) => ({ title: { iendsWith: `${at}` } })) }],
    ['200 places', { and: Array.from({ length: 200 }, (_, at) => ({ data: { path: { [`a${at}`]: { gt: at } } } })) }],
    ['1,000 values', { views: { in: Array.from({ length: 1000 }, (_, at) => at) } }],
    ['20 levels', notAndOr(20)],
    ['a place of 20 steps', { data: { path: { [Array(20).fill('a').join('.')]: 'x' } } }],
  ])('%s', async (_, filter) => {
    expect(await ask(filter)).toEqual([])
  })

  test('19 relations in a row', async () => {
    let filter: unknown = { name: 'x' }
    for (let at = 0; at < 19; at++) filter = at % 2 ? { boss: filter } : { reports: { some: filter } }
    expect(await ask(filter, User)).toEqual([])
  })
})
