import { z } from 'zod'
import { Article, job, policy, resource, schedule, User } from '../models.ts'
import { Digest, Notification } from './models.ts'

const mine = ({ user }: { user: { id: string } }) => ({ user: user.id })
policy(Notification, { read: mine, delete: mine })
policy(Digest, { read: mine })

/** Enqueued with the article, in one transaction: there is no article without it, and no notice of one that never was. */
export const notifyFollowers = job('notify-followers', {
  input: z.object({ slug: z.string() }),
  async handle({ input, db }) {
    const article = await db.first(Article, { where: input })
    if (!article) return // deleted meanwhile
    const followers = await db.find(User, { where: { following: { some: { id: article.author } } }, fields: ['id'] })
    const notices = followers.map((follower) => ({ user: follower.id, article: article.id }))
    await db.insert(Notification, notices)
  },
})

/** Every morning, once, however many processes serve: how much of the day before there is to read. */
export const digest = schedule('digest', {
  cron: '0 7 * * *',
  timezone: 'Europe/Paris',
  async run({ tick, db }) {
    const since = new Date(tick.at.getTime() - 24 * 60 * 60 * 1000)
    const noticed = { createdAt: { gte: since, lt: tick.at } }
    const counted = await db.aggregate(Notification, { by: ['user'], where: noticed, count: true })
    const day = tick.at.toISOString().slice(0, 10)
    await db.insert(
      Digest,
      counted.map(({ user, count }) => ({ user, day, articles: count })),
    )
  },
})

export const notifications = resource(Notification, {
  at: '/api/notifications',
  actions: ['list', 'delete'],
  include: ['article'],
})
export const digests = resource(Digest, { at: '/api/digests', actions: ['list'] })
