import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createQueryId, type RawBuilder } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AnyModel, model, parseFilter, Schema, t } from '../../schema/index.ts'
import { sqliteDialect as dialect } from '../sqlite/sqlite-dialect.ts'
import { createSqliteStorage } from '../sqlite/sqlite-storage.ts'
import type { Storage } from '../storage.ts'
import { conditionSql, filterContext } from './filter-sql.ts'
import { indexedFieldSql, inlineConditionSql } from './filter-sql-inline.ts'
import { shapeOf, valuesOf } from './filter-sql-values.ts'
import { kysely, sql } from './kysely.ts'

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
    id: t.serial(),
    title: t.text(),
    views: t.integer().nullable(),
    price: t.decimal(10, 2).nullable(),
    hash: t.bytes().nullable(),
    at: t.timestamp().nullable(),
    data: t.json().nullable(),
    get author() {
      return t.ref(User, { inverse: 'articles' }).nullable()
    },
  },
  {
    indexes: [['title'], ['views'], { fields: ['data.address.city'] }, { fields: ['at'], where: { views: { gt: 5 } } }],
    checks: { sane: { or: [{ views: null }, { views: { gte: 0 } }], price: { lte: 1000 } } },
  },
)
const schema = new Schema([User, Article])
const read = (filter: unknown, of: AnyModel = Article) => parseFilter(schema, of, filter)

let folder: string
let storage: Storage
let database: DatabaseSync
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'filter-sql-'))
  const file = path.join(folder, 'data.db')
  storage = createSqliteStorage({ file })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  database = new DatabaseSync(file)
  database.function('monobloc_fold', { deterministic: true }, (text) => text as string)
})
afterEach(async () => {
  database.close()
  await storage.close()
  rmSync(folder, { recursive: true })
})

function compiled(filter: unknown, of: AnyModel = Article) {
  const where = conditionSql(filterContext(dialect), read(filter, of), 't')
  return textOf(sql`select id from ${sql.table(of.name)} as ${sql.ref('t')} where ${where}`)
}

function textOf(query: RawBuilder<unknown>) {
  return new (kysely().SqliteQueryCompiler)().compileQuery(query.toOperationNode() as never, createQueryId())
}

/** How SQLite goes about it: `SEARCH t USING INDEX article_title_index (title>? AND title<?)` */
function planOf(filter: unknown, of: AnyModel = Article): string {
  const rows = database.prepare(`explain query plan ${compiled(filter, of).sql}`).all()
  return rows.map(({ detail }) => detail).join('; ')
}

describe('an index is used', () => {
  test.each<[string, unknown, string]>([
    ['for a value', { title: 'x' }, '(title=?)'],
    ['for a list', { title: { in: ['x', 'y'] } }, '(title=?)'],
    ['for null', { views: null }, '(views=?)'],
    ['for a range', { views: { gt: 1, lte: 5 } }, '(views>? AND views<?)'],
    ['for the beginning of a text', { title: { startsWith: 'x' } }, '(title>? AND title<?)'],
    ['for a place in a document', { data: { path: { 'address.city': 'Paris' } } }, '(<expr>=?)'],
    ['for a number at a place', { data: { path: { 'address.city': { gt: 5 } } } }, '(<expr>>?)'],
    ['for a place that holds nothing', { data: { path: { 'address.city': null } } }, '(<expr>=?)'],
  ])('%s', (_, filter, use) => {
    expect(planOf(filter)).toContain(use)
  })

  test('for rows that refer to this one', () => {
    expect(planOf({ articles: { some: { title: 'x' } } }, User)).toContain('(author=?)')
    expect(planOf({ articles: { count: { gte: 2 } } }, User)).toContain('(author=?)')
  })
})

