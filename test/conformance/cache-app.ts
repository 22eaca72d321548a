import { sql } from 'kysely'
import { type BackendOptions, backend, define, type Endpoint, model, t } from 'monobloc'

export const User = model('user', {
  id: t.serial(),
  name: t.text().unique(),
  role: t.enum('member', 'admin').default('member'),
  password: t.text().writeOnly().nullable(),
})

export const Tag = model('tag', { id: t.serial(), name: t.text(), hidden: t.boolean().default(false) })

export const Note = model('note', {
  id: t.serial(),
  title: t.text(),
  rank: t.integer().default(0),
  open: t.boolean().default(true),
  body: t.text().default(''),
  get owner() {
    return t.ref(User, { inverse: 'notes' }).onDelete('cascade')
  },
  get tags() {
    return t.manyToMany(Tag, { inverse: 'notes' })
  },
  deletedAt: t.deletedAt(),
})

export const Draft = model('draft', {
  id: t.serial(),
  text: t.text(),
  get owner() {
    return t.ref(User, { inverse: 'drafts' }).onDelete('cascade')
  },
})

/** Endpoints whose answers are never kept, whatever they say. */
function unkept(endpoint: any, called: () => void): Endpoint[] {
  return [
    endpoint('GET /told', {
      anyone: true,
      cache: true,
      handle: ({ headers }: any) => {
        called()
        return { agent: headers['user-agent'] ?? null }
      },
    }),
    endpoint('GET /cookie', {
      anyone: true,
      cache: true,
      handle: ({ reply }: any) => {
        called()
        reply.header('set-cookie', 'a=b')
        return {}
      },
    }),
    endpoint('GET /never', {
      anyone: true,
      cache: true,
      handle: ({ reply }: any) => {
        called()
        reply.header('cache-control', 'no-store')
        return {}
      },
    }),
  ]
}

/** Of each run of an app its own functions, which count how often they are called. */
export function cacheApp(options: Partial<BackendOptions> = {}) {
  const { policy, resource, endpoint, cached } = define({ models: { User, Tag, Note, Draft }, user: User })
  policy(User, { anyone: { read: true } })
  policy(Tag, { anyone: { read: { hidden: false } } })
  policy(Note, {
    anyone: { read: { open: true } },
    read: ({ user }) => user.role === 'admin' || { or: [{ open: true }, { owner: user.id }] },
    create: true,
    update: true,
  })
  policy(Draft, { anyone: { read: { owner: { role: 'admin' } } } })
  let calls = 0
  const top = cached('top', async (db, least: number) => {
    calls++
    return db.find(Note, { where: { rank: { gte: least } }, sort: 'id' })
  })
  const bySql = cached('by-sql', async (db) => {
    calls++
    return db.asSystem().sql.selectFrom('tag').select('name').orderBy('id').execute()
  })
  const byText = cached('by-text', async (db) => {
    calls++
    return (await sql<{ n: number }>`select count(*) as n from tag`.execute(db.asSystem().sql)).rows.map(Number)
  })
  const declared = cached(
    'declared',
    async (db) => {
      calls++
      return (await sql<{ name: string }>`select name from tag order by id`.execute(db.asSystem().sql)).rows
    },
    { reads: [Tag] },
  )
  const app = backend({
    name: 'cache',
    ...options,
    serve: [
      resource(User, { at: '/users', actions: ['list', 'read'], include: ['notes', 'notes.tags'], cache: true }),
      resource(Note, { at: '/notes', include: ['owner', 'tags'], cache: true }),
      resource(Draft, { at: '/drafts', actions: ['list', 'read'], include: ['owner'], cache: true }),
      resource(Tag, { at: '/tags', actions: ['list'], include: ['notes'], cache: true }),
      resource(Tag, { at: '/brief', actions: ['list'], cache: { ttl: '30s' } }),
      endpoint('GET /mine', {
        cache: true,
        handle: async ({ db, user }) => {
          calls++
          return { name: user.name, notes: await db.count(Note, { where: { owner: user.id } }) }
        },
      }),
      ...unkept(endpoint, () => calls++),
      endpoint('GET /top', { anyone: true, handle: async ({ db }) => ({ top: await top(db, 5) }) }),
      endpoint('GET /tops', { anyone: true, cache: true, handle: async ({ db }) => ({ top: await top(db, 5) }) }),
      endpoint('GET /by-sql', { anyone: true, handle: async ({ db }) => ({ tags: await bySql(db) }) }),
      endpoint('GET /by-text', { anyone: true, handle: async ({ db }) => ({ tags: await byText(db) }) }),
      endpoint('GET /declared', { anyone: true, handle: async ({ db }) => ({ tags: await declared(db) }) }),
    ],
  })
  return { app, calls: () => calls }
}
