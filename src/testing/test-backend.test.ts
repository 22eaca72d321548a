import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { backend, define, model, endpoint as plainEndpoint, t } from 'monobloc'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { Child, folderWith } from '../../test/api/child-app.ts'
import { testBackend } from './index.ts'

const User = model('user', { id: t.id(), name: t.text().unique(), password: t.text().writeOnly().default('') })
const Note = model('note', {
  id: t.id(),
  title: t.text().min(1),
  author: t.ref(User).onDelete('cascade'),
  createdAt: t.createdAt(),
  updatedAt: t.updatedAt(),
})
const { policy, resource, endpoint } = define({ models: { User, Note }, user: User })
policy(User, { read: true })
policy(Note, {
  anyone: { read: true },
  read: true,
  create: ({ user }) => ({ author: user.id }),
  update: true,
  delete: true,
})

const write = endpoint('POST /notes', {
  body: Note.input('title'),
  returns: { 201: Note },
  handle: ({ body, db, user }) => db.insert(Note, { ...body, author: user.id }),
})
const broken = endpoint('GET /broken', {
  anyone: true,
  handle: () => {
    throw new Error('broken by hand')
  },
})
let seeded = 0
const app = backend({
  name: 'notes',
  auth: { schemes: ['Token'] },
  serve: [write, broken, resource(Note, { at: '/notes', actions: ['list', 'read', 'update', 'delete'] })],
  async seed(db) {
    seeded++
    await db.insert(User, { name: 'admin' })
  },
})

const names = async (it: Awaited<ReturnType<typeof testBackend>>) => (await it.db.find(User)).map(({ name }) => name)

describe('the database of a test backend', () => {
  test('is a copy of one that was seeded once, and its own', async () => {
    const before = seeded
    const all = await Promise.all(Array.from({ length: 5 }, () => testBackend(app)))
    expect(seeded - before).toBeLessThanOrEqual(1)
    await all[0]!.db.insert(User, { name: 'ann' })
    expect(await Promise.all(all.map(names))).toEqual([['admin', 'ann'], ...Array(4).fill(['admin'])])
    await Promise.all(all.map((it) => it.stop()))
    await using another = await testBackend(app)
    expect(await names(another)).toEqual(['admin'])
    expect(seeded).toBe(1)
  })
  test('has the seed of the tests, or none', async () => {
    let filled = 0
    const seed = async (db: any) => {
      filled++
      await db.insert(User, { name: 'bob' })
    }
    for (let round = 0; round < 2; round++) {
      await using it = await testBackend(app, { seed })
      expect(await names(it)).toEqual(['bob'])
    }
    expect(filled).toBe(1)
    await using empty = await testBackend(app, { seed: false })
    expect(await names(empty)).toEqual([])
  })
  test('fails a test with what is wrong with its seed', async () => {
    const seed = () => Promise.reject(new Error('no seed'))
    for (let round = 0; round < 2; round++) await expect(testBackend(app, { seed })).rejects.toThrow('no seed')
  })
  test('is gone when it is stopped, which may be twice, and when it did not start', async () => {
    const temporary = folderWith({})
    vi.stubEnv('TMPDIR', temporary)
    const it = await testBackend(app, { seed: async (db) => void (await db.insert(User, { name: 'bob' })) })
    expect(readdirSync(temporary)).toEqual([expect.stringMatching(`^monobloc-test-${process.pid}-`)])
    await it.stop()
    await it.stop()
    await expect(it.get('/notes')).rejects.toThrow('ECONNREFUSED')
    await expect(testBackend(app, { seed: () => Promise.reject(new Error('no seed')) })).rejects.toThrow('no seed')
    expect(readdirSync(temporary)).toEqual([])
    vi.unstubAllEnvs()
  })
  test('that a killed process has left is removed an hour later, and no other', async () => {
    const dead = new Child(['-e', ''], { folder: folderWith({}) })
    await dead.exit
    const names = [dead.process.pid, process.pid, 'other'].map((owner) => `monobloc-test-${owner}-x`)
    const temporary = folderWith(Object.fromEntries(names.map((name) => [`${name}/app.db`, ''])))
    const recent = `monobloc-test-${dead.process.pid}-y`
    mkdirSync(path.join(temporary, recent))
    for (const name of names) utimesSync(path.join(temporary, name), 0, 0)
    vi.stubEnv('TMPDIR', temporary)
    await (await testBackend(app)).stop()
    expect(readdirSync(temporary).sort()).toEqual([...names.slice(1), recent].sort())
    vi.unstubAllEnvs()
  })
})

