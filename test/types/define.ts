import { type Db, define, type Insert, model, type Row, type SystemDb, t } from 'monobloc'
import { z } from 'zod'

// The example of docs/architecture.md and what it promises, nearly word for word.

export const User = model('user', {
  id: t.id(),
  name: t.text().min(1).max(40).unique(),
  email: t.email().unique(),
  password: t.text().writeOnly(),
  role: t.enum('member', 'admin').default('member'),
  get following() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
})
export const Tag = model('tag', { id: t.id(), name: t.text().unique() })
export const Article = model(
  'article',
  {
    id: t.id(),
    title: t.text().min(1).max(200),
    body: t.text(),
    price: t.decimal(10, 2).nullable(),
    views: t.bigint().default(0n),
    seen: t.timestamp().nullable(),
    get author() {
      return t.ref(User, { inverse: 'articles' }).onDelete('cascade')
    },
    get editor() {
      return t.ref(User).nullable()
    },
    get tags() {
      return t.manyToMany(Tag, { inverse: 'articles' })
    },
    label: t.virtual(z.string(), (row) => `${row.title}!`),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { indexes: [['author', 'createdAt']], search: ['title', 'body'] },
)
export const Like = model(
  'like',
  {
    user: t.ref(User),
    article: t.ref(Article, { inverse: 'likes' }),
    note: t.text().nullable(),
  },
  { key: ['user', 'article'] },
)
// @ts-expect-error no such field to index
model('wrong', { id: t.id() }, { indexes: [['title']] })
// @ts-expect-error no such field to search
model('wrong', { id: t.id() }, { search: ['title'] })
// @ts-expect-error no such field in the key
model('wrong', { id: t.id() }, { key: ['title'] })

const models = { User, Tag, Article, Like }
const { policy, hook, endpoint } = define({ models, user: User })

policy(Article, {
  anyone: { read: true },
  read: true,
  create: true,
  update: ({ user }) => ({ author: user.id }),
  delete: ({ user }) => user.role === 'admin' || { author: user.id },
})
policy(User, { read: { role: 'member' }, update: ({ user }) => ({ id: user.id, password: { ne: '' } }) })
policy(Like, { anyone: { read: { article: { author: { name: 'ann' } } } }, create: ({ user }) => ({ user: user.id }) })
policy(Tag, {
  // @ts-expect-error nobody has been identified
  anyone: { read: ({ user }) => user.id },
})
// @ts-expect-error no such field
policy(Tag, { read: { title: 'x' } })
// @ts-expect-error no such operator
policy(Tag, { read: { name: { like: 'x' } } })
// @ts-expect-error no such role
policy(Tag, { read: ({ user }) => user.role === 'owner' })
// @ts-expect-error a password is not shown
policy(Tag, { read: ({ user }) => user.password === 'x' })
// @ts-expect-error no such action
policy(Tag, { write: true })
// @ts-expect-error an author is a user's key
policy(Article, { update: { author: 1 } })
// @ts-expect-error not a model of this definition
policy(model('other', { id: t.id() }), { read: true })

hook(Article, {
  beforeInsert: async ({ input, db }) => ({ ...input, title: `${input.title} ${await db.count(Article)}` }),
  afterInsert: async ({ row, db }) => {
    row.createdAt satisfies Date
    await db.asSystem().update(User, row.author, { name: 'x' })
  },
  beforeUpdate: ({ patch, key }) => {
    key satisfies string
    patch.price satisfies string | null | undefined
  },
  // @ts-expect-error no such hook
  onInsert: () => {},
})
hook(Like, { afterDelete: ({ row }) => void (row.user satisfies string), beforeDelete: ({ key }) => void key.article })

endpoint('POST /articles', {
  body: Article.input('title', 'body', 'tags', 'seen'),
  returns: { 201: Article },
  async handle({ body, user, db, auth }) {
    body.seen satisfies Date | null | undefined
    // @ts-expect-error it is an instant by now
    body.seen satisfies string
    auth.issue(user) satisfies string
    const article = await db.insert(Article, { ...body, author: user.id })
    return article
  },
})

type Data = Db<typeof models, typeof User>

export async function rows(db: Data) {
  const [found] = await db.find(Article, { where: { author: { name: 'ann' } }, include: { author: true } })
  found!.author.name satisfies string
  found!.label satisfies string
  found!.price satisfies string | null
  found!.views satisfies bigint
  found!.seen satisfies Date | null
  // @ts-expect-error a password is not shown
  found!.author.password
  // @ts-expect-error links are included, not given
  found!.tags
  const page = await db.find(Article, { sort: ['-createdAt', 'title'], limit: 20, after: 'x', search: 'words' })
  page.next satisfies string | null
  page[0]!.author satisfies string
  // @ts-expect-error no such field to sort by
  await db.find(Article, { sort: 'name' })
  // @ts-expect-error computed, so not sorted by
  await db.find(Article, { sort: 'label' })
  // @ts-expect-error not a number
  await db.find(Article, { where: { title: { gt: 1 } } })
  // @ts-expect-error no such field of the related row
  await db.find(Article, { where: { tags: { some: { title: 'x' } } } })
  // @ts-expect-error a to-many relation asks how many
  await db.find(Article, { where: { tags: { name: 'x' } } })

  const one = await db.get(Article, 'key', {
    fields: ['title', 'author'],
    include: {
      editor: { fields: ['id', 'email'] },
      tags: { where: { name: 'x' }, sort: 'name', limit: 3 },
      likes: { include: { user: true } },
      likeCount: { count: 'likes', where: { user: 'x' } },
      liked: { exists: 'likes' },
    },
  })
  one.title satisfies string
  // @ts-expect-error was not asked for
  one.body
  one.editor satisfies { id: string; email: string } | null
  // @ts-expect-error may be null
  one.editor.id
  one.tags satisfies { id: string; name: string }[]
  one.likes[0]!.user.role satisfies 'member' | 'admin'
  one.likeCount satisfies number
  one.liked satisfies boolean
  // @ts-expect-error no such relation
  await db.get(Article, 'key', { include: { comments: true } })
  // @ts-expect-error no such relation to count
  await db.get(Article, 'key', { include: { comments: { count: 'comments' } } })
  // @ts-expect-error no such field
  await db.get(Article, 'key', { fields: ['name'] })
  ;(await db.first(User, { fields: ['password'] }))?.password satisfies string | undefined

  const liked = await db.get(Like, { user: 'a', article: 'b' })
  liked.note satisfies string | null
  // @ts-expect-error a composite key has its fields by name
  await db.get(Like, 'a')
  ;(await db.get(Article, { title: 'a' }, { fields: ['id'] })) satisfies { id: string }
  // @ts-expect-error a key has one value
  await db.update(Article, { id: 'a' }, { title: 'b' })
  // @ts-expect-error not a model of this definition
  await db.count(model('other', { id: t.id() }))
}

export async function changes(db: Data) {
  const made = await db.insert(Article, { title: 'a', body: 'b', author: 'u', seen: '2026-01-01T00:00:00Z' })
  made.id satisfies string
  const many = await db.insert(Tag, [{ name: 'a' }, { name: 'b' }])
  many.length satisfies number
  // @ts-expect-error a title is required
  await db.insert(Article, { body: 'b', author: 'u' })
  // @ts-expect-error no such field
  await db.insert(Tag, { name: 'a', title: 'b' })
  // @ts-expect-error computed
  await db.insert(Article, { title: 'a', body: 'b', author: 'u', label: 'x' })
  ;(await db.update(Article, 'key', { price: null, tags: ['t'] }, { version: 3 })).version satisfies number
  await db.update(Article, 'key', { tags: { add: ['a'], remove: ['b'] } })
  ;(await db.update(Article, { where: { price: { gte: '1.00' } } }, { title: 'b' })) satisfies number
  // @ts-expect-error not nullable
  await db.update(Article, 'key', { title: null })
  // @ts-expect-error no such field
  await db.update(Article, { where: { name: 'a' } }, { title: 'b' })
  // @ts-expect-error links have no names
  await db.update(Article, 'key', { tags: { set: ['a'] } })
  ;(await db.delete(Like, { user: 'a', article: 'b' })).user satisfies string
  ;(await db.delete(Like, { where: { note: null } })) satisfies number
  await db.upsert(Tag, { match: ['name'], insert: { name: 'a' }, update: { name: 'a' } })
  // @ts-expect-error no such field to match
  await db.upsert(Tag, { match: ['title'], insert: { name: 'a' } })
}

export async function figures(db: Data) {
  const [group] = await db.aggregate(Article, {
    where: { views: { gt: 1 } },
    by: ['author'],
    count: true,
    sum: ['views', 'price'],
    avg: ['version'],
    max: ['createdAt', 'title'],
  })
  group!.author satisfies string
  group!.count satisfies number
  group!.sum.views satisfies bigint | null
  group!.sum.price satisfies string | null
  group!.avg.version satisfies number | null
  group!.max.createdAt satisfies Date | null
  // @ts-expect-error was not asked for
  group!.min
  // @ts-expect-error a text has no sum
  await db.aggregate(Article, { sum: ['title'] })
  const [hit] = await db.search(Article, 'words', { include: { author: true }, highlight: true })
  hit!.row.author.email satisfies string
  hit!.rank satisfies number
  hit!.snippet satisfies string
}

export async function units(db: Data, user: Row<typeof User>) {
  const made = await db.transaction(async (inner) => (await inner.insert(Tag, { name: 'a' })).id)
  made satisfies string
  await db.as(user).count(Article)
  const system = db.asSystem()
  const rows = await system.sql
    .selectFrom('article')
    .innerJoin('user', 'user.id', 'article.author')
    .select(['title', 'user.name'])
    .execute()
  rows[0]!.name satisfies string
  // @ts-expect-error no such column
  system.sql.selectFrom('article').select('name')
  // @ts-expect-error SQL knows no policies: the system only
  db.sql
  await system.transaction(async (inner) => inner.sql.deleteFrom('article_tags').where('tag', '=', 'x').execute())
}

// A program of a migration: no models, any table.
export async function migrate(db: SystemDb<any, never>) {
  const rows = await db.sql.selectFrom('article').selectAll().where('title', 'like', 'a%').execute()
  for (const { id, title } of rows) {
    await db.sql.updateTable('article').set({ title: title.trim() }).where('id', '=', id).execute()
  }
}

// Without a user model nobody is ever identified.
const open = define({ models: { Tag } })
open.policy(Tag, { anyone: { read: true, create: { name: { ne: '' } } } })
open.endpoint('GET /tags', {
  returns: [Tag],
  async handle({ db, user }) {
    user satisfies null
    // @ts-expect-error not a model of this definition
    await db.count(User)
    return db.find(Tag)
  },
})

const draft: Insert<typeof Article> = { title: 'a', body: 'b', author: 'c', views: 1n, tags: ['x'] }
draft.price satisfies string | null | undefined
