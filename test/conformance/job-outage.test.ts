import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { MonoblocError } from '../../src/errors.ts'
import type { Storage } from '../../src/storage/index.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 45_000, interval: 5 })

/** The storage of the test, of which a runner hears no answer while `refuses` is set: before the write, or after it. */
function shaky() {
  const state: { refuses: { code: 'database_unavailable' | 'commit_unknown'; after: boolean } | undefined } = {
    refuses: undefined,
  }
  const storage: Storage = Object.create(jobs.storage, {
    write: {
      async value(options: any, work: any) {
        const { refuses } = state
        if (refuses?.after) await jobs.storage.write(options, work)
        if (refuses) throw new MonoblocError(refuses.code)
        return jobs.storage.write(options, work)
      },
    },
    dialect: { value: jobs.storage.dialect },
    read: { value: (options: any, work: any) => jobs.storage.read(options, work) },
    onAppend: { value: (listener: any) => jobs.storage.onAppend(listener) },
  })
  return { state, storage }
}

test('a process that could not say that it lives goes on, and nothing that it had stays behind', async () => {
  const { state, storage } = shaky()
  let begun = 0
  const note = jobs.job('note', {
    prepare: ({ signal }) => {
      if (++begun > 1) return
      state.refuses = { code: 'database_unavailable', after: false }
      return new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
    handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }),
  })
  const runner = jobs.runner([note], { storage, lease: 100 })
  const id = await jobs.enqueue(note, { n: 1 })
  await runner.start()
  await soon(() => expect(jobs.lines.join('')).toContain('no sign of life for too long'))
  state.refuses = undefined
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done' }))
  expect(await jobs.ran()).toEqual([1])
})

test('jobs are run although nobody heard that they were claimed', async () => {
  const { state, storage } = shaky()
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  // Long enough that the claim comes before the next sign of life, which would be the first that nobody hears of.
  const runner = jobs.runner([note], { storage, lease: 2_000 })
  await runner.start()
  await settled(runner)
  state.refuses = { code: 'commit_unknown', after: true }
  const id = await jobs.enqueue(note, { n: 1 })
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'running' }))
  state.refuses = undefined
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done' }))
  expect(await jobs.ran()).toEqual([1])
})

test('what a process could not hand back when it ended is taken over', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const runner = await jobs.start()
  const id = await jobs.enqueue(note, { n: 1 })
  await jobs.sql(
    `update monobloc_job set state = 'running', attempt = 1, worker = (select id from monobloc_worker) where id = '${id}'`,
  )
  await runner.stop()
  await jobs.runner([note], { lease: 80 }).start()
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done', attempt: 2 }))
})

test.each([
  ['without a form as text', () => Object.create(null)],
  ['with a message that is no text', () => Object.assign(new Error(), { message: { why: 'no text' } })],
  ['that is nothing', () => undefined],
])('what is thrown %s fails the job, and no more', async (_, thrown) => {
  const fail = () => {
    throw thrown()
  }
  const quick = jobs.job('quick', { retry: false, handle: fail })
  const loose = jobs.job('loose', { retry: false, transaction: false, handle: fail })
  const runner = await jobs.start(quick, loose)
  const ids = [await jobs.enqueue(quick, { n: 1 }), await jobs.enqueue(loose, { n: 1 })]
  await settled(runner)
  for (const id of ids) {
    const { state, error } = await jobs.row(id)
    expect([state, typeof JSON.parse(error).message]).toEqual(['failed', 'string'])
  }
})

test('a result without a form in JSON fails a job that asked nothing, and no more', async () => {
  const big = jobs.job('big', { retry: false, handle: () => 10n })
  const runner = await jobs.start(big)
  const id = await jobs.enqueue(big, { n: 1 })
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'failed' })
})

test('a schema that takes its time, and then refuses, fails a quick job and no more', async () => {
  let accepts = true
  const slow = jobs.job('slow', {
    retry: false,
    input: z.object({ n: z.number() }).refine(async () => accepts) as never,
  })
  const id = await jobs.enqueue(slow, { n: 1 })
  accepts = false
  const runner = await jobs.start(slow)
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'failed' })
})

test('a job without a transaction waits for children of an attempt before', async () => {
  let attempts = 0
  const child = jobs.job('child', {})
  const parent = jobs.job('parent', {
    transaction: false,
    async handle({ enqueue }) {
      if (++attempts > 1) return
      await enqueue(child, { n: 1 }, { child: true, delay: 60_000 })
      throw new Error('not today')
    },
  })
  const runner = await jobs.start(child, parent)
  const id = await jobs.enqueue(parent, { n: 1 })
  await settled(runner)
  jobs.clock.now += 30_000
  await settled(runner)
  expect(attempts).toBe(2)
  expect(await jobs.row(id)).toMatchObject({ state: 'awaiting' })
  jobs.clock.now += 60_000
  await settled(runner)
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done' }))
})
