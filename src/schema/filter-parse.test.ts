import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import { t } from './builder.ts'
import { allOf, type Condition, everything, nothing, notThat, reachOf } from './filter-condition.ts'
import { type FilterOptions, parseFilter, takeSearch } from './filter-parse.ts'
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
  views: t.integer().nullable(),
  status: t.enum('open', 'done'),
  live: t.boolean(),
  data: t.json().nullable(),
  at: t.timestamp(),
  price: t.decimal(6, 2),
  get author() {
    return t.ref(User, { inverse: 'articles' })
  },
  get reviewer() {
    return t.ref(User, { inverse: 'reviews' }).nullable().writeOnly()
  },
  get tags() {
    return t.manyToMany(Tag, { inverse: 'articles' })
  },
})
const Profile = model('profile', {
  id: t.serial(),
  get user() {
    return t.ref(User, { inverse: 'profile' }).unique()
  },
})
const Like = model(
  'like',
  { user: t.ref(User, { inverse: 'likes' }), article: t.ref(Article) },
  { key: ['user', 'article'] },
)
const Seal = model(
  'seal',
  { user: t.ref(User, { inverse: 'seal' }).unique(), article: t.ref(Article) },
  { key: ['user', 'article'] },
)
const schema = new Schema([Tag, User, Article, Profile, Like, Seal])

const read = (filter: unknown, options?: FilterOptions, of = Article) =>
  parseFilter(schema, of as never, filter, options)
const title = (operator: string, value: unknown) => ({
  kind: 'compare',
  column: 'title',
  type: { type: 'text' },
  comparison: { operator, value },
})

function errorOf(filter: unknown, options?: FilterOptions, of: unknown = Article): MonoblocError {
  try {
    read(filter, options, of as never)
  } catch (error) {
    if (error instanceof MonoblocError) return error
    throw error
  }
  throw new Error('the filter was taken')
}
/** What was wrong, each as `path code`. */
const wrong = (filter: unknown, options?: FilterOptions, of?: unknown) =>
  errorOf(filter, options, of).violations.map(({ path, code }) => `${path.join('.')} ${code}`)

describe('values and operators', () => {
  test('a bare value is eq, a bare null is eq null, several keys are all met', () => {
    expect(read({ title: 'x' })).toEqual(title('eq', 'x'))
    expect(read({ title: null })).toEqual(title('null', true))
    expect(read({ title: { ne: null } })).toEqual(title('null', false))
    expect(read({ title: { gt: 'a', lt: 'b' } })).toEqual({ kind: 'and', parts: [title('gt', 'a'), title('lt', 'b')] })
    expect(read({ title: 'x', and: [{ title: 'y' }] })).toEqual({
      kind: 'and',
      parts: [title('eq', 'x'), title('eq', 'y')],
    })
  })

  test('empty filters and groups are constants', () => {
    for (const filter of [{}, { and: [] }, { and: {} }, { or: [{}] }, { title: { nin: [] } }, { not: { or: [] } }])
      expect(read(filter)).toEqual(everything)
    for (const filter of [
      { or: [] },
      { or: {} },
      { title: { in: [] } },
      { not: {} },
      { title: { gt: null } },
      { title: { contains: null } },
    ]) {
      expect(read(filter)).toEqual(nothing)
    }
  })

  test('between is gte and lte, and every text contains the empty one', () => {
    expect(read({ title: { between: ['a', 'b'] } })).toEqual(
      allOf([title('gte', 'a'), title('lte', 'b')] as Condition[]),
    )
    expect(read({ title: { between: ['a', null] } })).toEqual(nothing)
    for (const operator of ['contains', 'startsWith', 'iendsWith'])
      expect(read({ title: { [operator]: '' } })).toEqual(title('null', false))
  })

  test('null in a list is a null that is looked for', () => {
    expect(read({ title: { in: ['a', null] } })).toEqual({
      kind: 'or',
      parts: [{ ...title('in', 0), comparison: { operator: 'in', values: ['a'] } }, title('null', true)],
    })
    expect(read({ title: { nin: [null] } })).toEqual(notThat(title('null', true) as Condition))
  })

  test('values are taken as JSON has them, and case-blind ones are folded', () => {
    expect(read({ at: '2026-11-22T10:00:00Z' })).toMatchObject({
      comparison: { value: new Date('2026-11-22T10:00:00Z') },
    })
    expect(read({ price: { gte: 10 } })).toMatchObject({ comparison: { value: '10.00' } })
    expect(read({ title: { icontains: 'ÉẞK' } })).toMatchObject({ comparison: { value: 'éßk' } })
  })

  test('a decimal may be larger than its column holds', () => {
    expect(read({ price: { lt: 1_000_000 } })).toMatchObject({ type: { precision: 18, scale: 2 } })
  })
})

