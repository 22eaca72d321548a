import { backend, define, model, t } from 'monobloc'
import { z } from 'zod'
import { articleAt, authorAt, counts, fansOf, fieldItemAt, statuses, tagAt, tagsOf, writerAt } from './data.ts'

const Author = model('author', { id: t.serial(), name: t.text(), email: t.email() })
const Item = model(
  'item',
  {
    id: t.serial(),
    title: t.text().min(1).max(200),
    body: t.text().max(10_000),
    status: t.enum(...statuses),
    author: t.ref(Author),
    createdAt: t.createdAt(),
  },
  { indexes: [['status', 'createdAt']] },
)
const Writer = model('writer', {
  id: t.serial(),
  username: t.text().unique(),
  bio: t.text().nullable(),
  image: t.text().nullable(),
})
const Tag = model('tag', { id: t.serial(), name: t.text().unique() })
const Article = model(
  'article',
  {
    id: t.serial(),
    slug: t.text().unique(),
    title: t.text(),
    description: t.text(),
    body: t.text(),
    author: t.ref(Writer),
    tags: t.manyToMany(Tag),
    fans: t.manyToMany(Writer, { inverse: 'favorites' }),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
  },
  { indexes: [['createdAt', 'id']] },
)

const { policy, resource, endpoint } = define({ models: { Author, Item, Writer, Tag, Article } })

policy(Author, { anyone: { read: true } })
policy(Item, { anyone: { read: true, create: true } })
policy(Writer, { anyone: { read: true } })
policy(Tag, { anyone: { read: true } })
policy(Article, { anyone: { read: true } })

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })
const items = resource(Item, { at: '/items', actions: ['list', 'read', 'create'], include: ['author'] })

const Profile = z.object({
  username: z.string(),
  bio: z.string().nullable(),
  image: z.string().nullable(),
  following: z.boolean(),
})
const Listed = z.object({
  slug: z.string(),
  title: z.string(),
  description: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  tagList: z.array(z.string()),
  favorited: z.boolean(),
  favoritesCount: z.int(),
  author: Profile,
})

const articles = endpoint('GET /articles', {
  query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) }),
  returns: z.object({ articles: z.array(Listed), articlesCount: z.int() }),
  async handle({ query: { limit }, db }) {
    const found = await db.find(Article, {
      fields: ['slug', 'title', 'description', 'createdAt', 'updatedAt'],
      sort: ['-createdAt', '-id'],
      limit,
      include: {
        author: { fields: ['username', 'bio', 'image'] },
        tags: { fields: ['name'], sort: 'name' },
        favoritesCount: { count: 'fans' },
      },
    })
    const articles = found.map(({ tags, author, ...article }) => ({
      ...article,
      tagList: tags.map(({ name }) => name),
      favorited: false,
      author: { ...author, following: false },
    }))
    return { articles, articlesCount: await db.count(Article) }
  },
})

export const app = backend({
  name: 'field',
  serve: [hello, items, articles],
  async seed(db) {
    const all = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
    const plain = <Row extends { id: number }>({ id: _, ...row }: Row) => row
    await db.insert(
      Author,
      all(counts.authors).map((id) => plain(authorAt(id))),
    )
    await db.insert(
      Writer,
      all(counts.writers).map((id) => plain(writerAt(id))),
    )
    await db.insert(
      Tag,
      all(counts.tags).map((id) => plain(tagAt(id))),
    )
    for (let from = 0; from < counts.items; from += 1000) {
      const rows = all(1000).map((at) => {
        const { id: _, authorId, createdAt, ...item } = fieldItemAt(from + at)
        return { ...item, author: authorId, createdAt: new Date(createdAt) }
      })
      await db.insert(Item, rows)
    }
    const rows = all(counts.articles).map((article) => {
      const { id: _, authorId, createdAt, updatedAt, ...rest } = articleAt(article)
      const links = { author: authorId, tags: tagsOf(article), fans: fansOf(article) }
      return { ...rest, ...links, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) }
    })
    await db.insert(Article, rows)
  },
})
