import { testBackend } from 'monobloc/testing'
import { expect, test } from 'vitest'
import conduit from '../../examples/conduit/app.ts'
import { User } from '../../examples/conduit/models.ts'
import { Digest, Notification } from '../../examples/conduit/notices/models.ts'

const draft = { title: 'On bread', description: 'Slow', body: 'Wait.' }

async function people(...names: string[]) {
  const backend = await testBackend(conduit, { seed: false })
  const rows = await backend.db.insert(
    User,
    names.map((username) => ({ username, email: `${username}@example.com`, password: '' })),
  )
  return { backend, clients: rows.map((row) => backend.as(row)) }
}

test('followers are told of an article, once; strangers and the author are not', async () => {
  const { backend, clients } = await people('ann', 'bob', 'cleo')
  await using _ = backend
  const [ann, bob, cleo] = clients as [any, any, any]
  await bob.post('/api/profiles/ann/follow')
  expect((await ann.post('/api/articles', { article: draft })).status).toBe(201)
  // Refused, and so is what it would have told.
  expect((await ann.post('/api/articles', { article: { ...draft, title: '' } })).status).toBe(422)
  await backend.settled()
  const told = async (who: any) => (await who.get('/api/notifications?include=article')).body
  expect((await told(bob)).map((notice: any) => notice.article.slug)).toEqual(['on-bread'])
  expect([await told(ann), await told(cleo)]).toEqual([[], []])
})

test('each morning counts the day before, for everyone who was told of something', async () => {
  const { backend, clients } = await people('ann', 'bob')
  await using _ = backend
  const [ann, bob] = clients as [any, any]
  await bob.post('/api/profiles/ann/follow')
  backend.clock.set('2030-01-31T12:00:00Z')
  await ann.post('/api/articles', { article: draft })
  await ann.post('/api/articles', { article: { ...draft, title: 'On salt' } })
  await backend.settled()
  expect(await backend.db.count(Notification)).toBe(2)
  // Seven in Paris is six in UTC.
  backend.clock.set('2030-02-01T05:59:00Z')
  await backend.settled()
  expect(await backend.db.count(Digest)).toBe(0)
  backend.clock.set('2030-02-01T06:00:00Z')
  await backend.settled()
  expect((await bob.get('/api/digests')).body).toMatchObject([{ day: '2030-02-01', articles: 2 }])
  backend.clock.set('2030-02-02T06:00:00Z')
  await backend.settled()
  expect(await backend.db.count(Digest)).toBe(1)
})
