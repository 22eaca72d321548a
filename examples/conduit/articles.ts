import { type Db, MonoblocError, type Row } from 'monobloc'
import { z } from 'zod'
import { Article, endpoint, Tag, User } from './models.ts'
import { seenBy } from './people.ts'
import { ManyArticles, OneArticle, text } from './shapes.ts'

type Viewer = Row<typeof User> | null
type Data = Pick<Db<{ User: typeof User; Tag: typeof Tag; Article: typeof Article }, typeof User>, 'first' | 'upsert'>

const Draft = z.object({ title: text, description: text, body: text, tagList: z.array(text).optional() })
const Page = z.object({ limit: z.coerce.number().int().min(1).max(100).default(20), offset: z.coerce.number().int().min(0).max(10_000).default(0) })
const Search = Page.extend({ tag: z.string().optional(), author: z.string().optional(), favorited: z.string().optional() })

/** What an article is shown with, to whoever looks. */
const shownTo = (viewer: Viewer) =>
  ({
    author: { include: seenBy(viewer) },
    tags: { sort: 'name' },
    favorited: { exists: 'favoritedBy', where: { id: viewer?.id ?? null } },
    favoritesCount: { count: 'favoritedBy' },
  }) as const

function shown<A extends { tags: { name: string }[] }>({ tags, ...article }: A) {
  return { ...article, tagList: tags.map((tag) => tag.name) }
}

export async function articleAt(db: Pick<Data, 'first'>, slug: string) {
  const article = await db.first(Article, { where: { slug } })
  if (!article) throw new MonoblocError('not_found', { subject: 'article' })
  return article
}

async function freeSlug(db: Data, title: string) {
  const slug = title.toLowerCase().normalize('NFKD').replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'article'
  const taken = await db.first(Article, { where: { slug } })
  return taken ? `${slug}-${crypto.randomUUID().slice(0, 8)}` : slug
}

async function tagKeys(db: Data, names: string[]) {
  const keys: string[] = []
  for (const name of new Set(names)) keys.push((await db.upsert(Tag, { match: ['name'], insert: { name } })).id)
  return keys
}

const list = endpoint('GET /api/articles', {
  anyone: true,
  query: Search,
  returns: ManyArticles,
  async handle({ query: { tag, author, favorited, limit, offset }, user, db }) {
    const where = {
      ...(tag !== undefined && { tags: { some: { name: tag } } }),
      ...(author !== undefined && { author: { username: author } }),
      ...(favorited !== undefined && { favoritedBy: { some: { username: favorited } } }),
    }
    const found = await db.find(Article, { where, limit, offset, sort: ['-createdAt', '-id'], include: shownTo(user) })
    return { articles: found.map(shown), articlesCount: await db.count(Article, { where }) }
  },
})

const feed = endpoint('GET /api/articles/feed', {
  query: Page,
  returns: ManyArticles,
  async handle({ query: { limit, offset }, user, db }) {
    const where = { author: { followers: { some: { id: user.id } } } }
    const found = await db.find(Article, { where, limit, offset, sort: ['-createdAt', '-id'], include: shownTo(user) })
    return { articles: found.map(shown), articlesCount: await db.count(Article, { where }) }
  },
})

const read = endpoint('GET /api/articles/:slug', {
  anyone: true,
  returns: OneArticle,
  async handle({ params, user, db }) {
    const { id } = await articleAt(db, params.slug)
    return { article: shown(await db.get(Article, id, { include: shownTo(user) })) }
  },
})

const create = endpoint('POST /api/articles', {
  body: z.object({ article: Draft }),
  returns: { 201: OneArticle },
  async handle({ body: { article }, user, db }) {
    const { tagList = [], ...content } = article
    const values = { ...content, author: user.id, slug: await freeSlug(db, content.title), tags: await tagKeys(db, tagList) }
    const { id } = await db.insert(Article, values)
    return { article: shown(await db.get(Article, id, { include: shownTo(user) })) }
  },
})

const update = endpoint('PUT /api/articles/:slug', {
  body: z.object({ article: Draft.partial() }),
  returns: OneArticle,
  async handle({ params, body: { article }, user, db }) {
    const { id, title } = await articleAt(db, params.slug)
    const { tagList, ...content } = article
    const renamed = content.title !== undefined && content.title !== title
    await db.update(Article, id, {
      ...content,
      ...(renamed && { slug: await freeSlug(db, content.title!) }),
      ...(tagList && { tags: await tagKeys(db, tagList) }),
    })
    return { article: shown(await db.get(Article, id, { include: shownTo(user) })) }
  },
})

const remove = endpoint('DELETE /api/articles/:slug', {
  returns: null,
  async handle({ params, db }) {
    await db.delete(Article, (await articleAt(db, params.slug)).id)
  },
})

const favorites = [
  ['POST /api/articles/:slug/favorite', 'add'] as const,
  ['DELETE /api/articles/:slug/favorite', 'remove'] as const,
].map(([route, change]) =>
  endpoint(route, {
    returns: OneArticle,
    async handle({ params, user, db }) {
      const { id } = await articleAt(db, params.slug)
      await db.update(User, user.id, { favorites: { [change]: [id] } })
      return { article: shown(await db.get(Article, id, { include: shownTo(user) })) }
    },
  }),
)

export const articles = [list, feed, read, create, update, remove, ...favorites]
