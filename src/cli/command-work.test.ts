import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { Child, command, door, folderWith } from '../../test/api/child-app.ts'

const app = `
import { z } from ${JSON.stringify(createRequire(import.meta.url).resolve('zod'))}
import { backend, define, model, t } from ${JSON.stringify(door)}
const Note = model('note', { id: t.serial() })
const { endpoint, job } = define({ models: { Note } })
const say = job('say', { input: z.object({}), handle: () => console.log('said by ' + process.pid) })
const make = endpoint('POST /made', { handle: ({ enqueue }) => enqueue(say, {}) })
export default backend({ logFormat: 'json', serve: [make, say] })`

test('one process serves and runs no jobs, and another runs them and serves nothing', { timeout: 60_000 }, async () => {
  const folder = folderWith({ 'app.ts': app })
  const server = new Child([command, 'start', '--port', '0'], { folder, env: { MONOBLOC_JOBS: 'off' } })
  expect((await fetch(`${await server.url()}/made`, { method: 'POST' })).status).toBe(200)
  const worker = new Child([command, 'work'], { folder, env: { MONOBLOC_JOBS: 'off' } })
  await worker.says(/runs jobs, and listens nowhere/)
  await worker.says(new RegExp(`said by ${worker.process.pid}`))
  expect(server.text).not.toContain('said by')
  worker.process.kill('SIGTERM')
  expect(await worker.exit).toEqual({ code: 0, signal: null })
})
