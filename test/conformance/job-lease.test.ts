import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 45_000, interval: 5 })

/** What a process of before has left: it was killed while it ran a job. */
async function leftBehind(id: string, worker = 'dead', attempt = 1): Promise<void> {
  await jobs.sql(`insert into monobloc_worker (id, beat, place, started, seen) values ('${worker}', 7, 'gone 1', 0, 0)`)
  await jobs.sql(
    `update monobloc_job set state = 'running', worker = '${worker}', attempt = ${attempt} where id = '${id}'`,
  )
}

test('jobs of a process that gives no sign of life are taken over, whatever the clock says', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const id = await jobs.enqueue(note, { n: 1 })
  await leftBehind(id)
  jobs.clock.now -= 24 * 60 * 60_000
  await jobs.runner([note], { lease: 80 }).start()
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done', attempt: 2 }))
  expect(await jobs.ran()).toEqual([1])
})

test('a step of the clock takes nothing from a process that lives', async () => {
  let release = () => {}
  const calls: number[] = []
  const slow = jobs.job('slow', {
    transaction: false,
    handle: ({ job }) => {
      calls.push(job.attempt)
      return new Promise<void>((resolve) => (release = resolve))
    },
  })
  const first = jobs.runner([slow], { lease: 400 })
  const second = jobs.runner([slow], { lease: 400 })
  await Promise.all([first.start(), second.start()])
  const id = await jobs.enqueue(slow, { n: 1 })
  await soon(() => expect(calls).toEqual([1]))
  const beats = async () =>
    (await jobs.sql('select beat from monobloc_worker order by id')).map(({ beat }: any) => beat)
  jobs.clock.now += 365 * 24 * 60 * 60_000
  const before = await beats()
  // Long enough for both to have looked at each other more than once.
  await soon(async () => expect((await beats()).every((beat: number, at: number) => beat > before[at] + 5)).toBe(true))
  expect(await jobs.row(id)).toMatchObject({ state: 'running', attempt: 1 })
  release()
  await settled(first, second)
  expect(await jobs.row(id)).toMatchObject({ state: 'done', attempt: 1 })
  expect(calls).toEqual([1])
})

test('a worker whose job was taken over commits nothing of it', async () => {
  let go = () => {}
  const prepared: number[] = []
  const note = jobs.job('note', {
    prepare: ({ job }) => {
      prepared.push(job.attempt)
      return new Promise<void>((resolve) => (go = resolve))
    },
    handle: ({ db, job }) => db.insert(Ran, { job: 'note', n: job.attempt }),
  })
  const runner = await jobs.start(note)
  const id = await jobs.enqueue(note, { n: 1 })
  await soon(() => expect(prepared).toEqual([1]))
  await jobs.sql(`update monobloc_job set state = 'running', worker = 'other', attempt = 2 where id = '${id}'`)
  go()
  await settled(runner)
  expect(await jobs.ran()).toEqual([])
  expect(await jobs.row(id)).toMatchObject({ state: 'running', worker: 'other', attempt: 2 })
  expect(jobs.lines.join('')).toContain('lease_lost')
})

test('a process whose lease was taken goes on under a new one', async () => {
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  await jobs.runner([note], { lease: 100 }).start()
  const workers = async () => (await jobs.sql('select id from monobloc_worker')).map(({ id }: any) => id)
  const [before] = await workers()
  await jobs.sql('delete from monobloc_worker')
  const id = await jobs.enqueue(note, { n: 1 })
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done' }))
  const after = await workers()
  expect(after).toHaveLength(1)
  expect(after).not.toEqual([before])
})

test('a job that kills its process comes to an end', async () => {
  const killer = jobs.job('killer', { retry: { attempts: 3 } })
  const id = await jobs.enqueue(killer, { n: 1 })
  await leftBehind(id, 'dead', 3)
  const runner = jobs.runner([], { lease: 80 })
  await runner.start()
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'failed', attempt: 3, worker: null }))
  expect(JSON.parse((await jobs.row(id)).error).code).toBe('worker_lost')
})