describe('what is refused', () => {
  test('unknown fields and operators, with what is allowed', () => {
    const { code, status, violations } = errorOf({ titel: 'x', title: { like: 'x' } })
    expect({ code, status }).toEqual({ code: 'invalid_filter', status: 400 })
    expect(violations).toEqual([
      {
        path: ['titel'],
        code: 'unknown_field',
        message:
          'is not a field of article; allowed: id, title, views, status, live, data, at, price, author, tags, and, or, not',
      },
      {
        path: ['title', 'like'],
        code: 'unknown_operator',
        message:
          'is not an operator here; allowed: eq, ne, in, nin, null, gt, gte, lt, lte, between, contains, startsWith, endsWith, icontains, istartsWith, iendsWith',
      },
    ])
  })

  test.each<[unknown, string[]]>([
    [{ views: 'x' }, ['views invalid_value']],
    [{ views: { gt: 1.5 } }, ['views.gt invalid_value']],
    [{ views: [1] }, ['views invalid_value']],
    [{ views: {} }, ['views invalid_value']],
    [{ views: { in: 1 } }, ['views.in invalid_value']],
    [{ views: { in: [1, 'x'] } }, ['views.in.1 invalid_value']],
    [{ views: { between: [1] } }, ['views.between invalid_value']],
    [{ views: { null: 1 } }, ['views.null invalid_value']],
    [{ status: 'opne' }, ['status invalid_value']],
    [{ live: { gt: true } }, ['live.gt unknown_operator']],
    [{ views: { contains: '1' } }, ['views.contains unknown_operator']],
    [{ title: new Date() }, ['title invalid_value']],
    [{ or: { title: 'x', views: 1 } }, ['or invalid_value']],
    [{ not: [{}, {}] }, ['not invalid_value']],
    [{ and: ['x'] }, ['and.0 invalid_value']],
    [{ or: [{ titel: 1 }] }, ['or.0.titel unknown_field']],
    [{ search: 'x' }, ['search unknown_field']],
    [{ tags: 3 }, ['tags invalid_value']],
    [{ tags: {} }, ['tags invalid_value']],
    [{ tags: { any: {} } }, ['tags.any unknown_operator']],
    [{ tags: { some: { nam: 'x' } } }, ['tags.some.nam unknown_field']],
    [{ tags: { count: { null: true } } }, ['tags.count.null unknown_operator']],
    [{ author: { nam: 'x' } }, ['author.nam unknown_field']],
    [{ author: 'x' }, ['author invalid_value']],
    [{ data: { path: { '': 1 } } }, ['data.path. invalid_value']],
    [{ data: { path: {} } }, ['data.path invalid_value']],
    [{ data: { path: 'a' } }, ['data.path invalid_value']],
    [{ data: { gt: 1 } }, ['data.gt unknown_operator']],
    [{ data: { path: { a: { gt: true } } } }, ['data.path.a.gt invalid_value']],
    [{ data: { path: { a: { contains: 1 } } } }, ['data.path.a.contains invalid_value']],
    [{ data: { path: { a: { path: { b: 1 } } } } }, ['data.path.a.path unknown_operator']],
    [{ data: { has: [1] } }, ['data.has invalid_value']],
    [{ data: [1] }, ['data invalid_value']],
    [{ data: { eq: Number.NaN } }, ['data.eq invalid_value']],
    [{ data: { eq: { a: new Date() } } }, ['data.eq invalid_value']],
    ['x', [' invalid_value']],
    [null, [' invalid_value']],
    [[], [' invalid_value']],
    [new Map(), [' invalid_value']],
  ])('%j', (filter, violations) => {
    expect(wrong(filter)).toEqual(violations)
  })

  test('members of prototypes are unknown fields and operators', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const text = (inside: string) => inside.replace('NAME', name)
      expect(wrong(JSON.parse(text('{"NAME":1}')))).toEqual([`${name} unknown_field`])
      expect(wrong(JSON.parse(text('{"title":{"NAME":"x"}}')))).toEqual([`title.${name} unknown_operator`])
      expect(wrong(JSON.parse(text('{"author":{"NAME":"x"}}')))).toEqual([`author.${name} unknown_field`])
      expect(wrong(JSON.parse(text('{"tags":{"NAME":{}}}')))).toEqual([`tags.${name} unknown_operator`])
    }
  })

  test('undefined anywhere, because it must never mean no condition', () => {
    const undefinedFilters = [
      undefined,
      { title: undefined },
      { title: { eq: undefined } },
      { title: { in: ['a', undefined] } },
      { views: { between: [undefined, 1] } },
      { or: [undefined] },
      // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
      { or: [, {}] },
      { not: undefined },
      { author: { name: undefined } },
      { tags: { some: undefined } },
      { tags: { count: undefined } },
      { data: { path: { a: undefined } } },
      { data: { eq: { a: [undefined] } } },
      { data: { in: [undefined] } },
    ]
    for (const filter of undefinedFilters) expect(errorOf(filter).code).toBe('undefined_in_filter')
  })

  test('the path says where the filter stands in the input', () => {
    expect(wrong({ titel: 1 }, { path: ['body', 'where'] })).toEqual(['body.where.titel unknown_field'])
  })
})

