import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testBackend } from 'monobloc/testing'
import app from '../src/app.ts'
import { Note, User } from '../src/models.ts'

test('who registers can sign in', async () => {
  const backend = await testBackend(app)
  const ann = { name: 'ann', password: 'correct horse' }
  assert.equal((await backend.post('/users', ann)).status, 201)
  assert.equal((await backend.post('/login', ann)).status, 200)
  assert.equal((await backend.post('/login', { ...ann, name: ' ann' })).status, 200)
  assert.equal((await backend.post('/login', { ...ann, password: 'battery staple' })).status, 401)
})

test('a note is seen by who wrote it, and by nobody else', async () => {
  const backend = await testBackend(app)
  const ann = backend.as(await backend.db.insert(User, { name: 'ann', password: '' }))
  const bob = backend.as(await backend.db.insert(User, { name: 'bob', password: '' }))
  backend.clock.set('2030-01-31T09:00:00Z')

  const { status, body } = await ann.post('/notes', { title: 'Buy bread' })
  assert.equal(status, 201)
  assert.equal(body.createdAt, '2030-01-31T09:00:00.000Z')
  assert.equal((await ann.get(`/notes/${body.id}`)).status, 200)
  assert.equal((await bob.get(`/notes/${body.id}`)).status, 404)
  assert.equal((await backend.get(`/notes/${body.id}`)).status, 401)

  const [written] = await backend.written(Note)
  assert.equal(written?.operation, 'insert')
})