test('what has not begun when a process stops is handed back at once, and counts no attempt', async () => {
  let release = () => {}
  const started: number[] = []
  const slow = jobs.job('slow', {
    transaction: false,
    handle({ input }) {
      started.push(input.n)
      return new Promise<void>((resolve) => (release = resolve))
    },
  })
  const ids = [await jobs.enqueue(slow, { n: 1 }), await jobs.enqueue(slow, { n: 2 })]
  const runner = jobs.runner([slow], { concurrency: 1 })
  await runner.start()
  await soon(() => expect(started).toEqual([1]))
  const stopped = runner.stop()
  release()
  await stopped
  expect(await jobs.row(ids[0]!)).toMatchObject({ state: 'done', attempt: 1 })
  expect(await jobs.row(ids[1]!)).toMatchObject({ state: 'queued', attempt: 0, worker: null })
  expect(await jobs.sql('select id from monobloc_worker')).toEqual([])
})

test('what does not end in time when a process stops is told so, and handed back', async () => {
  let reason: any
  let hasBegun = false
  const stuck = jobs.job('stuck', {
    transaction: false,
    handle({ signal }) {
      hasBegun = true
      return new Promise(() => signal.addEventListener('abort', () => (reason = signal.reason)))
    },
  })
  const id = await jobs.enqueue(stuck, { n: 1 })
  const runner = jobs.runner([stuck], { drain: 30 })
  await runner.start()
  await soon(() => expect(hasBegun).toBe(true))
  await runner.stop()
  expect(reason).toMatchObject({ code: 'shutting_down' })
  expect(await jobs.row(id)).toMatchObject({ state: 'queued', attempt: 0, worker: null })
})

test('jobs that this app does not know are left alone', async () => {
  const other = jobs.job('of-a-later-version', {})
  const note = jobs.job('note', {})
  const id = await jobs.enqueue(other, { n: 1 })
  const runner = await jobs.start(note)
  const own = await jobs.enqueue(note, { n: 1 })
  await settled(runner)
  expect(await jobs.row(own)).toMatchObject({ state: 'done' })
  expect(await jobs.row(id)).toMatchObject({ state: 'queued', attempt: 0 })
})

test.each(['', ' and was told to stop before'])(
  'an attempt that has lost its job%s says nothing of the next one, although both are in one process',
  async (before) => {
    const ends: ((value: string) => void)[] = []
    const slow = jobs.job('slow', {
      transaction: false,
      handle: () => new Promise<string>((resolve) => ends.push(resolve)),
    })
    const other = jobs.job('other', { transaction: false })
    const id = await jobs.enqueue(slow, { n: 1 })
    const runner = jobs.runner([slow, other], { lease: 200 })
    await runner.start()
    await soon(() => expect(ends).toHaveLength(1))
    if (before) await jobs.control(slow).cancel(id)
    await runner.wake()
    // As another process does that sees its beat stand still.
    await jobs.sql(`delete from monobloc_worker returning id`)
    await jobs.sql(`update monobloc_job set state = 'queued', worker = null returning id`)
    await soon(async () => {
      await runner.wake()
      expect(ends).toHaveLength(2)
    })
    ends[0]!('the first')
    // Its end is written behind that one's, were it written.
    const later = await jobs.enqueue(other, { n: 1 })
    await soon(async () => expect(await jobs.row(later)).toMatchObject({ state: 'done' }))
    expect(await jobs.row(id)).toMatchObject({ state: 'running', attempt: 2, result: null })
    ends[1]!('the second')
    await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'done', result: '"the second"' }))
  },
)

test('an attempt that has lost its job leaves the children of the next one to it', async () => {
  const lost = Promise.withResolvers<void>()
  const child = jobs.job('child', {})
  const parent = jobs.job('parent', {
    prepare: ({ job }) => (job.attempt === 1 ? lost.promise : undefined),
    async handle({ db, enqueue }) {
      await enqueue(child, { n: 1 }, { child: true, delay: 60_000 })
      lost.reject(new Error('lost'))
      for (let round = 0; round < 20; round++) await db.find(Ran)
    },
  })
  const id = await jobs.enqueue(parent, { n: 1 })
  const runner = jobs.runner([parent, child], { lease: 200 })
  await runner.start()
  await soon(async () => expect(await jobs.row(id)).toMatchObject({ state: 'running' }))
  await jobs.sql(`delete from monobloc_worker returning id`)
  await jobs.sql(`update monobloc_job set state = 'queued', worker = null returning id`)
  await soon(async () => {
    await runner.wake()
    expect(await jobs.row(id)).toMatchObject({ attempt: 2, worker: null })
  })
  expect(await jobs.row(id)).toMatchObject({ state: 'awaiting' })
})
