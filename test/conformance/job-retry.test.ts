import { afterEach, beforeEach, expect, test } from 'vitest'
import { MonoblocError } from '../../src/errors.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

const kinds = [
  ['in a transaction', {}],
  ['without a transaction', { transaction: false }],
  ['with prepare', { prepare: async () => 'ready' }],
] as const

test.each(kinds)(
  'a job %s that fails comes again after a delay that doubles, until its attempts are over',
  async (_, kind) => {
    let calls = 0
    const broken = jobs.job('broken', {
      ...kind,
      retry: { attempts: 3, delay: 1000 },
      handle() {
        calls++
        throw new Error(`no ${calls}`)
      },
    })
    const runner = await jobs.start(broken)
    const begun = jobs.clock.now
    const id = await jobs.enqueue(broken, { n: 1 })
    await settled(runner)
    // The fixture's random is in the middle: three quarters of the delay.
    expect(await jobs.row(id)).toMatchObject({ state: 'delayed', attempt: 1, due: begun + 750, worker: null })
    jobs.clock.now += 749
    await settled(runner)
    expect(calls).toBe(1)
    jobs.clock.now += 1
    await settled(runner)
    expect(await jobs.row(id)).toMatchObject({ state: 'delayed', attempt: 2, due: begun + 750 + 1500 })
    jobs.clock.now += 1500
    await settled(runner)
    const error = JSON.stringify({ code: null, message: 'no 3' })
    expect(await jobs.row(id)).toMatchObject({ state: 'failed', attempt: 3, ended: jobs.clock.now, error })
    jobs.clock.now += 1e9
    await settled(runner)
    expect(calls).toBe(3)
  },
)

test('what an attempt that fails has written is undone', async () => {
  const half = jobs.job('half', {
    retry: false,
    async handle({ input, db }) {
      await db.insert(Ran, { job: 'half', n: input.n })
      throw new Error('too late')
    },
  })
  const runner = await jobs.start(half)
  const id = await jobs.enqueue(half, { n: 1 })
  await settled(runner)
  expect(await jobs.ran()).toEqual([])
  expect(await jobs.row(id)).toMatchObject({ state: 'failed', attempt: 1 })
})

test('an error that says so ends a job at its first attempt', async () => {
  const refused = jobs.job('refused', {
    handle() {
      throw new MonoblocError('job_failed', { detail: 'There is no such customer.' })
    },
  })
  const runner = await jobs.start(refused)
  const id = await jobs.enqueue(refused, { n: 1 })
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'failed', attempt: 1 })
  expect(JSON.parse((await jobs.row(id)).error)).toMatchObject({ code: 'job_failed' })
})

test('a handler in a transaction that awaits something else is told so, before its first call and after it', async () => {
  const elsewhere = () => new Promise((resolve) => setTimeout(resolve, 1))
  const before = jobs.job('before', { handle: elsewhere })
  const after = jobs.job('after', {
    async handle({ db }) {
      await db.insert(Ran, { job: 'after', n: 1 })
      await elsewhere()
    },
  })
  const runner = await jobs.start(before, after)
  const ids = [await jobs.enqueue(before, { n: 1 }), await jobs.enqueue(after, { n: 1 })]
  await settled(runner)
  for (const id of ids) {
    const row = await jobs.row(id)
    expect(row).toMatchObject({ state: 'failed', attempt: 1 })
    expect(JSON.parse(row.error).code).toBe('foreign_await')
  }
  expect(await jobs.ran()).toEqual([])
})

test('a call of db that was not awaited keeps the job from being done', async () => {
  const careless = jobs.job('careless', {
    handle({ db }) {
      void db.insert(Ran, { job: 'careless', n: 1 })
    },
  })
  const runner = await jobs.start(careless)
  const id = await jobs.enqueue(careless, { n: 1 })
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'failed' })
  expect(JSON.parse((await jobs.row(id)).error).code).toBe('missing_await')
  expect(await jobs.ran()).toEqual([])
})

test('an attempt that takes too long is told by its signal, and has failed', async () => {
  let reason: any
  const slow = jobs.job('slow', {
    transaction: false,
    timeout: 20,
    retry: false,
    handle: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(new Error('stopped'))
        })
      }),
  })
  const runner = await jobs.start(slow)
  const id = await jobs.enqueue(slow, { n: 1 })
  await settled(runner)
  expect(reason).toMatchObject({ code: 'job_timeout' })
  expect(JSON.parse((await jobs.row(id)).error)).toMatchObject({ code: 'job_timeout' })
})

test('an input that the schema takes no more has failed, and the job is not tried again', async () => {
  const old = jobs.job('mail', {})
  const id = await jobs.enqueue(old, { n: 1 })
  const { z } = await import('zod')
  const runner = await jobs.start(jobs.job('mail', { input: z.object({ to: z.string() }) as never }))
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'failed', attempt: 1 })
  expect(JSON.parse((await jobs.row(id)).error).code).toBe('job_failed')
})
