import { type Auth, type Db, MonoblocError, password, type Row } from 'monobloc'
import { z } from 'zod'
import { endpoint, type models, User } from './models.ts'
import { AccountShape, ProfileShape, text } from './shapes.ts'

type Viewer = Row<typeof User> | null

/** An empty text says the same as null. */
const optional = z
  .string()
  .nullable()
  .transform((value) => value || null)
const secret = z.string().min(1, "can't be blank").min(8, 'is too short (minimum is 8 characters)')
const Registration = z.object({ username: text, email: text.pipe(z.email('is invalid')), password: secret })
const Changes = Registration.extend({ bio: optional, image: optional }).partial()
const Account = z.object({ user: AccountShape })
const OneProfile = z.object({ profile: ProfileShape })

/** What somebody sees of a person beside the person's own fields. */
export const seenBy = (viewer: Viewer) =>
  ({ following: { exists: 'followers', where: { id: viewer?.id ?? null } } }) as const

const account = (user: Row<typeof User>, auth: Auth<typeof User>) => ({ user: { ...user, token: auth.issue(user) } })

async function profileOf(db: Db<typeof models, typeof User>, username: string, viewer: Viewer) {
  const profile = await db.first(User, { where: { username }, include: seenBy(viewer) })
  if (!profile) throw new MonoblocError('not_found', { subject: 'profile' })
  return { profile }
}

const register = endpoint('POST /api/users', {
  anyone: true,
  body: z.object({ user: Registration }),
  returns: { 201: Account },
  prepare: ({ body }) => password.hash(body.user.password),
  handle: async ({ body, db, auth, prepared }) =>
    account(await db.insert(User, { ...body.user, password: prepared }), auth),
})

const login = endpoint('POST /api/users/login', {
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

const current = endpoint('GET /api/user', { returns: Account, handle: ({ user, auth }) => account(user, auth) })

const change = endpoint('PUT /api/user', {
  body: z.object({ user: Changes }),
  returns: Account,
  prepare: async ({ body }) =>
    body.user.password === undefined ? {} : { password: await password.hash(body.user.password) },
  handle: async ({ body, user, db, auth, prepared }) =>
    account(await db.update(User, user.id, { ...body.user, ...prepared }), auth),
})

const profile = endpoint('GET /api/profiles/:username', {
  anyone: true,
  returns: OneProfile,
  handle: ({ params, user, db }) => profileOf(db, params.username, user),
})

const follow = (
  route: 'POST /api/profiles/:username/follow' | 'DELETE /api/profiles/:username/follow',
  change: 'add' | 'remove',
) =>
  endpoint(route, {
    returns: OneProfile,
    async handle({ params, user, db }) {
      const { id } = (await profileOf(db, params.username, user)).profile
      await db.update(User, user.id, { following: { [change]: [id] } })
      return profileOf(db, params.username, user)
    },
  })

export const people = [
  register,
  login,
  current,
  change,
  profile,
  follow('POST /api/profiles/:username/follow', 'add'),
  follow('DELETE /api/profiles/:username/follow', 'remove'),
]
