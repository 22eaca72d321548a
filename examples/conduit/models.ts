import { type Db, define, model, type Row, t } from 'monobloc'
import { Digest, Notification } from './notices/models.ts'

export const User = model('user', {
  id: t.id(),
  username: t.text().min(1).max(100).unique(),
  email: t.email().unique(),
  password: t.text().writeOnly(), // its hash
  bio: t.text().nullable(),
  image: t.text().nullable(),
  // Getters, because users refer to users, and to articles that refer to users.
  get following() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
  get favorites() {
    return t.manyToMany(Article, { inverse: 'favoritedBy' })
  },
})

export const Tag = model('tag', { id: t.id(), name: t.text().min(1).unique() })

const times = { createdAt: t.createdAt(), updatedAt: t.updatedAt() }

export const Article = model(
  'article',
  {
    id: t.id(),
    slug: t.text().unique(),
    title: t.text().min(1),
    description: t.text().min(1),
    body: t.text().min(1),
    author: t.ref(User, { inverse: 'articles' }).onDelete('cascade'),
    tags: t.manyToMany(Tag, { inverse: 'articles' }),
    ...times,
  },
  { indexes: [{ fields: ['createdAt', 'id'] }, { fields: ['author', 'createdAt', 'id'] }] },
)

export const Comment = model(
  'comment',
  {
    id: t.serial(),
    body: t.text().min(1),
    author: t.ref(User).onDelete('cascade'),
    article: t.ref(Article, { inverse: 'comments' }).onDelete('cascade'),
    ...times,
  },
  { indexes: [['article', 'id']] },
)

export const models = { User, Tag, Article, Comment, Notification, Digest }
export const { policy, endpoint, resource, job, schedule } = define({ models, user: User })

export type Data = Db<typeof models, typeof User>
/** Who looks: a user or nobody. */
export type Viewer = Row<typeof User> | null

policy(User, { anyone: { read: true, create: true }, update: ({ user }) => ({ id: user.id }) })
policy(Tag, { anyone: { read: true }, create: true })
const own = ({ user }: { user: { id: string } }) => ({ author: user.id })
policy(Article, { anyone: { read: true }, create: own, update: own, delete: own })
policy(Comment, { anyone: { read: true }, create: own, delete: own })
