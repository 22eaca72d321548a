import { describe, expect, test } from 'vitest'
import { MonoblocError } from '../errors.ts'
import { t } from './builder.ts'
import { parseFilter } from './filter-parse.ts'
import { parseQueryFilter, type QueryFilterOptions } from './filter-query.ts'
import { model } from './model.ts'
import { Schema } from './schema.ts'

const Tag = model('tag', { id: t.serial(), name: t.text() })
const User = model('user', {
  id: t.id(),
  name: t.text(),
  password: t.text().writeOnly(),
  get boss() {
    return t.ref(User, { inverse: 'reports' }).nullable()
  },
})
const Article = model('article', {
  id: t.id(),
  title: t.text(),
  limit: t.integer(),
  views: t.integer().nullable(),
  ratio: t.float(),
  huge: t.bigint(),
  price: t.decimal(10, 2),
  status: t.enum('open', 'done'),
  live: t.boolean(),
  hash: t.bytes(),
  at: t.timestamp(),
  data: t.json().nullable(),
  get author() {
    return t.ref(User, { inverse: 'articles' })
  },
  get tags() {
    return t.manyToMany(Tag, { inverse: 'articles' })
  },
})
const schema = new Schema([Tag, User, Article])
const read = (query: string, options?: QueryFilterOptions) =>
  parseQueryFilter(schema, Article, new URLSearchParams(query), options)
const key = '0190a5c8-0000-7000-8000-000000000001'

function wrong(query: string, options?: QueryFilterOptions): string[] {
  try {
    read(query, options)
  } catch (error) {
    if (!(error instanceof MonoblocError)) throw error
    expect(error).toMatchObject({ code: 'invalid_query', status: 400 })
    return error.violations.map(({ path, code }) => `${path.join(' ')}: ${code}`)
  }
  return []
}

