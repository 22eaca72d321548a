import { z } from 'zod'
import { written } from './articles.ts'
import { Article, Comment, endpoint, Tag, type Viewer } from './models.ts'
import { seenBy, text } from './people.ts'

const OneComment = z.object({ id: z.int(), body: z.string(), ...written })
const byAuthor = (viewer: Viewer) => ({ author: { include: seenBy(viewer) } }) as const

export const list = endpoint('GET /api/articles/:slug/comments', {
  anyone: true,
  returns: z.object({ comments: z.array(OneComment) }),
  async handle({ params, user, db }) {
    const { id } = await db.get(Article, { slug: params.slug })
    return { comments: await db.find(Comment, { where: { article: id }, sort: '-id', include: byAuthor(user) }) }
  },
})

export const create = endpoint('POST /api/articles/:slug/comments', {
  body: z.object({ comment: z.object({ body: text }) }),
  returns: { 201: z.object({ comment: OneComment }) },
  async handle({ params, body, user, db }) {
    const article = await db.get(Article, { slug: params.slug })
    const { id } = await db.insert(Comment, { ...body.comment, article: article.id, author: user.id })
    return { comment: await db.get(Comment, id, { include: byAuthor(user) }) }
  },
})

export const remove = endpoint('DELETE /api/articles/:slug/comments/:id', {
  params: z.object({ slug: z.string(), id: z.coerce.number().int() }),
  returns: null,
  async handle({ params, db }) {
    const article = await db.get(Article, { slug: params.slug })
    const { id } = await db.get(Comment, { id: params.id, article: article.id })
    await db.delete(Comment, id)
  },
})

export const tags = endpoint('GET /api/tags', {
  anyone: true,
  returns: z.object({ tags: z.array(z.string()) }),
  async handle({ db }) {
    const used = await db.find(Tag, { where: { articles: { some: {} } }, sort: 'name' })
    return { tags: used.map((tag) => tag.name) }
  },
})
