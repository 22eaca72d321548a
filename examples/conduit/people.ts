import { type Auth, MonoblocError, password, type Row } from 'monobloc'
import { z } from 'zod'
import { type Data, endpoint, User, type Viewer } from './models.ts'

export const str = z.string()
export const text = str.trim().min(1, "can't be blank")
/** An empty text says the same as null. */
const optional = z.preprocess((value) => (value === '' ? null : value), str.nullable())
const secret = z
  .string()
  .min(1, { error: "can't be blank", abort: true })
  .min(8, 'is too short (minimum is 8 characters)')
const Registration = z.object({ username: text, email: text.pipe(z.email('is invalid')), password: secret })
const Changes = Registration.extend({ bio: optional, image: optional }).partial()

const shown = { username: str, bio: str.nullable(), image: str.nullable() }
export const Profile = z.object({ ...shown, following: z.boolean() }).meta({ id: 'Profile' })
const OneProfile = z.object({ profile: Profile })
const Account = z.object({ user: z.object({ ...shown, email: str, token: str }) })

/** What somebody sees of a person beside the person's own fields. */
export const seenBy = (viewer: Viewer) =>
  ({ following: { exists: 'followers', where: { id: viewer?.id ?? null } } }) as const

const account = (user: Row<typeof User>, auth: Auth<typeof User>) => ({ user: { ...user, token: auth.issue(user) } })

async function profileOf(db: Data, username: string, viewer: Viewer) {
  return { profile: await db.get(User, { username }, { include: seenBy(viewer) }) }
}

export const register = endpoint('POST /api/users', {
  anyone: true,
  body: z.object({ user: Registration }),
  returns: { 201: Account },
  prepare: ({ body }) => password.hash(body.user.password),
  handle: async ({ body, db, auth, prepared }) =>
    account(await db.insert(User, { ...body.user, password: prepared }), auth),
})

export const login = endpoint('POST /api/users/login', {
  anyone: true,
  transaction: 'read',
  body: z.object({ user: z.object({ email: text, password: text }) }),
  returns: Account,
  async prepare({ body: { user }, db }) {
    const stored = await db.asSystem().first(User, { where: { email: user.email }, fields: ['id', 'password'] })
    if (!(await password.verify(stored?.password, user.password))) throw new MonoblocError('invalid_credentials')
    return stored!.id
  },
  handle: async ({ prepared, db, auth }) => account(await db.get(User, prepared), auth),
})

export const current = endpoint('GET /api/user', { returns: Account, handle: ({ user, auth }) => account(user, auth) })

export const change = endpoint('PUT /api/user', {
  body: z.object({ user: Changes }),
  returns: Account,
  prepare: async ({ body }) =>
    body.user.password === undefined ? {} : { password: await password.hash(body.user.password) },
  handle: async ({ body, user, db, auth, prepared }) =>
    account(await db.update(User, user.id, { ...body.user, ...prepared }), auth),
})

export const profile = endpoint('GET /api/profiles/:username', {
  anyone: true,
  returns: OneProfile,
  handle: ({ params, user, db }) => profileOf(db, params.username, user),
})

const following = (method: 'POST' | 'DELETE') =>
  endpoint(`${method} /api/profiles/:username/follow`, {
    returns: OneProfile,
    async handle({ params, user, db }) {
      const { id } = (await profileOf(db, params.username, user)).profile
      await db.update(User, user.id, { following: { [method === 'POST' ? 'add' : 'remove']: [id] } })
      return profileOf(db, params.username, user)
    },
  })
export const follow = following('POST')
export const unfollow = following('DELETE')
