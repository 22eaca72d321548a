import { setImmediate as nextRound } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { JobRunner } from '../../src/effects/index.ts'
import { MonoblocError } from '../../src/errors.ts'
import { type JobFixture, openJobs, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

test('a paused name waits in all processes, and goes on when it is resumed', async () => {
  const seen: number[] = []
  const job = jobs.job('work', { handle: ({ input }) => void seen.push(input.n) })
  const other = jobs.job('other', { handle: ({ input }) => void seen.push(input.n) })
  const runners = [await jobs.start(job, other), await jobs.start(job, other)]
  const control = jobs.control(job, other)
  await control.pause('work')
  await control.pause('work')
  await jobs.enqueue(job, { n: 1 })
  await jobs.enqueue(other, { n: 2 })
  await settled(...runners)
  expect(seen).toEqual([2])
  expect(await control.counts()).toMatchObject([
    { name: 'other', pausedAt: null, counts: { done: 1 } },
    { name: 'work', pausedAt: new Date(jobs.clock.now), counts: { queued: 1 } },
  ])
  await control.resume('work')
  await settled(...runners)
  expect(seen).toEqual([2, 1])
  await expect(control.pause('nope')).rejects.toMatchObject({ code: 'not_found' })
})

test('what has failed is listed, and runs again: one, or all of a name', async () => {
  let isBad = true
  const job = jobs.job('work', {
    handle() {
      if (isBad) throw new MonoblocError('job_failed')
      return { fine: true }
    },
  })
  const runner = await jobs.start(job)
  const ids: string[] = []
  for (let n = 0; n < 3; n++) ids.push(await jobs.enqueue(job, { n }))
  await settled(runner)
  const control = jobs.control(job)
  const failed = await control.list({ state: 'failed' })
  expect(failed.map(({ id }) => id)).toEqual(ids.toReversed())
  expect(failed[0]).toMatchObject({ name: 'work', attempt: 1, input: { n: 2 }, error: { code: 'job_failed' } })
  expect(await control.list({ state: 'failed', limit: 1, before: failed[0]!.id })).toMatchObject([{ id: ids[1] }])
  isBad = false
  expect(await control.retry(ids[0]!)).toMatchObject({ state: 'queued', attempt: 0 })
  await settled(runner)
  expect(await control.get(ids[0]!)).toMatchObject({ state: 'done', result: { fine: true }, error: null })
  expect(await control.retryAll('work')).toBe(2)
  await settled(runner)
  expect(await control.list({ state: 'failed' })).toEqual([])
  await expect(control.retry(ids[0]!)).rejects.toMatchObject({ code: 'job_open' })
  await expect(control.retryAll('nope')).rejects.toMatchObject({ code: 'not_found' })
})

test('a job that waits is cancelled at once, and one that runs is told so', async () => {
  const stopped: unknown[] = []
  const job = jobs.job('work', {
    transaction: false,
    handle: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          stopped.push(signal.reason)
          reject(signal.reason)
        })
      }),
  })
  const runner = await jobs.start(job)
  const control = jobs.control(job)
  const later = await jobs.enqueue(job, { n: 1 }, { delay: 1000 })
  expect(await control.cancel(later)).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } })
  await expect(control.cancel(later)).rejects.toMatchObject({ code: 'job_ended' })
  const id = await jobs.enqueue(job, { n: 2 })
  while ((await control.get(id)).state !== 'running') await nextRound()
  expect(await control.cancel(id)).toMatchObject({ state: 'cancelling' })
  await settled(runner)
  expect(await control.get(id)).toMatchObject({ state: 'cancelled' })
  expect(stopped).toMatchObject([{ code: 'job_cancelled' }])
})

test('a job that was claimed and then cancelled does not begin', async () => {
  const begun: string[] = []
  let release = () => {}
  const held = ['a', 'b'].map((name) =>
    jobs.job(name, {
      transaction: false,
      handle({ job }) {
        begun.push(job.id)
        return new Promise<void>((resolve) => (release = resolve))
      },
    }),
  )
  const ids = [await jobs.enqueue(held[0]!, { n: 1 }), await jobs.enqueue(held[1]!, { n: 2 })]
  // Of each name one is claimed, and there is a place for one.
  const runner = jobs.runner(held, { concurrency: 1 })
  await runner.start()
  while (begun.length === 0) await nextRound()
  const control = jobs.control(...held)
  const claimed = ids.find((id) => id !== begun[0])!
  expect(await control.cancel(claimed)).toMatchObject({ state: 'cancelling' })
  await runner.wake()
  release()
  while ((await control.get(claimed)).state === 'cancelling') {
    release()
    await nextRound()
  }
  expect(await control.get(claimed)).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } })
  expect(begun).not.toContain(claimed)
})

test('a job that was cancelled has ended, however its attempt does, and what waits for it goes on', async () => {
  const fails: ((error: Error) => void)[] = []
  const deaf = jobs.job('deaf', { transaction: false, handle: () => new Promise((_, reject) => fails.push(reject)) })
  const next = jobs.job('next', {})
  const control = jobs.control(deaf, next)
  const begun = async (runner: JobRunner) => {
    const count = fails.length + 1
    const id = await jobs.enqueue(deaf, { n: count })
    const after = await jobs.enqueue(next, { n: count }, { after: { id, existing: false } })
    await runner.wake()
    while (fails.length < count) await nextRound()
    // As another process does: it is told at its next look.
    await jobs.sql(`update monobloc_job set state = 'cancelling' where id = '${id}'`)
    return { id, after }
  }
  const first = jobs.runner([deaf, next], { drain: 1 })
  await first.start()
  const stopped = await begun(first)
  await first.stop()
  const second = await jobs.start(deaf, next)
  const failed = await begun(second)
  fails[1]!(new Error('by itself'))
  await settled(second)
  for (const { id, after } of [stopped, failed]) {
    expect(await control.get(id)).toMatchObject({ state: 'cancelled', endedAt: new Date(jobs.clock.now) })
    expect(await control.get(after)).toMatchObject({ state: 'failed', error: { code: 'job_predecessor_failed' } })
  }
})

test('lists have bounds, and an unknown id is not found', async () => {
  const job = jobs.job('work', {})
  const control = jobs.control(job)
  expect(await control.list({ limit: 1000 })).toEqual([])
  for (const query of [{ limit: 1001 }, { limit: 0 }, { state: 'nope' as never }])
    await expect(control.list(query)).rejects.toMatchObject({ code: 'definition_invalid' })
  for (const id of ['x', '00000000-0000-7000-8000-000000000000'])
    await expect(control.get(id)).rejects.toMatchObject({ code: 'not_found' })
})

test('what a job said last of its progress is there when it is done', async () => {
  const job = jobs.job('work', {
    transaction: false,
    async handle({ progress }) {
      progress({ part: 1 })
      progress({ part: 2 })
    },
  })
  const runner = await jobs.start(job)
  const id = await jobs.enqueue(job, { n: 1 })
  await settled(runner)
  expect(await jobs.control(job).get(id)).toMatchObject({ state: 'done', progress: { part: 2 } })
})
