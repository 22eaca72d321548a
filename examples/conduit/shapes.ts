import { z } from 'zod'

export const text = z.string().trim().min(1, "can't be blank")

const nullable = z.string().nullable()
export const ProfileShape = z.object({ username: z.string(), bio: nullable, image: nullable, following: z.boolean() })
export const AccountShape = z.object({
  username: z.string(),
  email: z.string(),
  bio: nullable,
  image: nullable,
  token: z.string(),
})

const written = { createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(), author: ProfileShape }
export const CommentShape = z.object({ id: z.int(), body: z.string(), ...written })
export const ListedShape = z.object({
  slug: z.string(),
  title: z.string(),
  description: z.string(),
  tagList: z.array(z.string()),
  favorited: z.boolean(),
  favoritesCount: z.int(),
  ...written,
})
export const ArticleShape = ListedShape.extend({ body: z.string() })
