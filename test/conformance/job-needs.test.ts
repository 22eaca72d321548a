import { afterEach, beforeEach, expect, test } from 'vitest'
import { enqueueJob } from '../../src/effects/index.ts'
import { storeOf } from '../../src/effects/job-need-enqueue.ts'
import { MonoblocError } from '../../src/errors.ts'
import type { Session } from '../../src/storage/index.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

const fatal = () => {
  throw new MonoblocError('job_failed')
}

test('a job runs after those that it waits for', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const first = await jobs.enqueue(note, { n: 1 }, { delay: 1000 })
  const second = await jobs.enqueue(note, { n: 2 }, { delay: 2000 })
  const ids = [first, second].map((id) => ({ id, existing: false }))
  const last = await jobs.enqueue(note, { n: 3 }, { after: ids })
  const runner = await jobs.start(note)
  await settled(runner)
  jobs.clock.now += 1000
  await settled(runner)
  expect(await jobs.ran()).toEqual([1])
  expect(await jobs.row(last)).toMatchObject({ state: 'waiting' })
  jobs.clock.now += 1000
  await settled(runner)
  expect(await jobs.ran()).toEqual([1, 2, 3])
})

test('what waits for jobs that have ended runs at once', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const runner = await jobs.start(note)
  const id = await jobs.enqueue(note, { n: 1 })
  await settled(runner)
  await jobs.enqueue(note, { n: 2 }, { after: { id, existing: false } })
  await settled(runner)
  expect(await jobs.ran()).toEqual([1, 2])
})

test('what fails takes along what waits for it, unless that is to run anyway', async () => {
  const bad = jobs.job('bad', { handle: fatal })
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const after = { id: await jobs.enqueue(bad, { n: 0 }), existing: false }
  const failed = await jobs.enqueue(note, { n: 1 }, { after })
  const further = await jobs.enqueue(note, { n: 2 }, { after: { id: failed, existing: false } })
  await jobs.enqueue(note, { n: 3 }, { after, afterFailure: 'run' })
  const runner = await jobs.start(bad, note)
  await settled(runner)
  expect(await jobs.ran()).toEqual([3])
  const control = jobs.control(bad, note)
  for (const id of [failed, further])
    expect(await control.get(id)).toMatchObject({ state: 'failed', error: { code: 'job_predecessor_failed' } })
})

test('a parent is done when its children are, and those of them', async () => {
  const leaf = jobs.job('leaf', { handle: ({ input, db }) => db.insert(Ran, { job: 'leaf', n: input.n }) })
  const middle = jobs.job('middle', {
    handle: ({ input, enqueue }) => void enqueue(leaf, { n: input.n + 1 }, { child: true, delay: 1000 }),
  })
  const parent = jobs.job('parent', {
    async handle({ input, enqueue }) {
      await enqueue(middle, { n: input.n }, { child: true })
      await enqueue(middle, { n: input.n + 10 }, { child: true })
      return { started: 2 }
    },
  })
  const runner = await jobs.start(leaf, middle, parent)
  const id = await jobs.enqueue(parent, { n: 1 })
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'awaiting', ended: null })
  jobs.clock.now += 1000
  await settled(runner)
  expect((await jobs.ran()).toSorted((a, b) => a - b)).toEqual([2, 12])
  expect(await jobs.control(parent).get(id)).toMatchObject({ state: 'done', result: { started: 2 } })
})

test('a parent without a transaction whose children have ended before it is done too', async () => {
  const leaf = jobs.job('leaf', {})
  let seen: () => Promise<unknown>
  const parent = jobs.job('parent', {
    transaction: false,
    async handle({ enqueue }) {
      const { id } = await enqueue(leaf, { n: 1 }, { child: true })
      seen = () => jobs.row(id)
      while (((await seen()) as { state: string }).state !== 'done') await new Promise((go) => setTimeout(go, 5))
    },
  })
  const runner = await jobs.start(leaf, parent)
  const id = await jobs.enqueue(parent, { n: 1 })
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'done' })
})