describe('a query string says the same as the filter', () => {
  test.each<[string, Record<string, unknown>]>([
    ['', {}],
    ['status=open', { status: 'open' }],
    ['title=', { title: '' }],
    ['title[icontains]=%C3%89', { title: { icontains: 'É' } }],
    ['views[gte]=10&views[lt]=20', { views: { gte: 10, lt: 20 } }],
    ['views=5&views[ne]=6', { views: { eq: 5, ne: 6 } }],
    [
      'ratio=-1.5e3&huge=9223372036854775807&price[gt]=10',
      { ratio: -1500, huge: '9223372036854775807', price: { gt: '10' } },
    ],
    ['live=true&live[ne]=false', { live: { eq: true, ne: false } }],
    ['hash=_-8', { hash: '/+8=' }],
    ['hash=%2F%2B8%3D', { hash: '/+8=' }],
    [
      'at[between]=2026-01-01T00:00:00Z,2026-02-01T00:00:00Z',
      { at: { between: ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'] } },
    ],
    ['views[null]=true', { views: { null: true } }],
    ['status[in]=open,done', { status: { in: ['open', 'done'] } }],
    ['title[in]=a\\,b,c\\\\d,\\e&title[in]=f', { title: { in: ['a,b', 'c\\d', '\\e', 'f'] } }],
    ['views[nin]=1,2', { views: { nin: [1, 2] } }],
    ['author.name=x', { author: { name: 'x' } }],
    ['author[name]=x', { author: { name: 'x' } }],
    ['author[name][startsWith]=x', { author: { name: { startsWith: 'x' } } }],
    [`author=${key}`, { author: { eq: key } }],
    [`author[in]=${key}`, { author: { in: [key] } }],
    ['author.boss.name=x&author.name=y', { author: { boss: { name: 'x' }, name: 'y' } }],
    ['author.boss[null]=true', { author: { boss: { null: true } } }],
    ['tags.some.name=x&tags.some.id[gt]=3', { tags: { some: { name: 'x', id: { gt: 3 } } } }],
    ['tags[none][name]=x', { tags: { none: { name: 'x' } } }],
    ['tags[count]=2&tags.count[gte]=1', { tags: { count: { eq: 2, gte: 1 } } }],
    ['data.address.city=Paris', { data: { path: { 'address.city': 'Paris' } } }],
    ['data.items[0].price[gt]=5', { data: { path: { 'items[0].price': { gt: 5 } } } }],
    ['data.zip="075"&data.n=075&data.b=true', { data: { path: { zip: '075', n: '075', b: true } } }],
    ['data.length=3&data[length]=3&data[length][gt]=2', { data: { path: { length: 3 }, length: { eq: 3, gt: 2 } } }],
    ['data[has]=x&data.list[has]=5', { data: { has: 'x', path: { list: { has: 5 } } } }],
    ['data[null]=true', { data: { null: true } }],
    ['data.x y=1', { data: { path: { '"x y"': 1 } } }],
    ['sort=-at&limit=20&after=x&include=author&fields=id&search=words', {}],
    ['limit[eq]=5', { limit: 5 }],
  ])('%s', (query, filter) => {
    expect(read(query)).toEqual(parseFilter(schema, Article, filter))
  })
})

describe('what is refused', () => {
  test('an unknown parameter, with all that there are', () => {
    expect(() => read('titel=x')).toThrow(
      expect.objectContaining({
        code: 'invalid_query',
        violations: [
          {
            path: ['query', 'titel'],
            code: 'unknown_field',
            message:
              'is not a parameter here; allowed: id, title, limit, views, ratio, huge, price, status, live, hash, at, data, author, tags, sort, limit, after, include, fields, search',
          },
        ],
      }),
    )
  })

  test.each<[string, string[]]>([
    ['title[like]=x', ['query title[like]: unknown_operator']],
    ['title[eq][x]=x', ['query title[eq][x]: unknown_operator']],
    ['views=x&live=yes&at=now', ['query views: invalid_value', 'query live: invalid_value', 'query at: invalid_value']],
    ['views[in]=1,x', ['query views[in]: invalid_value']],
    ['views[null]=maybe', ['query views[null]: invalid_value']],
    ['title=a&title=b', ['query title: repeated']],
    ['views[between]=1,2&views[between]=3,4', ['query views[between]: repeated']],
    ['author.nam=x', ['query author.nam: unknown_field']],
    ['author.password=x', ['query author.password: unknown_field']],
    ['tags=x', ['query tags: unknown_operator']],
    ['tags.name=x', ['query tags.name: unknown_operator']],
    ['tags.some=x', ['query tags.some: unknown_operator']],
    ['and[0][title]=x', ['query and[0][title]: unknown_field']],
    ['author.not.name=x', ['query author.not.name: unknown_field']],
    ['__proto__=x&constructor[name]=x', ['query __proto__: unknown_field', 'query constructor[name]: unknown_field']],
    ['title.__proto__=x', ['query title.__proto__: unknown_operator']],
    ['data.__proto__.a=x', []],
    ['=x', ['query : unknown_field']],
    ['.title=x', ['query .title: unknown_field']],
    ['[title]=x', ['query [title]: unknown_field']],
    ['title[=x', ['query title[: unknown_field']],
    ['title]=x', ['query title]: unknown_field']],
    ['title[]=x', ['query title[]: unknown_field']],
    ['data."x=1', ['query data."x: invalid_value']],
    ['data[like]=1', ['query data[like]: unknown_operator']],
  ])('%s', (query, violations) => {
    expect(wrong(query)).toEqual(violations)
  })

  test('two relations in a row are crossed, or as many as are given, and not one more', () => {
    expect(wrong('author.boss.name=x')).toEqual([])
    expect(wrong('author.boss.boss.name=x')).toEqual(['query author.boss.boss.name: too_deep'])
    expect(wrong('author.boss.boss.name=x', { crossings: 3 })).toEqual([])
    expect(wrong('tags.some.name=x', { crossings: 0 })).toEqual(['query tags.some.name: too_deep'])
    expect(wrong(`author=${key}`, { crossings: 0 })).toEqual([])
  })

  test('the limits of the filter hold: 200 conditions, 1,000 values', () => {
    const lists = (count: number) => `views[in]=${Array(count).fill('1').join()}`
    expect(wrong(lists(1000))).toEqual([])
    expect(wrong(lists(1001))).toEqual(['query views[in]: too_many'])
    const places = (count: number) => Array.from({ length: count }, (_, at) => `data.p${at}=1`).join('&')
    expect(wrong(places(200))).toEqual([])
    expect(wrong(places(201))).toEqual(['query data.p200: too_many'])
  })

  test('a name of 40 steps is read, one of more is not', () => {
    expect(wrong(`data${'[0]'.repeat(20)}=1`)).toEqual([])
    expect(wrong(`data${'[0]'.repeat(39)}=1`)).toEqual([`query data${'[0]'.repeat(39)}: invalid_value`])
    expect(wrong(`data${'[0]'.repeat(40)}=1`)).toEqual([`query data${'[0]'.repeat(40)}: unknown_field`])
  })

  test('20 violations are told, not more', () => {
    expect(wrong(Array.from({ length: 30 }, (_, at) => `x${at}=1`).join('&'))).toHaveLength(20)
  })
})

test('parameters of the resource are passed over', () => {
  expect(read('version=2&title=x', { reserved: new Set(['version']) })).toEqual(
    parseFilter(schema, Article, { title: 'x' }),
  )
})

test('the read policy is met where a parameter crosses into a model', () => {
  const policy = parseFilter(schema, User, { name: 'seen' })
  const restrict = (each: { name: string }) => (each.name === 'user' ? policy : undefined)
  expect(read('author.name=x', { restrict })).toEqual(
    parseFilter(schema, Article, { author: { name: 'x' } }, { restrict }),
  )
})
