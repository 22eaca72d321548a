import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Backend, backend } from 'monobloc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as articles from '../../examples/conduit/articles.ts'
import * as comments from '../../examples/conduit/comments.ts'
import { conduitErrors } from '../../examples/conduit/errors.ts'
import * as people from '../../examples/conduit/people.ts'
import { articleScenarios } from './conduit-articles.ts'
import { commentScenarios } from './conduit-comments.ts'
import { peopleScenarios } from './conduit-people.ts'
import { Player } from './scenario.ts'

// The example as it stands, but for its seed: what is expected here is exact.
const folder = mkdtempSync(path.join(tmpdir(), 'conduit-'))
const app: Backend = backend({
  name: 'conduit',
  serve: [people, articles, comments],
  auth: { schemes: ['Token', 'Bearer'] },
  errors: conduitErrors,
})
let player: Player

beforeAll(async () => {
  const { url } = await app.start({ port: 0, folder, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' } })
  player = new Player(url)
})
afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

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