describe('limits', () => {
  const nested = (levels: number): unknown => (levels === 1 ? { title: 'x' } : { not: nested(levels - 1) })
  const acrossRelations = (levels: number): unknown =>
    levels === 1 ? { name: 'x' } : { boss: acrossRelations(levels - 1) }

  test('20 levels, and not one more', () => {
    expect(read(nested(20))).toBeDefined()
    expect(wrong(nested(21))).toEqual([`${Array(20).fill('not').join('.')} too_deep`])
    expect(parseFilter(schema, User, acrossRelations(20))).toBeDefined()
    expect(wrong(acrossRelations(21), {}, User)).toEqual([`${Array(20).fill('boss').join('.')} too_deep`])
  })

  test('200 conditions, and not one more', () => {
    const many = (count: number) => ({ or: Array.from({ length: count }, () => ({ title: 'x' })) })
    expect(read(many(200))).toMatchObject({ parts: { length: 200 } })
    expect(wrong(many(201))).toEqual(['or.200.title too_many'])
    expect(wrong({ and: Array.from({ length: 201 }, () => ({})) })).toEqual(['and.200 too_many'])
    expect(wrong({ data: { in: Array.from({ length: 202 }, () => []) } })).toEqual(['data.in.200 too_many'])
  })

  test('1,000 values in a list, and not one more', () => {
    const values = Array.from({ length: 1000 }, (_, at) => at)
    expect(read({ views: { in: values } })).toMatchObject({ comparison: { values: { length: 1000 } } })
    expect(wrong({ views: { in: [...values, 0] } })).toEqual(['views.in too_many'])
    expect(read({ data: { in: values } })).toBeDefined()
    expect(wrong({ data: { nin: [...values, 0] } })).toEqual(['data.nin too_many'])
  })

  test('100 levels in a document, and not one more', () => {
    const document = (levels: number): unknown => (levels === 0 ? 1 : [document(levels - 1)])
    expect(read({ data: { eq: document(101) } })).toBeDefined()
    expect(wrong({ data: { eq: document(102) } })).toEqual(['data.eq invalid_value'])
    expect(wrong({ data: { eq: document(1000) } })).toEqual(['data.eq invalid_value'])
  })

  test('as many relations in a row as are given', () => {
    expect(parseFilter(schema, User, { boss: { boss: { name: 'x' } } }, { crossings: 2 })).toBeDefined()
    expect(wrong({ boss: { boss: { name: 'x' } } }, { crossings: 1 }, User)).toEqual(['boss.boss too_deep'])
    expect(parseFilter(schema, User, { boss: { name: 'x' }, articles: { some: {} } }, { crossings: 1 })).toBeDefined()
  })

  test('20 violations are told, not more', () => {
    const filter = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`wrong${at}`, 1]))
    expect(wrong(filter)).toHaveLength(20)
  })
})