describe('one template for a shape', () => {
  const same = (a: unknown, b: unknown) => {
    expect(shapeOf(read(a))).toBe(shapeOf(read(b)))
    expect(compiled(a).sql).toBe(compiled(b).sql)
  }
  const different = (a: unknown, b: unknown) => expect(shapeOf(read(a))).not.toBe(shapeOf(read(b)))

  test('values and lengths of lists are no part of it', () => {
    same({ title: 'x', views: { gt: 1 } }, { title: 'y', views: { gt: 2 } })
    same({ views: { in: [1] } }, { views: { in: [1, 2, 3] } })
    same({ data: { eq: { a: 1 } } }, { data: { eq: [] } })
  })

  test('what changes the SQL is', () => {
    different({ title: 'x' }, { title: null })
    different({ title: 'x' }, { title: { ne: 'x' } })
    different({ views: { null: true } }, { views: { null: false } })
    different({ title: { startsWith: 'a' } }, { title: { startsWith: '\u{10ffff}' } })
    different({ data: { path: { a: 'x' } } }, { data: { path: { a: 5 } } })
    different({ data: { path: { a: 5 } } }, { data: { path: { a: 2 ** 53 } } })
    different({ data: { path: { 'a.b': 5 } } }, { data: { path: { '"a.b"': 5 } } })
    different({ or: [{ title: 'x' }, { views: 1 }] }, { title: 'x', views: 1 })
    different({ author: { name: 'x' } }, { author: { not: { name: 'x' } } })
  })

  test('marks stand for values where a template is made, in the order of its placeholders', () => {
    const filter = {
      title: { endsWith: 'x' },
      views: { in: [1, 2] },
      price: { between: [1, 2] },
      author: { name: { startsWith: 'y' } },
    }
    const condition = read(filter)
    const context = filterContext(dialect, (_, position) => `slot ${position}`)
    const twice = textOf(sql`${conditionSql(context, condition, 'a')} and ${conditionSql(context, condition, 'b')}`)
    expect(twice.parameters).toEqual(Array.from({ length: 14 }, (_, at) => `slot ${at}`))
    expect(valuesOf(dialect, condition)).toEqual(['x', 'x', '[1,2]', 100n, 200n, 'y', 'z'])
    expect(twice.sql).toContain('as "f1"')
    expect(twice.sql).toContain('as "f2"')
  })
})

describe('constants in checks and partial indexes', () => {
  const inline = (filter: unknown) => inlineConditionSql(dialect, read(filter))

  test('every type is written as the engine stores it', () => {
    expect(inline({ title: "it's" })).toBe(`"title" = 'it''s'`)
    expect(inline({ price: { lte: 10 }, views: { in: [1, -2] } })).toBe('("price" <= 1000 and "views" in (1, -2))')
    expect(inline({ hash: { eq: Uint8Array.of(1, 255) } })).toBe(`"hash" = x'01ff'`)
    expect(inline({ at: { gt: '2026-11-22T00:00:00Z' } })).toBe(`"at" > '2026-11-22T00:00:00.000Z'`)
    expect(inline({ data: { path: { '"it\'s"': 'x' } } })).toContain(`("data" ->> '$."it''s"') = 'x'`)
  })

  test('what needs another table, a subquery or our own function is refused', () => {
    for (const filter of [
      { author: { name: 'x' } },
      { title: { icontains: 'x' } },
      { data: { has: 'x' } },
      { data: { eq: {} } },
    ]) {
      expect(() => inline(filter)).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
    }
    expect(() => indexedFieldSql(dialect, 'data.')).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
  })

  test('a partial index and a check hold in the database', () => {
    expect(database.prepare("select sql from sqlite_master where sql like '%WHERE%views%'").get()).toBeDefined()
    const insert = (views: number | null, price: number | null) => () =>
      database.prepare('insert into article (title, views, price) values (?, ?, ?)').run('x', views, price)
    expect(insert(1, 5)).not.toThrow()
    expect(insert(null, 100_000)).not.toThrow()
    expect(insert(-1, 5)).toThrow(/CHECK/)
    expect(insert(1, 100_001)).toThrow(/CHECK/)
    expect(insert(1, null)).toThrow(/CHECK/)
  })
})

function notAndOr(levels: number): unknown {
  if (levels === 1) return { title: 'x', views: { nin: [1] } }
  return levels % 2 ? { or: [notAndOr(levels - 1), { title: 'y' }] } : { not: notAndOr(levels - 1) }
}

describe('the largest filters that are read', () => {
  test.each<[string, unknown]>([
    ['200 alternatives', { or: Array.from({ length: 200 }, (_, at) => ({ title: { iendsWith: `${at}` } })) }],
    ['200 places', { and: Array.from({ length: 200 }, (_, at) => ({ data: { path: { [`a${at}`]: { gt: at } } } })) }],
    ['1,000 values', { views: { in: Array.from({ length: 1000 }, (_, at) => at) } }],
    ['20 levels', notAndOr(20)],
    ['a place of 20 steps', { data: { path: { [Array(20).fill('a').join('.')]: 'x' } } }],
  ])('%s', (_, filter) => {
    const condition = read(filter)
    const { sql: text } = compiled(filter)
    expect(database.prepare(text).all(...(valuesOf(dialect, condition) as never[]))).toEqual([])
  })

  test('19 relations in a row', () => {
    let filter: unknown = { name: 'x' }
    for (let at = 0; at < 19; at++) filter = at % 2 ? { boss: filter } : { reports: { some: filter } }
    const { sql: text } = compiled(filter, User)
    expect(database.prepare(text).all(...(valuesOf(dialect, read(filter, User)) as never[]))).toEqual([])
  })
})
