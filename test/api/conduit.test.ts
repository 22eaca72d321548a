import { testBackend } from 'monobloc/testing'
import { afterAll, describe, expect, test } from 'vitest'
import app from '../../examples/conduit/app.ts'
import { articleScenarios } from './conduit-articles.ts'
import { commentScenarios } from './conduit-comments.ts'
import { peopleScenarios } from './conduit-people.ts'
import { Player } from './scenario.ts'

// The example as it stands, but for its seed: what is expected here is exact.
const backend = await testBackend(app, { seed: false })
afterAll(() => backend.stop())
const player = new Player(backend.url)

describe.each([
  ['people', peopleScenarios],
  ['articles', articleScenarios],
  ['comments', commentScenarios],
])('Conduit: %s', (_, scenarios) => {
  test.each(scenarios)('$request $status: $name', async (scenario) => {
    await player.play(scenario)
    for (const [name, value] of player.kept) if (name.startsWith('token.')) player.tokens.set(name.slice(6), value)
  })
})

test('an update changes updatedAt even within the same millisecond', async () => {
  backend.clock.set(new Date())
  const created = (await player.play({
    name: '',
    request: 'POST /api/articles',
    as: 'ann',
    body: { article: { title: 'T', description: 'd', body: 'b' } },
    status: 201,
  })) as Answer
  const times = new Set([created.article.updatedAt])
  for (let round = 0; round < 20; round++) {
    const changed = (await player.play({
      name: '',
      request: `PUT /api/articles/${created.article.slug}`,
      as: 'ann',
      body: { article: { body: `b${round}` } },
      status: 200,
    })) as Answer
    times.add(changed.article.updatedAt)
  }
  expect(times.size).toBe(21)
})

interface Answer {
  article: { slug: string; updatedAt: string }
}
