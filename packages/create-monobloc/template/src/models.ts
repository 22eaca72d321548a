import { define, model, t } from 'monobloc'

export const User = model('user', {
  id: t.id(),
  name: t.text().trim().min(1).max(40).unique(),
  password: t.text().writeOnly(), // its hash; no answer shows it
  createdAt: t.createdAt(),
})

export const Note = model(
  'note',
  {
    id: t.id(),
    title: t.text().trim().min(1).max(200),
    body: t.text().default(''),
    author: t.ref(User, { inverse: 'notes' }).onDelete('cascade'),
    createdAt: t.createdAt(),
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { indexes: [['author', 'createdAt']] },
)

export const { policy, resource, endpoint } = define({ models: { User, Note }, user: User })

// Who may do what. What is not granted is refused.
policy(User, { read: ({ user }) => ({ id: user.id }) })
policy(Note, {
  read: ({ user }) => ({ author: user.id }),
  create: ({ user }) => ({ author: user.id }),
  update: ({ user }) => ({ author: user.id }),
  delete: ({ user }) => ({ author: user.id }),
})