describe('a client', () => {
  test('asks as nobody or as a user', async () => {
    await using it = await testBackend(app)
    const ann = it.as(await it.db.insert(User, { name: 'ann' }))
    const bob = it.as(await it.db.insert(User, { name: 'bob' }))
    expect(await it.get('/notes')).toMatchObject({ status: 200, body: [] })
    expect(await it.post('/notes', { title: 'Bread' })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    })
    const written = await ann.post('/notes', { title: 'Bread' })
    expect(written).toMatchObject({
      status: 201,
      headers: { 'content-type': 'application/json' },
      body: { title: 'Bread' },
    })
    const at = `/notes/${written.body.id}`
    expect(await bob.patch(at, { title: 'Milk' })).toMatchObject({ status: 200, body: { title: 'Milk' } })
    expect(await bob.patch(at, { title: '' })).toMatchObject({ status: 422 })
    expect(await bob.head(at)).toMatchObject({ status: 200, body: null })
    expect(await bob.delete(at, undefined, { 'if-match': '"nothing"' })).toMatchObject({ status: 412 })
    expect(await bob.delete(at)).toMatchObject({ status: 204, body: null })
    const response = await fetch(`${it.url}/notes`, { headers: { authorization: `Token ${ann.token}` } })
    expect(response.status).toBe(200)
  })
  test('sends and reads what is not JSON as what it is', async () => {
    const echo = plainEndpoint('POST /echo', {
      body: z.unknown(),
      handle: ({ body, headers }) => ({ body, type: headers['content-type'] }),
    })
    const bytes = plainEndpoint('GET /bytes', { handle: () => Buffer.from([1, 2, 255]) })
    const page = plainEndpoint('GET /page', {
      handle({ reply }) {
        reply.header('content-type', 'text/html')
        return '<p>'
      },
    })
    await using it = await testBackend(backend({ serve: [echo, bytes, page] }))
    expect((await it.get('/bytes')).body).toEqual(new Uint8Array([1, 2, 255]))
    expect((await it.get('/page')).body).toBe('<p>')
    expect((await it.post('/echo', { a: 1 })).body).toEqual({ body: { a: 1 }, type: 'application/json' })
    expect((await it.post('/echo', '{"b":2}', { 'Content-Type': 'application/json' })).body).toMatchObject({
      body: { b: 2 },
    })
    expect((await it.post('/echo', new URLSearchParams('c=3'))).status).toBe(415)
    expect(() => it.as({ id: 1 })).toThrow('has no models')
  })
  test('reaches the app where fetch is replaced', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new Error('no network in tests')))
    try {
      await using it = await testBackend(app)
      expect(await it.get('/notes')).toMatchObject({ status: 200 })
    } finally {
      vi.unstubAllGlobals()
    }
  })
})

describe('the clock', () => {
  test('dates rows and the log, stands when it is set, and moves', async () => {
    await using it = await testBackend(app)
    const ann = it.as(await it.db.insert(User, { name: 'ann' }))
    it.clock.set('2030-01-31T09:00:00Z')
    const first = await ann.post('/notes', { title: 'One' })
    expect(first.body).toMatchObject({ createdAt: '2030-01-31T09:00:00.000Z' })
    it.clock.move({ hours: 2, minutes: 30 })
    const second = await ann.patch(`/notes/${first.body.id}`, { title: 'Two' })
    expect(second.body).toMatchObject({ createdAt: first.body.createdAt, updatedAt: '2030-01-31T11:30:00.000Z' })
  })
  test('ends tokens and idempotency keys', async () => {
    await using it = await testBackend(app)
    const ann = it.as(await it.db.insert(User, { name: 'ann' }))
    const key = { 'idempotency-key': 'one' }
    const post = () => ann.post('/notes', { title: 'Bread' }, key)
    const { body } = await post()
    const token = { authorization: `Token ${ann.token}` }
    it.clock.move({ hours: 23, minutes: 59 })
    expect((await post()).body.id).toBe(body.id)
    expect(await it.get('/notes', token)).toMatchObject({ status: 200 })
    it.clock.move({ minutes: 2 })
    expect((await post()).body.id).not.toBe(body.id)
    expect(await it.get('/notes', token)).toMatchObject({ status: 401, body: { code: 'invalid_token' } })
  })
  test('goes until it is set, and refuses what is no time', async () => {
    await using it = await testBackend(app)
    const before = Date.now()
    it.clock.move({ days: 1 })
    expect(it.clock.now().getTime()).toBeGreaterThanOrEqual(before + 86_400_000)
    it.clock.set(new Date(5))
    it.clock.move({ milliseconds: -5 })
    expect(it.clock.now()).toEqual(new Date(0))
    expect(() => it.clock.move({ day: 1 } as never)).toThrow('day')
    expect(() => it.clock.set('tomorrow')).toThrow('tomorrow')
  })
})