describe('what a client may not ask for', () => {
  test('write-only fields are for the system, by every way to them', () => {
    for (const filter of [{ password: 'x' }, { reviews: { some: {} } }, { articles: { some: { reviewer: null } } }]) {
      expect(wrong(filter, {}, User)).toHaveLength(1)
      expect(parseFilter(schema, User, filter, { secret: true })).toBeDefined()
    }
    expect(errorOf({ nothing: 1 }, {}, User).violations[0]!.message).not.toMatch(/password|reviews/)
  })

  test('a computed field can never be asked for', () => {
    const Shown = model('shown', { id: t.id(), shout: t.virtual(z.string(), () => 'x') })
    expect(() => parseFilter(new Schema([Shown]), Shown, { shout: 'x' }, { secret: true })).toThrow(MonoblocError)
  })

  test('the read policy is met wherever the filter crosses into a model', () => {
    const policy = parseFilter(schema, User, { name: 'seen' })
    const restrict = (each: { name: string }) => (each.name === 'user' ? policy : undefined)
    const seen = { kind: 'compare', column: 'name', comparison: { operator: 'eq', value: 'seen' } }
    expect(read({ author: {} }, { restrict })).toMatchObject({ kind: 'one', where: seen })
    expect(read({ author: { name: 'x' } }, { restrict })).toMatchObject({ where: { kind: 'and', parts: [seen, {}] } })
    expect(parseFilter(schema, User, { reports: { count: 1 } }, { restrict })).toMatchObject({
      kind: 'count',
      within: seen,
    })
    expect(parseFilter(schema, User, { reports: { every: {} } }, { restrict })).toMatchObject({
      kind: 'many',
      within: seen,
    })
    // On the way back even the existence of a related row is the other model's to tell.
    expect(parseFilter(schema, Profile, { user: { profile: 3 } }, { restrict })).toMatchObject({
      where: { kind: 'and', parts: [seen, {}] },
    })
  })

  test('a reference is the row’s own column, and so is whether it is null', () => {
    const restrict = () => nothing
    expect(parseFilter(schema, User, { boss: null }, { restrict })).toMatchObject({
      kind: 'compare',
      column: 'boss',
      comparison: { operator: 'null' },
    })
    expect(parseFilter(schema, User, { profile: null }, { restrict })).toMatchObject({
      kind: 'not',
      part: { kind: 'one', where: nothing },
    })
  })
})

test('a row with a composite key is asked for by its fields', () => {
  expect(parseFilter(schema, User, { seal: null })).toMatchObject({ kind: 'not' })
  expect(parseFilter(schema, User, { seal: { article: { title: 'x' } } })).toMatchObject({ kind: 'one' })
  expect(wrong({ seal: 'x' }, {}, User)).toEqual(['seal unknown_operator'])
})

test('operators on the key and a filter of the related row stand together', () => {
  const key = '0190a5c8-0000-7000-8000-000000000001'
  const found = read({ author: { in: [key], name: 'x' } })
  expect(found).toMatchObject({ kind: 'and', parts: [{ kind: 'compare', column: 'author' }, { kind: 'one' }] })
})

test('search is taken out beside a filter', () => {
  expect(takeSearch({ search: 'words', title: 'x' })).toEqual({ search: 'words', filter: { title: 'x' } })
  expect(takeSearch({ title: 'x' })).toEqual({ search: undefined, filter: { title: 'x' } })
  expect(takeSearch(undefined)).toEqual({ search: undefined, filter: undefined })
  expect(() => takeSearch({ search: 5 })).toThrow(expect.objectContaining({ code: 'invalid_filter' }))
  expect(() => takeSearch({ search: undefined })).toThrow(expect.objectContaining({ code: 'undefined_in_filter' }))
})

test('a condition tells which columns and tables it looks at', () => {
  const { columns, tables } = reachOf(
    read({
      title: 'x',
      or: [{ data: { has: 1 } }, { not: { author: { boss: { name: 'x' } } } }],
      tags: { some: { name: 'y' } },
    }),
  )
  expect([...columns].sort()).toEqual(['author', 'data', 'id', 'title'])
  expect([...tables].sort()).toEqual(['article_tags', 'tag', 'user'])
})
