import { type Auth, MonoblocError, password, type Row } from 'monobloc'
import { z } from 'zod'
import { endpoint, User } from './models.ts'
import { Account, optionalText, Profile, secret, text } from './shapes.ts'

const Registration = z.object({ username: text.max(100), email: text.pipe(z.email('is invalid')), password: secret })
const Credentials = z.object({ email: text, password: text })
const Changes = Registration.extend({ bio: optionalText, image: optionalText }).partial()

/** What comes with a person, as somebody sees them. */
export const seenBy = (viewer: Row<typeof User> | null) => ({
  following: { exists: 'followers', where: { id: viewer?.id ?? null } } as const,
})

function account(user: Pick<Row<typeof User>, 'id' | 'username' | 'email' | 'bio' | 'image'>, auth: Auth<typeof User>) {
  return { user: { ...user, token: auth.issue(user as Row<typeof User>) } }
}

const register = endpoint('POST /api/users', {
  anyone: true,
  body: z.object({ user: Registration }),
  returns: { 201: Account },
  prepare: ({ body }) => password.hash(body.user.password),
  async handle({ body, db, auth, prepared }) {
    return account(await db.insert(User, { ...body.user, password: prepared }), auth)
  },
})

const login = endpoint('POST /api/users/login', {
  anyone: true,
  transaction: 'read',
  body: z.object({ user: Credentials }),
  returns: Account,
  async prepare({ body, db }) {
    const { email, password: given } = body.user
    const user = await db.asSystem().first(User, { where: { email }, fields: ['id', 'username', 'email', 'bio', 'image', 'password'] })
    if (!(await password.verify(user?.password, given))) throw new MonoblocError('invalid_credentials')
    return user!
  },
  handle: ({ prepared, auth }) => account(prepared, auth),
})

const current = endpoint('GET /api/user', { returns: Account, handle: ({ user, auth }) => account(user, auth) })

const change = endpoint('PUT /api/user', {
  body: z.object({ user: Changes }),
  returns: Account,
  prepare: async ({ body }) => (body.user.password ? { password: await password.hash(body.user.password) } : {}),
  async handle({ body, user, db, auth, prepared }) {
    return account(await db.update(User, user.id, { ...body.user, ...prepared }), auth)
  },
})

const profile = endpoint('GET /api/profiles/:username', {
  anyone: true,
  returns: z.object({ profile: Profile }),
  async handle({ params, user, db }) {
    const found = await db.first(User, { where: { username: params.username }, include: seenBy(user) })
    if (!found) throw new MonoblocError('not_found', { subject: 'profile' })
    return { profile: found }
  },
})

const follows = [
  ['POST /api/profiles/:username/follow', 'add'] as const,
  ['DELETE /api/profiles/:username/follow', 'remove'] as const,
].map(([route, change]) =>
  endpoint(route, {
    returns: z.object({ profile: Profile }),
    async handle({ params, user, db }) {
      const other = await db.first(User, { where: { username: params.username } })
      if (!other) throw new MonoblocError('not_found', { subject: 'profile' })
      await db.update(User, user.id, { following: { [change]: [other.id] } })
      return { profile: await db.get(User, other.id, { include: seenBy(user) }) }
    },
  }),
)

export const people = [register, login, current, change, profile, ...follows]
