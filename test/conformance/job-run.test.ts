import { afterEach, beforeEach, expect, test } from 'vitest'
import { enqueueJob } from '../../src/effects/index.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

test('a job that was enqueued runs once, and its writes are there when it is done', async () => {
  const note = jobs.job('note', {
    handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }),
  })
  const runner = await jobs.start(note)
  const id = await jobs.enqueue(note, { n: 1 })
  await settled(runner)
  expect(await jobs.ran()).toEqual([1])
  expect(await jobs.row(id)).toMatchObject({ state: 'done', attempt: 1, worker: null, error: null })
})

test('a job of a transaction that is undone was never there', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const runner = await jobs.start(note)
  const undone = jobs.db.transaction(async (db: any) => {
    await enqueueJob(db, note, { n: 1 })
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  await settled(runner)
  expect(await jobs.ran()).toEqual([])
})

test('many jobs of several kinds all run, those with nothing to write too', async () => {
  const seen: number[] = []
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const idle = jobs.job('idle', { handle: ({ input }) => void seen.push(input.n) })
  const loose = jobs.job('loose', {
    transaction: false,
    async handle({ input, db }) {
      await new Promise((resolve) => setImmediate(resolve))
      await db.insert(Ran, { job: 'loose', n: input.n })
      return { n: input.n }
    },
  })
  for (let n = 0; n < 60; n++) await jobs.enqueue([note, idle, loose][n % 3]!, { n })
  const runner = await jobs.start(note, idle, loose)
  await settled(runner)
  const all = [...(await jobs.ran()), ...seen].sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: 60 }, (_, n) => n))
})
