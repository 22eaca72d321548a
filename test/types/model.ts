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
