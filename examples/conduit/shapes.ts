import { z } from 'zod'

export const text = z.string().trim().min(1, "can't be blank")
/** An empty text says the same as null. */
export const optionalText = z.string().nullable().transform((value) => value || null)
export const secret = z.string().min(1, "can't be blank").min(8, 'is too short (minimum is 8 characters)')

export const Profile = z.object({ username: z.string(), bio: z.string().nullable(), image: z.string().nullable(), following: z.boolean() })

const Listed = z.object({
  slug: z.string(),
  title: z.string(),
  description: z.string(),
  tagList: z.array(z.string()),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  favorited: z.boolean(),
  favoritesCount: z.int(),
  author: Profile,
})

export const OneArticle = z.object({ article: Listed.extend({ body: z.string() }) })
export const ManyArticles = z.object({ articles: z.array(Listed), articlesCount: z.int() })
export const OneComment = z.object({ id: z.int(), createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(), body: z.string(), author: Profile })
export const Account = z.object({
  user: z.object({ username: z.string(), email: z.string(), bio: z.string().nullable(), image: z.string().nullable(), token: z.string() }),
})
