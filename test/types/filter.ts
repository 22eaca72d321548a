import { t } from '../../src/schema/builder.ts'
import type { Filter } from '../../src/schema/filter-types.ts'
import { model } from '../../src/schema/model.ts'

const User = model('user', {
  id: t.id(),
  name: t.text(),
  role: t.enum('member', 'admin'),
  secret: t.text().writeOnly(),
  get boss() {
    return t.ref(User, { inverse: 'reports' }).nullable()
  },
})
const Tag = model('tag', { id: t.serial(), name: t.text() })
const Article = model('article', {
  id: t.id(),
  title: t.text(),
  status: t.enum('open', 'done').nullable(),
  price: t.decimal(10, 2).nullable(),
  views: t.integer(),
  huge: t.bigint(),
  live: t.boolean(),
  hash: t.bytes().nullable(),
  data: t.json().nullable(),
  at: t.timestamp(),
  day: t.date().nullable(),
  get author() {
    return t.ref(User, { inverse: 'articles' })
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

type Ms = { User: typeof User; Tag: typeof Tag; Article: typeof Article; Profile: typeof Profile; Like: typeof Like }
const article = (filter: Filter<Ms, typeof Article>) => filter
const user = (filter: Filter<Ms, typeof User>) => filter

// Every type takes a bare value, null (also where there is none: it matches nothing) and its operators.
article({ title: null, author: null })
article({})
article({
  title: 'x',
  status: null,
  price: '1.50',
  views: 3,
  huge: 5n,
  live: true,
  hash: null,
  at: new Date(),
  day: null,
})
article({
  title: { contains: 'x', istartsWith: 'y', gte: 'a', null: false },
  price: { gte: 10, lt: '20.5', between: [1, '2'] },
})
article({
  status: { in: ['open', null], ne: 'done' },
  huge: { gt: 1, in: ['1', 2n] },
  at: { between: [new Date(), '2026-11-22T00:00:00Z'] },
})
article({ live: { ne: true }, hash: { eq: new Uint8Array() }, day: { gt: '2026-11-22', eq: null } })
article({
  data: {
    eq: { a: 1 },
    has: 'x',
    length: { gte: 2 },
    path: { 'address.city': 'Paris', 'n[0]': { gt: 3, in: [1, 'x'] } },
  },
})

// Relations: a key, null, a filter, quantities; both ways, in a circle.
article({ author: 'key' })
article({ author: { name: 'x', boss: { boss: null, reports: { some: { articles: { none: { title: 'x' } } } } } } })
article({
  author: { in: ['a', 'b'] },
  tags: { some: { name: 'y' }, every: { articles: { count: { gte: 2 } } }, count: 3 },
})
article({ and: [{ title: 'a' }], or: [{ title: 'a' }, { not: { tags: { none: {} } } }] })
user({ profile: { id: { gt: 3 } }, boss: null, likes: { some: { article: { title: 'x' } } }, secret: 'x' })
user({ profile: 3, and: { name: 'x' } })
user({ profile: null })

// @ts-expect-error an unknown field
article({ titel: 'x' })
// @ts-expect-error an unknown operator
article({ title: { like: 'x' } })
// @ts-expect-error order is not for booleans
article({ live: { gt: true } })
// @ts-expect-error order is not for bytes
article({ hash: { gt: new Uint8Array() } })
// @ts-expect-error text operators are for text
article({ views: { contains: '1' } })
// @ts-expect-error a value of another type
article({ views: '3' })
// @ts-expect-error a value of another type in an operator
article({ title: { eq: 3 } })
// @ts-expect-error a value that the enum does not have
article({ status: 'opne' })
// @ts-expect-error a list instead of in
article({ title: ['x'] })
// @ts-expect-error between takes two
article({ views: { between: [1] } })
// @ts-expect-error an unknown field beyond a relation
article({ author: { nam: 'x' } })
// @ts-expect-error an unknown field two relations away
article({ author: { boss: { nam: 'x' } } })
// @ts-expect-error a key of another type
article({ author: 3 })
// @ts-expect-error a filter on many without a quantity
article({ tags: { name: 'x' } })
// @ts-expect-error an unknown field inside a quantity
article({ tags: { some: { nam: 'x' } } })
// @ts-expect-error a count is a number
article({ tags: { count: 'many' } })
// @ts-expect-error or takes a list
article({ or: { title: 'x' } })
// @ts-expect-error an unknown field inside a group
article({ or: [{ titel: 'x' }] })
// @ts-expect-error an unknown inverse
user({ article: { some: {} } })
// @ts-expect-error an unknown operator of a place
article({ data: { path: { a: { like: 'x' } } } })
