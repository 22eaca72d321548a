import { createRequire } from 'node:module'
import { expect, test, vi } from 'vitest'
import { Child, command, door, folderWith } from '../../test/api/child-app.ts'
import type { SubscriberInfo } from '../effects/index.ts'
import { painter } from '../runtime/index.ts'
import { subscribersCommand } from './command-subscribers.ts'
import { subscriberTable } from './subscriber-report.ts'

const app = `
import { z } from ${JSON.stringify(createRequire(import.meta.url).resolve('zod'))}
import { backend, define, event, model, t } from ${JSON.stringify(door)}
const Made = event('made', { schema: z.object({ n: z.int() }) })
const Note = model('note', { id: t.serial(), n: t.integer() })
const { endpoint, on, policy } = define({ models: { Note } })
policy(Note, { anyone: { read: true } })
const make = endpoint('POST /made', {
  body: z.object({ n: z.int() }),
  handle: ({ body, emit }) => void emit(Made, body),
})
const list = endpoint('GET /notes', { handle: async ({ db }) => (await db.find(Note, { sort: 'id' })).map(({ n }) => n) })
const keep = on(Made, {
  name: 'keep',
  handle: ({ data, db }) => {
    if (data.n === 2) throw new Error('not two')
    return db.insert(Note, { n: data.n })
  },
})
export default backend({ logFormat: 'json', serve: [make, list, keep] })`

test('shows and skips while the app runs, and replays when it does not', { timeout: 240_000 }, async () => {
  const folder = folderWith({ 'app.ts': app })
  async function subscribers(...args: string[]) {
    const child = new Child([command, 'subscribers', ...args], { folder })
    const { code } = await child.exit
    return { code, out: child.out, err: child.err }
  }
  const json = async (...args: string[]) => JSON.parse((await subscribers(...args, '--json')).out)

  const child = new Child([command, 'dev', '--port', '0'], { folder })
  const url = await child.url()
  const notes = async () => (await (await fetch(`${url}/notes`)).json()) as number[]
  for (const n of [1, 2, 3]) {
    const body = JSON.stringify({ n })
    await fetch(`${url}/made`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  }
  await child.says(/not two/)
  const about = { error: 'Error: not two' }
  expect(await json('list')).toMatchObject([{ name: 'keep', event: 'made', state: 'failing', ...about }])
  expect(await json('skip', 'keep')).toMatchObject({ subscriber: 'keep', event: { data: { n: 2 } }, ...about })
  await vi.waitFor(async () => expect(await notes()).toEqual([1, 3]), { timeout: 45_000 })
  child.process.kill('SIGTERM')
  expect((await child.exit).code).toBe(0)

  expect(await json('replay', 'keep', '--from', 'start')).toMatchObject({ state: 'running', position: 0 })
  expect((await subscribers('pause', 'keep')).out).toMatch(/keep +made +paused +0/)
  const none = { code: 1, err: expect.stringContaining('There are keep') }
  expect(await subscribers('pause', 'nobody')).toMatchObject(none)
})

test('says what is wrong with how it is called, before it looks for the app', async () => {
  const called = async (words: string[], options = {}) => {
    const err = vi.fn()
    const terminal = { err, out: vi.fn(), colour: false, folder: '/nowhere', progress: () => () => {} }
    return [await subscribersCommand.run(options, undefined, terminal, words), err.mock.calls.join('')]
  }
  const usage = (text: string) => [64, expect.stringContaining(text)]
  expect(await called(['pause'])).toEqual(usage('needs the name'))
  expect(await called(['list', 'keep'])).toEqual(usage('does not take "keep"'))
  for (const from of [undefined, '0', '-1', '1.5', '2026-99-99', 'soon', '1'.repeat(16)])
    expect(await called(['replay', 'keep'], { from }), from).toEqual(usage('needs --from'))
  for (const from of ['1', '1'.repeat(15), 'start', 'newest', '2026-11-23', '2026-11-23T07:00:00Z'])
    await expect(called(['replay', 'keep'], { from }), from).rejects.toThrow()
})

test('the table says what fails beneath the line', () => {
  const info: SubscriberInfo = {
    name: 'keep',
    event: 'made',
    state: 'failing',
    position: 4,
    lag: { positions: 3, milliseconds: 1500 },
    attempts: 2,
    error: 'Error: no\n  at once',
    retryAt: null,
    pending: 0,
    failing: 0,
    owner: null,
  }
  const fine: SubscriberInfo = {
    ...info,
    name: 'b',
    state: 'running',
    lag: { positions: 0, milliseconds: 0 },
    attempts: 0,
    error: null,
  }
  expect(subscriberTable([info, fine], painter(false))).toBe(
    `name  event  state    position  behind    pending  attempts
keep  made   failing  4         3, 1.5 s  0        2
  Error: no
b     made   running  4         -         0        0
`,
  )
  expect(subscriberTable([], painter(false))).toMatch(/^This app has no subscribers/)
})
