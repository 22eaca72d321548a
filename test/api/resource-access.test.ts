import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { backend, define, type SystemDb } from 'monobloc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engine } from '../conformance/engine.ts'
import { models, Note, Report, Tag, User } from '../conformance/unit-fixture.ts'
import { type CallOptions, call } from './call.ts'

// The same rules as in test/conformance/unit-access.test.ts, asked over HTTP by somebody who wants to see more.

const { policy, resource, endpoint, hook } = define({ models, user: User })
const seen = (user: { id: string }) => ({ or: [{ owner: user.id }, { public: true }] })
policy(User, { anyone: { read: true }, update: ({ user }) => ({ id: user.id }) })
policy(Tag, { read: { hidden: false }, create: true, update: true })
policy(Note, {
  anyone: { read: { public: true } },
  read: ({ user }) => seen(user),
  create: ({ user }) => ({ owner: user.id }),
  update: ({ user }) => ({ owner: user.id }),
  delete: ({ user }) => ({ owner: user.id }),
})
policy(Report, { anyone: { create: true } })
hook(Report, { beforeInsert: ({ input }) => ({ ...input, severity: 9 }) })

const token = endpoint('POST /tokens/:name', {
  anyone: true,
  transaction: 'read',
  handle: async ({ params, db, auth }) => auth.issue(await db.get(User, { name: params.name })),
})
const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-resource-'))
const app = backend({
  name: 'notes',
  serve: [
    token,
    resource(User, { at: '/users', include: ['notes', 'notes.tags', 'mentored'] }),
    resource(Note, { at: '/notes', include: ['owner', 'owner.notes', 'tags', 'mentor', 'comments'] }),
    resource(Tag, { at: '/tags', include: ['notes'] }),
    resource(Report, { at: '/reports' }),
  ],
})

let port: number
let ids: Record<'ann' | 'bob' | 'secret' | 'open' | 'tag' | 'hidden', string>
const tokens: Record<string, string> = {}

beforeAll(async () => {
  const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent', ...(await engine.settings()) }
  port = Number(new URL((await app.start({ port: 0, folder, environment })).url).port)
  await app.transaction(async (db: SystemDb<typeof models, typeof User>) => {
    const [ann, bob] = await db.insert(User, [
      { name: 'ann', password: 'a-hash' },
      { name: 'bob', password: 'b-hash' },
    ])
    const [tag, hidden] = await db.insert(Tag, [{ name: 'seen' }, { name: 'unseen', hidden: true }])
    const tags = [tag!.id, hidden!.id]
    const secret = await db.insert(Note, { title: 'secret plan', owner: ann!.id, code: 'c0de', tags, mentor: bob!.id })
    const open = await db.insert(Note, { title: 'open letter', owner: ann!.id, public: true, code: 'c0de', tags })
    ids = { ann: ann!.id, bob: bob!.id, secret: secret.id, open: open.id, tag: tag!.id, hidden: hidden!.id }
  })
  for (const name of ['ann', 'bob']) tokens[name] = (await call(port, `POST /tokens/${name}`)).json
})
afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

const as = (who: string | null, request: string, options: CallOptions = {}) =>
  call(port, request, {
    ...options,
    headers: { ...options.headers, ...(who && { authorization: `Bearer ${tokens[who]}` }) },
  })

