import { z } from 'zod'
import { Article, type Data, endpoint, Tag, User, type Viewer } from './models.ts'
import { notifyFollowers } from './notices/notices.ts'
import { Profile, seenBy, str, text } from './people.ts'

const Draft = z.object({ title: text, description: text, body: text, tagList: z.array(text).optional() })
const whole = z.coerce.number().int()
const Page = z.object({ limit: whole.min(1).max(100).default(20), offset: whole.min(0).max(10_000).default(0) })
const word = str.optional()
const Choice = Page.extend({ tag: word, author: word, favorited: word })

export const written = { createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(), author: Profile }
const counted = { favorited: z.boolean(), favoritesCount: z.int() }
const Listed = z.object({ slug: str, title: str, description: str, tagList: z.array(str), ...counted, ...written })
const OneArticle = z.object({ article: Listed.extend({ body: str }) })
const ManyArticles = z.object({ articles: z.array(Listed), articlesCount: z.int() })

const shownTo = (viewer: Viewer) =>
  ({
    author: { include: seenBy(viewer) },
    tags: { fields: ['name'], sort: 'name' },
    favorited: { exists: 'favoritedBy', where: { id: viewer?.id ?? null } },
    favoritesCount: { count: 'favoritedBy' },
  }) as const
function withTagList<A extends { tags: { name: string }[] }>({ tags, ...article }: A) {
  return { ...article, tagList: tags.map((tag) => tag.name) }
}

async function oneArticle(db: Data, slug: string, viewer: Viewer) {
  return { article: withTagList(await db.get(Article, { slug }, { include: shownTo(viewer) })) }
}

const listed = ['slug', 'title', 'description', 'createdAt', 'updatedAt'] as const

async function manyArticles(db: Data, where: object, page: z.infer<typeof Page>, viewer: Viewer) {
  const asked = { where, ...page, fields: listed, include: shownTo(viewer) }
  const found = await db.find(Article, { ...asked, sort: ['-createdAt', '-id'] })
  return { articles: found.map(withTagList), articlesCount: await db.count(Article, { where }) }
}

async function freeSlug(db: Data, title: string) {
  const slug = (title.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['article']).join('-')
  return (await db.first(Article, { where: { slug } })) ? `${slug}-${crypto.randomUUID().slice(0, 8)}` : slug
}

async function tagKeys(db: Data, names: string[]) {
  const keys: string[] = []
  for (const name of new Set(names)) keys.push((await db.upsert(Tag, { match: ['name'], insert: { name } })).id)
  return keys
}

export const list = endpoint('GET /api/articles', {
  anyone: true,
  query: Choice,
  returns: ManyArticles,
  handle({ query: { tag, author, favorited, ...page }, user, db }) {
    const tagged = tag === undefined ? {} : { tags: { some: { name: tag } } }
    const written = author === undefined ? {} : { author: { username: author } }
    const liked = favorited === undefined ? {} : { favoritedBy: { some: { username: favorited } } }
    return manyArticles(db, { ...tagged, ...written, ...liked }, page, user)
  },
})

export const feed = endpoint('GET /api/articles/feed', {
  query: Page,
  returns: ManyArticles,
  handle: ({ query, user, db }) => manyArticles(db, { author: { followers: { some: { id: user.id } } } }, query, user),
})

export const read = endpoint('GET /api/articles/:slug', {
  anyone: true,
  returns: OneArticle,
  handle: ({ params, user, db }) => oneArticle(db, params.slug, user),
})

export const create = endpoint('POST /api/articles', {
  body: z.object({ article: Draft }),
  returns: { 201: OneArticle },
  async handle({ body, user, db, enqueue }) {
    const { tagList = [], ...content } = body.article
    const slug = await freeSlug(db, content.title)
    await db.insert(Article, { ...content, slug, author: user.id, tags: await tagKeys(db, tagList) })
    enqueue(notifyFollowers, { slug })
    return oneArticle(db, slug, user)
  },
})

export const update = endpoint('PUT /api/articles/:slug', {
  body: z.object({ article: Draft.partial() }),
  returns: OneArticle,
  async handle({ params, body, user, db }) {
    const { id, title } = await db.get(Article, { slug: params.slug })
    const { tagList, ...content } = body.article
    const renamed = (content.title ?? title) !== title && { slug: await freeSlug(db, content.title!) }
    const tags = tagList && { tags: await tagKeys(db, tagList) }
    const { slug } = await db.update(Article, id, { ...content, ...renamed, ...tags })
    return oneArticle(db, slug, user)
  },
})

export const remove = endpoint('DELETE /api/articles/:slug', {
  returns: null,
  async handle({ params, db }) {
    const { id } = await db.get(Article, { slug: params.slug })
    await db.delete(Article, id)
  },
})

const favoriting = (method: 'POST' | 'DELETE') =>
  endpoint(`${method} /api/articles/:slug/favorite`, {
    returns: OneArticle,
    async handle({ params, user, db }) {
      const { id, slug } = await db.get(Article, { slug: params.slug })
      await db.update(User, user.id, { favorites: { [method === 'POST' ? 'add' : 'remove']: [id] } })
      return oneArticle(db, slug, user)
    },
  })
export const favorite = favoriting('POST')
export const unfavorite = favoriting('DELETE')
