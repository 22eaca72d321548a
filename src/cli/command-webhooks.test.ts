import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { Child, command, door, folderWith } from '../../test/api/child-app.ts'
import { openReceiver } from '../../test/conformance/webhook-fixture.ts'

const app = `
import { z } from ${JSON.stringify(createRequire(import.meta.url).resolve('zod'))}
import { backend, define, event, model, t } from ${JSON.stringify(door)}
const Made = event('made', { schema: z.object({ order: z.int() }) })
const Note = model('note', { id: t.serial() })
const { endpoint, webhooks } = define({ models: { Note } })
const make = endpoint('POST /made', {
  body: z.object({ order: z.int() }),
  handle: ({ body, emit }) => void emit(Made, body),
})
const hooks = webhooks({ events: [Made], egress: { allow: ['127.0.0.1'], http: true, ports: 'any' } })
export default backend({ logFormat: 'json', serve: [make, hooks] })`

test('adds, shows, skips, replays and disables beside a running app', { timeout: 240_000 }, async () => {
  const folder = folderWith({ 'app.ts': app })
  async function webhooks(...args: string[]) {
    const child = new Child([command, 'webhooks', ...args], { folder })
    const { code } = await child.exit
    return { code, out: child.out, err: child.err }
  }
  const json = async (...args: string[]) => JSON.parse((await webhooks(...args, '--json')).out)

  const receiver = await openReceiver()
  receiver.answer = ({ body }) => (body.includes('"order":1') ? 422 : 204)
  const child = new Child([command, 'dev', '--port', '0'], { folder })
  const url = await child.url()
  const { id, secret } = await json('add', receiver.url, '--events', 'made')
  expect(secret).toMatch(/^whsec_/)
  for (const order of [1, 2]) {
    const body = JSON.stringify({ order })
    await fetch(`${url}/made`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  }
  await child.says(/is tried again/)
  const listed = await webhooks('list')
  expect(listed.out).toMatch(new RegExp(`${id} +failing +since .* 2 .* made `))
  expect(listed.out).not.toContain('whsec_')
  expect(await json('skip', `${id}:1`)).toMatchObject({ state: 'skipped', status: 422 })
  await expect.poll(() => receiver.taken, { timeout: 45_000 }).toEqual([2])
  expect(await json('replay', `${id}:2`)).toEqual({ count: 1, after: null })
  expect(await json('disable', id)).toMatchObject({ state: 'disabled', reason: 'asked' })
  expect(await webhooks('deliveries', 'nobody')).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is nothing here.'),
  })
  expect(await webhooks('add', 'http://10.0.0.1/')).toMatchObject({ code: 1 })
  for (const wrong of [['skip'], ['replay', id]]) expect((await webhooks(...wrong)).code, wrong.join(' ')).toBe(64)
  await receiver.close()
})
