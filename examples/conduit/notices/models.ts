import { model, t } from 'monobloc'
import { Article, User } from '../models.ts'

/** Somebody whom one follows has written. */
export const Notification = model(
  'notification',
  {
    id: t.id(),
    // Getters, because this module and that of the other models know each other.
    get user() {
      return t.ref(User, { inverse: 'notifications' }).onDelete('cascade')
    },
    get article() {
      return t.ref(Article).onDelete('cascade')
    },
    createdAt: t.createdAt(),
  },
  { indexes: [['user', 'createdAt']] },
)

/** How much of it there was in a day. */
export const Digest = model(
  'digest',
  {
    get user() {
      return t.ref(User, { inverse: 'digests' }).onDelete('cascade')
    },
    day: t.date(),
    articles: t.integer(),
  },
  { key: ['user', 'day'] },
)
