import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { Child, command, door, folderWith } from '../../test/api/child-app.ts'
import type { JobInfo } from '../effects/index.ts'
import { painter } from '../runtime/index.ts'
import { jobCountsTable, jobTable, jobText } from './job-report.ts'

const app = `
import { z } from ${JSON.stringify(createRequire(import.meta.url).resolve('zod'))}
import { backend, define, model, t } from ${JSON.stringify(door)}
const Note = model('note', { id: t.serial(), n: t.integer() })
const { endpoint, job, policy } = define({ models: { Note } })
policy(Note, { anyone: { read: true } })
const keep = job('keep', {
  input: z.object({ n: z.int() }),
  retry: false,
  handle: ({ input, db }) => {
    if (input.n === 2 && process.env.BAD) throw new Error('not two')
    return db.insert(Note, { n: input.n })
  },
})
const make = endpoint('POST /made', { body: z.object({ n: z.int() }), handle: ({ body, enqueue }) => enqueue(keep, body) })
export default backend({ logFormat: 'json', serve: [make, keep] })`

test('shows, retries, cancels, pauses and resumes, while the app runs and when it does not', {
  timeout: 120_000,
}, async () => {
  const folder = folderWith({ 'app.ts': app })
  async function jobs(...args: string[]) {
    const child = new Child([command, 'jobs', ...args], { folder })
    const { code } = await child.exit
    return { code, out: child.out, err: child.err }
  }
  const json = async (...args: string[]) => JSON.parse((await jobs(...args, '--json')).out)
  expect(await jobs()).toMatchObject({ code: 78, out: '' })

  const child = new Child([command, 'dev', '--port', '0'], { folder, env: { BAD: 'yes' } })
  const url = await child.url()
  const make = async (n: number) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/made`, { method: 'POST', body: JSON.stringify({ n }), headers })
    return ((await answer.json()) as { id: string }).id
  }
  const ids = [await make(1), await make(2)]
  while ((await json('list')).some(({ endedAt }: JobInfo) => endedAt === null));
  expect(await json('list', '--state', 'failed')).toMatchObject([
    { id: ids[1], error: { code: null, message: 'not two' } },
  ])
  expect(await json('pause', 'keep')).toEqual({ name: 'keep', paused: true })
  const third = await make(3)
  expect(await json('counts')).toMatchObject([{ name: 'keep', counts: { done: 1, failed: 1, queued: 1 } }])
  expect(await json('cancel', third)).toMatchObject({ id: third, state: 'cancelled' })
  child.process.kill('SIGTERM')
  expect((await child.exit).code).toBe(0)

  expect((await jobs('show', ids[1]!)).out).toMatch(/state +failed\n(?:.*\n)*error +not two/)
  expect(await json('retry', 'keep', '--all')).toEqual({ name: 'keep', retried: 1 })
  expect(await json('retry', third)).toMatchObject({ id: third, state: 'queued' })
  expect((await jobs('resume', 'keep')).out).toBe('keep runs again.\n')
  expect(await jobs('cancel', ids[0]!)).toMatchObject({ code: 1, err: expect.stringContaining('The job is done') })
  expect(await jobs('pause', 'nobody')).toMatchObject({ code: 1, err: expect.stringContaining('there are keep') })
  for (const wrong of [['pause'], ['show'], ['list', 'keep'], ['retry', '--all'], ['show', 'x', '--all']])
    expect((await jobs(...wrong)).code, wrong.join(' ')).toBe(64)
})

const info: JobInfo = {
  id: '0192f0c1-2345-7abc-8def-0123456789ab',
  name: 'keep',
  state: 'failed',
  priority: 0,
  input: { n: 2 },
  attempt: 10,
  attempts: 10,
  createdAt: new Date('2026-11-23T07:00:00Z'),
  dueAt: new Date('2026-11-23T07:00:00Z'),
  startedAt: new Date('2026-11-23T07:00:01Z'),
  endedAt: null,
  progress: null,
  result: null,
  error: { code: 'job_timeout', message: 'Too long.' },
  worker: null,
  cause: null,
  trace: null,
}

test('what it shows is made for people', () => {
  const plain = painter(false)
  expect(jobTable([info], plain)).toMatch(
    /^id +name +state +attempt +created +error\n.* failed +10\/10 +2026-11-23 07:00:00 +job_timeout\n$/,
  )
  expect(jobTable([], plain)).toBe('There are no such jobs.\n')
  expect(jobText(info, plain)).toContain('error     job_timeout: Too long.\n')
  expect(jobText(info, plain)).not.toContain('progress')
  const counts = [{ name: 'keep', pausedAt: new Date('2026-11-23T07:00:00Z'), counts: { done: 3, failed: 1 } }]
  expect(jobCountsTable(counts, plain)).toBe(
    'name  done  failed  paused\nkeep  3     1       since 2026-11-23 07:00:00\n',
  )
})
