import { MonoblocError, password } from 'monobloc'
import { z } from 'zod'
import { endpoint, User } from './models.ts'

const Credentials = z.strictObject({ name: z.string().trim(), password: z.string().min(8) })
const Token = z.object({ token: z.string() })

export const register = endpoint('POST /users', {
  anyone: true,
  body: Credentials,
  returns: { 201: Token },
  prepare: ({ body }) => password.hash(body.password), // slow on purpose: before the transaction
  async handle({ body, db, auth, prepared }) {
    const user = await db.asSystem().insert(User, { name: body.name, password: prepared })
    return { token: auth.issue(user) }
  },
})

export const login = endpoint('POST /login', {
  anyone: true,
  transaction: 'read',
  body: Credentials,
  returns: Token,
  async prepare({ body, db }) {
    const found = await db.asSystem().first(User, { where: { name: body.name }, fields: ['id', 'password'] })
    if (!(await password.verify(found?.password, body.password))) throw new MonoblocError('invalid_credentials')
    return found!.id
  },
  handle: async ({ prepared, db, auth }) => ({ token: auth.issue(await db.asSystem().get(User, prepared)) }),
})
