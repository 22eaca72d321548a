import { z } from 'zod'

export const Key = z.object({ id: z.coerce.number().int().min(1) })
export const List = z.object({
  include: z.enum(['author']).optional(),
  status: z.enum(['open', 'closed', 'draft']).optional(),
  sort: z.enum(['-id', '-createdAt']).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export const New = z.object({
  title: z.string().min(1).max(200),
  body: z.string().max(10_000),
  status: z.enum(['open', 'closed', 'draft']),
  authorId: z.number().int().min(1),
})