describe('what is hidden is in no answer', () => {
  const forbidden = /secret plan|unseen|hash|c0de|severity/
  const requests = (): [string, unknown?][] => [
    ['GET /notes'],
    ['GET /notes?include=owner,tags,comments,owner.notes'],
    ['GET /notes?sort=-title&limit=100'],
    ['GET /notes?search=secret'],
    ['GET /notes?title[startsWith]=s'],
    ['GET /notes?public=false'],
    ['GET /users?include=notes,notes.tags'],
    ['GET /tags?include=notes'],
    ['GET /tags?hidden=true'],
    [`GET /notes/${ids.secret}`],
    [`GET /notes/${ids.secret.toUpperCase()}`],
    [`HEAD /notes/${ids.secret}`],
    [`GET /tags/${ids.hidden}`],
    [`GET /users/${ids.ann}?include=notes,notes.tags`],
    ['QUERY /notes', { where: { or: [{ public: false }, { public: true }] } }],
    ['QUERY /notes', { where: { not: { not: { owner: ids.ann } } } }],
    ['QUERY /users', { where: { notes: { some: {} } }, include: ['notes', 'notes.tags'] }],
    ['QUERY /notes', { where: { tags: { none: { name: 'x' } } }, include: ['tags'] }],
    [`PATCH /notes/${ids.secret}`, { title: 'x' }],
    [`PUT /notes/${ids.secret}`, { title: 'x', owner: ids.bob }],
    [`DELETE /notes/${ids.secret}`],
    [`PATCH /tags/${ids.hidden}`, { hidden: false }],
    ['POST /tags', { name: 'unseen' }],
    ['POST /notes', { title: 'x', owner: ids.bob, tags: [ids.hidden] }],
    ['POST /reports', { text: 'help' }],
    ['POST /reports/batch', [{ text: 'help' }, { text: 'more' }]],
    ['GET /reports'],
  ]
  test.each([['bob'], [null]])('of %s', async (who) => {
    for (const [request, body] of requests()) {
      const answer = await as(who, request, { body })
      expect([request, answer.status < 500]).toEqual([request, true])
      expect([request, forbidden.exec(answer.body)?.[0], forbidden.exec(JSON.stringify(answer.headers))?.[0]]).toEqual([
        request,
        undefined,
        undefined,
      ])
    }
    expect((await as('ann', `GET /notes/${ids.secret}`)).json).toMatchObject({ title: 'secret plan', version: 1 })
  })
})

describe('write-only fields are unknown to clients', () => {
  test.each([
    'GET /users?fields=password',
    'GET /users?fields=id,password',
    'GET /users?sort=password',
    'GET /users?sort=name,-password',
    'GET /users?password=a-hash',
    'GET /users?password[startsWith]=a',
    'GET /users?notes.some.code=c0de',
    'GET /users?notes[some][code]=c0de',
    'GET /notes?mentor[null]=false',
    'GET /notes?owner.password=a-hash',
  ])('%s', async (request) => {
    const answer = await as('ann', request)
    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_query'])
    expect(answer.body).not.toMatch(/a-hash/)
  })

  test.each([
    { where: { password: 'a-hash' } },
    { where: { notes: { some: { code: { ne: null } } } } },
    { where: { mentored: { some: {} } } },
    { where: { or: [{ not: { notes: { every: { code: 'x' } } } }] } },
  ])('%j', async (body) => {
    const answer = await as('ann', 'QUERY /users', { body })
    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_filter'])
  })

  test('as relations, even where the resource names them', async () => {
    expect((await as('ann', 'GET /notes?include=mentor')).status).toBe(403)
    expect((await as('ann', 'GET /users?include=mentored')).status).toBe(403)
  })
})

test('what the system sets is refused to clients, in every verb', async () => {
  const bodies: object[] = [
    { rank: 9 },
    { id: ids.bob },
    { password: 'x', rank: 1 },
    { __proto__x: 1 },
    { constructor: {} },
  ]
  for (const body of bodies) {
    const answer = await as('ann', `PATCH /users/${ids.ann}`, { body })
    expect([answer.status, answer.json.code]).toEqual([422, 'validation_failed'])
  }
  const raw = { body: '{"__proto__":{"rank":9}}', headers: { 'content-type': 'application/json' } }
  expect((await as('ann', `PATCH /users/${ids.ann}`, raw)).status).toBeGreaterThanOrEqual(400)
  expect((await as('ann', `GET /users/${ids.ann}`)).json).toMatchObject({ rank: 0 })
})

test('what may be written and not read is answered without a body', async () => {
  const one = await as(null, 'POST /reports', { body: { text: 'help' } })
  expect([one.status, one.body]).toEqual([204, ''])
  expect(one.headers.location).toMatch(/^\/reports\/[0-9a-f-]{36}$/)
  const many = await as(null, 'POST /reports/batch', { body: [{ text: 'help' }] })
  expect([many.status, many.body]).toEqual([204, ''])
  const gone = await as('bob', `PATCH /tags/${ids.tag}`, { body: { hidden: true } })
  expect([gone.status, gone.body]).toEqual([204, ''])
  expect((await as('bob', `PATCH /tags/${ids.tag}`, { body: { hidden: false } })).status).toBe(404)
})