test('a child that fails fails its parent, an optional one does not; retrying it makes the parent wait again', async () => {
  let isBad = true
  const child = jobs.job('child', { handle: () => (isBad ? fatal() : undefined) })
  const parent = jobs.job('parent', {
    handle: async ({ input, enqueue }) => {
      await enqueue(child, { n: 1 }, { child: input.n === 1 ? true : 'optional' })
    },
  })
  const runner = await jobs.start(child, parent)
  const strict = await jobs.enqueue(parent, { n: 1 })
  const open = await jobs.enqueue(parent, { n: 2 })
  await settled(runner)
  const control = jobs.control(child, parent)
  expect(await control.get(strict)).toMatchObject({ state: 'failed', error: { code: 'job_child_failed' } })
  expect(await control.get(open)).toMatchObject({ state: 'done' })
  isBad = false
  for (const { id } of await control.list({ name: 'child' })) await control.retry(id)
  expect(await control.get(strict)).toMatchObject({ state: 'awaiting' })
  await settled(runner)
  expect(await control.get(strict)).toMatchObject({ state: 'done' })
})

test('what has failed because of others waits for them again once all of their name are retried', async () => {
  let isBad = true
  const bad = jobs.job('bad', { handle: () => (isBad ? fatal() : undefined) })
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const after = { id: await jobs.enqueue(bad, { n: 0 }), existing: false }
  const next = { id: await jobs.enqueue(note, { n: 1 }, { after }), existing: false }
  await jobs.enqueue(note, { n: 2 }, { after: next })
  const runner = await jobs.start(bad, note)
  await settled(runner)
  isBad = false
  expect(await jobs.control(bad, note).retryAll('bad')).toBe(1)
  await settled(runner)
  expect(await jobs.ran()).toEqual([1, 2])
})

test('a process that knew of nothing that waits finds it', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const id = await jobs.enqueue(note, { n: 1 })
  await jobs.enqueue(note, { n: 2 }, { after: { id, existing: false } })
  const control = jobs.control(note)
  await control.cancel(id)
  // Nobody was told: the rows alone say it.
  const runner = await jobs.start(note)
  await settled(runner)
  const states = (await control.list()).map(({ state }) => state)
  expect(states).toEqual(['failed', 'cancelled'])
})

test('any number of jobs that wait for one go on, some hundred in a transaction', async () => {
  const note = jobs.job('note', {})
  const control = jobs.control(note)
  const joined = async () => {
    const id = await jobs.enqueue(note, { n: 0 }, { delay: 1 })
    const after = { id, existing: false }
    const enqueued = (db: any) => Array.from({ length: 501 }, (_, n) => enqueueJob(db, note, { n }, { after }))
    const waiting = await jobs.db.transaction((db: any) => Promise.all(enqueued(db)))
    return { id, waiting: waiting.map(({ id }: any) => id) }
  }
  // By the rows alone, then because somebody said so.
  const first = await joined()
  await control.cancel(first.id)
  const runner = await jobs.start(note)
  await settled(runner)
  expect(await control.counts()).toMatchObject([{ counts: { cancelled: 1, failed: 501 } }])
  const second = await joined()
  await control.cancel(second.id)
  await settled(runner)
  expect(await control.counts()).toMatchObject([{ counts: { cancelled: 2, failed: 1002 } }])
  await runner.stop()
  const { waiting } = await joined()
  const { storage, clock } = jobs
  const goOn = (session: Session) => storeOf(storage.dialect).goOn(session, waiting, clock.now)
  expect((await storage.write({ deadline: 10_000 }, goOn)).left).toHaveLength(1)
})

test('a cancelled parent takes its children along, however many', async () => {
  const child = jobs.job('child', {})
  const parent = jobs.job('parent', {
    handle: async ({ enqueue }) => {
      for (let n = 0; n < 501; n++) await enqueue(child, { n }, { child: true, delay: 60_000 })
    },
  })
  const runner = await jobs.start(child, parent)
  const id = await jobs.enqueue(parent, { n: 1 })
  await settled(runner)
  const control = jobs.control(child, parent)
  expect(await control.cancel(id)).toMatchObject({ state: 'cancelled' })
  expect(await control.counts()).toMatchObject([{ counts: { cancelled: 501 } }, { counts: { cancelled: 1 } }])
})

test('needs have bounds', async () => {
  const note = jobs.job('note', {})
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
      existing: false,
    }))
  await jobs.enqueue(note, { n: 1 }, { after: many(1000) })
  const refused = [{ after: many(1001) }, { after: [{ id: 'x', existing: false }] }, { child: true }]
  for (const options of refused)
    await expect(jobs.enqueue(note, { n: 1 }, options)).rejects.toMatchObject({ code: 'definition_invalid' })
})