describe('what is asserted on', () => {
  test('everything that was written, in order, with who did it', async () => {
    await using it = await testBackend(app)
    expect(await it.written()).toEqual([])
    const row = await it.db.insert(User, { name: 'ann', password: 'secret' })
    const ann = it.as(row)
    const { body } = await ann.post('/notes', { title: 'Bread' })
    await ann.post('/notes', { title: '' })
    await ann.patch(`/notes/${body.id}`, { title: 'Milk' })
    await it.db.update(Note, { where: {} }, { title: 'Salt' })
    await ann.delete(`/notes/${body.id}`)
    expect(await it.written(Note)).toMatchObject([
      { operation: 'insert', key: { id: body.id }, row: { title: 'Bread', author: row.id }, actor: row.id },
      { operation: 'update', row: { title: 'Milk' }, previous: { title: 'Bread' }, actor: row.id },
      { operation: 'update', row: { title: 'Salt' }, actor: null },
      { operation: 'delete', row: { title: 'Salt' }, actor: row.id },
    ])
    const [user, ...others] = await it.written('user')
    expect(others).toEqual([])
    expect(user).toMatchObject({ table: 'user', row: { name: 'ann' } })
    expect(user!.row).not.toHaveProperty('password')
    expect(new Set((await it.written()).map(({ position }) => position)).size).toBe(5)
  })
  test('everything that was logged, and errors are shown', async () => {
    const shown = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await using it = await testBackend(app)
    expect(await it.get('/broken')).toMatchObject({ status: 500 })
    await it.get('/notes')
    expect(it.log).toContainEqual(expect.objectContaining({ level: 'info', route: '/notes', status: 200 }))
    const [error, ...more] = it.log.filter(({ level }) => level === 'error')
    expect(more).toEqual([])
    expect(JSON.stringify(error)).toContain('broken by hand')
    expect(shown.mock.calls.join('')).toContain('broken by hand')
  })
  test('settings are those of the test alone', async () => {
    vi.stubEnv('PORT', '1').stubEnv('MONOBLOC_BODY_LIMIT', '1').stubEnv('DATABASE_URL', 'sqlite:/nowhere/app.db')
    await using it = await testBackend(app, { environment: { MONOBLOC_BODY_LIMIT: '20' } })
    const ann = it.as(await it.db.insert(User, { name: 'ann' }))
    expect(await ann.post('/notes', { title: 'Bread' })).toMatchObject({ status: 201 })
    expect(await ann.post('/notes', { title: 'Bread and more' })).toMatchObject({ status: 413 })
    vi.unstubAllEnvs()
  })
  test('what is no backend is refused', async () => {
    await expect(testBackend({} as never)).rejects.toThrow('not what backend() returns')
  })
})

test('runs under node --test in files side by side, and leaves nothing behind though nobody stops it', async () => {
  const door = (name: string) => JSON.stringify(path.join(import.meta.dirname, name))
  const file = `
    import assert from 'node:assert'
    import { test } from 'node:test'
    import { backend, define, model, t } from ${door('../index.ts')}
    import { testBackend } from ${door('index.ts')}
    const Note = model('note', { id: t.id(), title: t.text() })
    const { policy, resource } = define({ models: { Note } })
    policy(Note, { anyone: { read: true, create: true } })
    const app = backend({ serve: [resource(Note, { at: '/notes' })] })
    for (const name of ['one', 'two']) test(name, { concurrency: true }, async () => {
      const it = await testBackend(app)
      assert.equal((await it.post('/notes', { title: 'Bread' })).status, 201)
      assert.equal((await it.get('/notes')).body.length, 1)
    })`
  const folder = folderWith({ 'a.test.ts': file, 'b.test.ts': file, 'tmp/none': '' })
  const child = new Child(['--test'], { folder, env: { TMPDIR: path.join(folder, 'tmp') } })
  expect((await child.exit).code, child.text).toBe(0)
  expect(child.out).toMatch(/pass 4/)
  expect(existsSync(folder)).toBe(true)
  expect(readdirSync(path.join(folder, 'tmp'))).toEqual(['none'])
})
