import { z } from 'zod'
import { t } from '../../src/schema/builder.ts'
import { model } from '../../src/schema/model.ts'
import type { Insert, Key, Patch, Relations, Row } from '../../src/schema/types.ts'

const User = model('user', {
  id: t.id(),
  name: t.text().min(1).max(40).unique(),
  role: t.enum('member', 'admin').default('member'),
  password: t.text().writeOnly(),
  get favourite() {
    return t.ref(Article, { inverse: 'favouriteOf' }).nullable()
  },
})
const Tag = model('tag', {
  id: t.id(),
  name: t.text().unique(),
  get parent() {
    return t.ref(Tag, { inverse: 'children' }).nullable()
  },
})
const Article = model(
  'article',
  {
    id: t.id(),
    title: t.text().min(1).max(200),
    body: t.text(),
    price: t.decimal(10, 2).nullable(),
    get author() {
      return t.ref(User, { inverse: 'articles' }).onDelete('cascade')
    },
    get tags() {
      return t.manyToMany(Tag, { inverse: 'articles' })
    },
    createdAt: t.createdAt(),
    version: t.version(),
  },
  { indexes: [['author', 'createdAt']], search: ['title', 'body'] },
)
const Like = model(
  'like',
  { user: t.ref(User), article: t.ref(Article), at: t.timestamp() },
  { key: ['user', 'article'] },
)
type R = Row<typeof Article>
type U = Row<typeof User>
const r: R = null!
const s: string = r.author
const n: number = r.version
const d: Date = r.createdAt
const p: string | null = r.price
// @ts-expect-error
r.tags
const u: U = null!
u.favourite satisfies string | null
// @ts-expect-error
u.password
const i: Insert<typeof Article> = { title: 'x', body: 'y', author: 'z', tags: ['1'] }
// @ts-expect-error
const i2: Insert<typeof Article> = { title: 'x', body: 'y' }
const k: Key<typeof Like> = { user: 'x', article: 'y' }
const k1: Key<typeof User> = 'x'
type Ms = { User: typeof User; Article: typeof Article; Tag: typeof Tag }
type RU = Relations<Ms, typeof User>
const ru: RU = null!
ru.articles.many satisfies true
ru.articles.to.name satisfies 'article'
type RT = Relations<Ms, typeof Tag>
const rt: RT = null!
rt.children.to.name satisfies 'tag'
rt.articles.to.name satisfies 'article'
rt.parent.many satisfies false
const inp = Article.input('title', 'tags')
type I = (typeof inp)['~standard'] extends { types?: infer T } ? NonNullable<T> : never
const out: I = null!
// @ts-expect-error
out.output.body
out.output.title satisfies string
// @ts-expect-error
t.boolean().min(3)

// Modifiers that make no sense for a kind.
// @ts-expect-error a key is never null
t.id().nullable()
// @ts-expect-error the database counts
t.serial().default(1)
// @ts-expect-error links are no column
t.manyToMany(Tag).unique()
// @ts-expect-error links are no column
t.manyToMany(Tag).writeOnly()
// @ts-expect-error computed
t.virtual(z.string(), () => '').nullable()
// @ts-expect-error documents have no one way to be equal
t.json().unique()
// @ts-expect-error not a text
t.integer().trim()
// @ts-expect-error HTML is text
t.email().html()
// @ts-expect-error not a reference
t.text().onDelete('cascade')
// @ts-expect-error a bound of a bigint is one
t.bigint().min(1)
// @ts-expect-error a bound of a decimal is a text
t.decimal(5, 2).max(1)
// @ts-expect-error not one of the values
t.enum('a', 'b').default('c')
// @ts-expect-error a default has the type of the field
t.integer().default('1')
// @ts-expect-error what the schema makes
t.virtual(z.string(), () => 1)
t.text().nullable().default(null)
t.timestamp().default(() => new Date())
t.json(z.object({ a: z.number() })).default({ a: 1 })

const Settings = model(
  'settings',
  {
    user: t.ref(User, { inverse: 'settings' }).unique(),
    theme: t.enum('light', 'dark').default('light'),
    data: t.json(z.object({ size: z.string().transform(Number) })).nullable(),
    raw: t.bytes().writeOnly(),
    rank: t.integer().readOnly(),
    day: t.date(),
    summary: t.virtual(z.string().nullable(), () => null),
  },
  { key: ['user'], indexes: [['theme', 'day'], { fields: ['data.size'], unique: true, where: { rank: 1 } }] },
)
const settings: Row<typeof Settings> = null!
settings.theme satisfies 'light' | 'dark'
settings.data satisfies { size: number } | null
settings.summary satisfies string | null
settings.user satisfies string
// @ts-expect-error write-only
settings.raw
const one: Relations<{ User: typeof User; Settings: typeof Settings }, typeof User> = null!
one.settings.many satisfies false
one.settings.nullable satisfies true
const userKey: Key<typeof Settings> = 'x'
const made: Insert<typeof Settings> = { user: 'x', raw: new Uint8Array(), day: '2026-01-01' }
// @ts-expect-error a user gives the rest
const missing: Insert<typeof Settings> = { user: 'x', day: '2026-01-01' }
const patch: Patch<typeof Settings> = { theme: 'dark', data: null }
const link: Patch<typeof Article> = { tags: { add: ['x'] }, price: '1.00' }
// @ts-expect-error not nullable
const nothing: Patch<typeof Settings> = { theme: null }
Settings.patch('theme').parse({}).theme satisfies 'light' | 'dark' | undefined
// @ts-expect-error the system sets it
Settings.input('rank')
// @ts-expect-error computed
Settings.input('summary')
// @ts-expect-error not a field
Settings.patch('nothing')
