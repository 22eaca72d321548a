import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobUniqueRecord, pruneJobs } from '../../src/effects/index.ts'
import { MonoblocError } from '../../src/errors.ts'
import { type JobFixture, openJobs, settled } from './job-fixture.ts'

let jobs: JobFixture
const day = 24 * 60 * 60_000

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

test('what is done goes after a week, what has failed after a month, and what is open never', async () => {
  const good = jobs.job('good', {})
  const bad = jobs.job('bad', {
    handle() {
      throw new MonoblocError('job_failed')
    },
  })
  const runner = await jobs.start(good, bad)
  const control = jobs.control(good, bad)
  const left = async () => (await control.list()).map(({ name, state }) => `${name} ${state}`).toSorted()
  await jobs.enqueue(good, { n: 1 })
  await jobs.enqueue(bad, { n: 2 })
  await jobs.enqueue(good, { n: 3 }, { delay: 100 * day })
  await settled(runner)
  jobs.clock.now += 7 * day
  expect(await pruneJobs(jobs.storage, jobs.clock.now)).toBe(0)
  jobs.clock.now += 1
  expect(await pruneJobs(jobs.storage, jobs.clock.now)).toBe(1)
  expect(await left()).toEqual(['bad failed', 'good delayed'])
  jobs.clock.now += 23 * day
  expect(await pruneJobs(jobs.storage, jobs.clock.now)).toBe(1)
  expect(await left()).toEqual(['good delayed'])
})

test('above a number the oldest go, of what is done', async () => {
  const good = jobs.job('good', {})
  const runner = await jobs.start(good)
  const later = await jobs.enqueue(good, { n: 0 }, { delay: 1000 })
  const ids: string[] = []
  for (let n = 1; n <= 6; n++) {
    jobs.clock.now += 1
    ids.push(await jobs.enqueue(good, { n }))
  }
  await settled(runner)
  expect(await pruneJobs(jobs.storage, jobs.clock.now, { done: day, failed: day, most: 6 })).toBe(0)
  expect(await pruneJobs(jobs.storage, jobs.clock.now, { done: day, failed: day, most: 4 })).toBe(1)
  expect((await jobs.control(good).list()).map(({ id }) => id)).toEqual([...ids.slice(1).toReversed(), later])
})

test('what a job still waits for stays, and keys go when they can hold no more', async () => {
  const good = jobs.job('good', {})
  const runner = await jobs.start(good)
  const id = await jobs.enqueue(good, { n: 1 }, { unique: { key: 'a' } })
  const slow = await jobs.enqueue(good, { n: 2 }, { delay: 40 * day })
  await jobs.enqueue(good, { n: 3 }, { after: [id, slow].map((id) => ({ id, existing: false })) })
  await settled(runner)
  jobs.clock.now += 31 * day
  expect(await pruneJobs(jobs.storage, jobs.clock.now)).toBe(0)
  expect(await jobs.db.count(JobUniqueRecord)).toBe(0)
  jobs.clock.now += 9 * day
  await settled(runner)
  expect(await pruneJobs(jobs.storage, jobs.clock.now)).toBe(1)
})
