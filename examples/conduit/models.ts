import { define, model, t } from 'monobloc'

export const User = model('user', {
  id: t.id(),
  username: t.text().min(1).max(100).unique(),
  email: t.email().unique(),
  password: t.text().writeOnly(), // its hash
  bio: t.text().nullable(),
  image: t.text().nullable(),
  get following() {
    return t.manyToMany(User, { inverse: 'followers' })
  },
  get favorites() {
    return t.manyToMany(Article, { inverse: 'favoritedBy' })
  },
})

export const Tag = model('tag', { id: t.id(), name: t.text().min(1).unique() })

export const Article = model(
  'article',
  {
    id: t.id(),
    slug: t.text().unique(),
    title: t.text().min(1),
    description: t.text().min(1),
    body: t.text().min(1),
    get author() {
      return t.ref(User, { inverse: 'articles' }).onDelete('cascade')
    },
    get tags() {
      return t.manyToMany(Tag, { inverse: 'articles' })
    },
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
  },
  {
    indexes: [
      ['createdAt', 'id'],
      ['author', 'createdAt', 'id'],
    ],
  },
)

export const Comment = model(
  'comment',
  {
    id: t.serial(),
    body: t.text().min(1),
    get author() {
      return t.ref(User).onDelete('cascade')
    },
    get article() {
      return t.ref(Article, { inverse: 'comments' }).onDelete('cascade')
    },
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
  },
  { indexes: [['article', 'id']] },
)

export const models = { User, Tag, Article, Comment }
export const { policy, endpoint } = define({ models, user: User })

policy(User, { anyone: { read: true, create: true }, update: ({ user }) => ({ id: user.id }) })
policy(Tag, { anyone: { read: true }, create: true })
for (const written of [Article, Comment] as const) {
  policy(written, {
    anyone: { read: true },
    create: ({ user }) => ({ author: user.id }),
    update: ({ user }) => ({ author: user.id }),
    delete: ({ user }) => ({ author: user.id }),
  })
}
