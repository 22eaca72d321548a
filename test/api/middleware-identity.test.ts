import express from 'express'
import session from 'express-session'
import { backend, define, model, t } from 'monobloc'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { call, expectProblem } from './call.ts'
import { serveApp } from './served-app.ts'

const User = model('user', { id: t.id(), name: t.text().unique() })
const Note = model('note', { id: t.id(), text: t.text(), author: t.ref(User) })

function notes() {
  const { endpoint, policy, resource } = define({ models: { User, Note }, user: User })
  policy(User, { read: ({ user }) => ({ id: user.id }) })
  policy(Note, { read: ({ user }) => ({ author: user.id }), create: ({ user }) => ({ author: user.id }) })
  const join = endpoint('POST /join', {
    anyone: true,
    body: z.object({ name: z.string() }),
    async handle({ body, db, req, auth }) {
      const user = await db.asSystem().insert(User, { name: body.name })
      req.session.userId = user.id
      return { token: auth.issue(user), id: user.id }
    },
  })
  const leave = endpoint('POST /leave', {
    handle: ({ user, db }) => db.asSystem().delete(User, user.id),
  })
  const add = endpoint('POST /notes', {
    body: z.object({ text: z.string() }),
    handle: ({ body, user, db }) => db.insert(Note, { ...body, author: user.id }),
  })
  const legacy = express()
  legacy.post('/sign-in/:id', (req, res) => {
    ;(req as any).session.userId = req.params.id
    res.end()
  })
  return backend({
    serve: [join, leave, add, resource(Note, { at: '/notes', actions: ['list'] })],
    mount: { '/legacy': legacy },
    auth: { identify: async (req) => req.session.userId },
  }).use(session({ secret: 's', resave: false, saveUninitialized: false }))
}

const cookieOf = (answer: { headers: Record<string, any> }) => answer.headers['set-cookie'][0].split(';')[0]

test('a session that middleware keeps says who the user is, to policies and to both halves of an app', async () => {
  const { port } = await serveApp(notes())
  const joined = await call(port, 'POST /join', { body: { name: 'ann' } })
  const headers = { cookie: cookieOf(joined) }
  expect((await call(port, 'POST /notes', { headers, body: { text: 'hers' } })).status).toBe(200)
  expect((await call(port, 'GET /notes', { headers })).json).toMatchObject([{ text: 'hers' }])
  const bob = await call(port, 'POST /join', { body: { name: 'bob' } })
  expect((await call(port, 'GET /notes', { headers: { cookie: cookieOf(bob) } })).json).toEqual([])
  const legacy = await call(port, `POST /legacy/sign-in/${joined.json.id}`)
  expect((await call(port, 'GET /notes', { headers: { cookie: cookieOf(legacy) } })).json).toHaveLength(1)
})

test('a token goes before it; without either there is nobody; of one who is no more it is not valid', async () => {
  const { port } = await serveApp(notes())
  const ann = await call(port, 'POST /join', { body: { name: 'ann' } })
  const bob = await call(port, 'POST /join', { body: { name: 'bob' } })
  const headers = { cookie: cookieOf(ann) }
  await call(port, 'POST /notes', { headers, body: { text: 'of ann' } })
  const both = { ...headers, authorization: `Bearer ${bob.json.token}` }
  expect((await call(port, 'GET /notes', { headers: both })).json).toEqual([])
  expectProblem(
    await call(port, 'GET /notes', { headers: { ...headers, authorization: 'Bearer x' } }),
    401,
    'invalid_token',
  )
  expectProblem(await call(port, 'POST /notes', { body: { text: 'x' } }), 401, 'unauthenticated')
  expectProblem(
    await call(port, 'POST /notes', { headers: { cookie: 'connect.sid=x' }, body: { text: 'x' } }),
    401,
    'unauthenticated',
  )
  await call(port, 'POST /leave', { headers: { cookie: cookieOf(bob) } })
  expectProblem(await call(port, 'GET /notes', { headers: { cookie: cookieOf(bob) } }), 401, 'invalid_token')
})
