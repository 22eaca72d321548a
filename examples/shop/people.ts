import { MonoblocError, password } from 'monobloc'
import { z } from 'zod'
import { endpoint, User } from './models.ts'

const Credentials = z.object({ name: z.string().trim().min(1).max(40), password: z.string().min(8).max(200) })
const Token = z.object({ token: z.string() })

export const register = endpoint('POST /users', {
  anyone: true,
  body: Credentials,
  returns: { 201: Token },
  prepare: ({ body }) => password.hash(body.password),
  async handle({ body, db, auth, prepared }) {
    return { token: auth.issue(await db.asSystem().insert(User, { name: body.name, password: prepared })) }
  },
})

export const signIn = endpoint('POST /sign-in', {
  anyone: true,
  transaction: 'read',
  body: Credentials,
  returns: Token,
  async prepare({ body, db }) {
    const found = await db.asSystem().first(User, { where: { name: body.name }, fields: ['id', 'password'] })
    if (!(await password.verify(found?.password, body.password))) throw new MonoblocError('invalid_credentials')
    return found!.id
  },
  async handle({ prepared, db, auth }) {
    return { token: auth.issue(await db.asSystem().get(User, prepared)) }
  },
})

export const me = endpoint('GET /me', { returns: User, handle: ({ user }) => user })
