import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { mostJobBytes } from '../../src/effects/job-enqueue.ts'
import { exerciseService } from './exercise-service.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

const code = (expected: string) => expect.objectContaining({ code: expected })
const note = (name = 'note') => jobs.job(name, { handle: ({ input, db }) => db.insert(Ran, { job: name, n: input.n }) })

test('of what is due the highest priority runs first, over all names, and then the oldest', async () => {
  const [a, b] = [note('a'), note('b')]
  await jobs.enqueue(a, { n: 5 }, { priority: -1 })
  await jobs.enqueue(a, { n: 3 })
  jobs.clock.now += 1
  await jobs.enqueue(b, { n: 4 })
  await jobs.enqueue(b, { n: 1 }, { priority: 100 })
  await jobs.enqueue(a, { n: 2 }, { priority: 1 })
  await settled(await jobs.start(a, b))
  // On PostgreSQL several are under way at the same time: the order is that of their claims.
  const claimed = await jobs.sql('select input from monobloc_job order by rank, due, id')
  expect(claimed.map(({ input }) => JSON.parse(input).n)).toEqual([1, 2, 3, 4, 5])
  if (jobs.storage.dialect.name === 'sqlite') expect(await jobs.ran()).toEqual([1, 2, 3, 4, 5])
})

test('a delayed job runs at its time and not before, also when the clock is set back meanwhile', async () => {
  const later = note()
  const runner = await jobs.start(later)
  const at = new Date(jobs.clock.now + 60_000)
  await jobs.enqueue(later, { n: 1 }, { delay: 1000 })
  await jobs.enqueue(later, { n: 2 }, { at })
  jobs.clock.now += 999
  await settled(runner)
  expect(await jobs.ran()).toEqual([])
  jobs.clock.now += 1
  await settled(runner)
  expect(await jobs.ran()).toEqual([1])
  jobs.clock.now -= 3_600_000
  await settled(runner)
  jobs.clock.now = at.getTime() - 1
  await settled(runner)
  expect(await jobs.ran()).toEqual([1])
  jobs.clock.now = at.getTime()
  await settled(runner)
  expect(await jobs.ran()).toEqual([1, 2])
})

test('what is enqueued has bounds, and is as its schema says', async () => {
  const any = note()
  const fits = { n: 1, text: 'x'.repeat(mostJobBytes - '{"n":1,"text":""}'.length) }
  await jobs.enqueue(any, fits)
  await expect(jobs.enqueue(any, { ...fits, text: `${fits.text}x` })).rejects.toEqual(code('job_too_large'))
  await expect(jobs.enqueue(any, { n: 'one' })).rejects.toEqual(code('validation_failed'))
  await jobs.enqueue(any, { n: 1 }, { priority: 100 })
  await expect(jobs.enqueue(any, { n: 1 }, { priority: 101 })).rejects.toEqual(code('definition_invalid'))
  await expect(jobs.enqueue(any, { n: 1 }, { delay: -1 })).rejects.toEqual(code('definition_invalid'))
  await expect(jobs.enqueue(any, { n: 1 }, { delay: 1, at: new Date() })).rejects.toEqual(code('definition_invalid'))
  expect(() => jobs.job('note', { timeout: 0 })).toThrow(code('definition_invalid'))
  expect(() => jobs.job('note', { retry: { attempts: 1001 } })).toThrow(code('definition_invalid'))
  expect(() => jobs.job('a name', {})).toThrow(code('definition_invalid'))
})

test('what a handler returns is kept, up to a bound', async () => {
  const answer = jobs.job('answer', {
    handle: async ({ input, db }) => {
      if (input.n > 0) await db.insert(Ran, { job: 'answer', n: input.n })
      return 'x'.repeat(mostJobBytes - 2 + (input.n === 2 ? 1 : 0))
    },
  })
  const runner = await jobs.start(answer)
  const [plain, wrote, tooMuch] = [
    await jobs.enqueue(answer, { n: 0 }),
    await jobs.enqueue(answer, { n: 1 }),
    await jobs.enqueue(answer, { n: 2 }),
  ]
  await settled(runner)
  for (const id of [plain, wrote]) expect((await jobs.row(id)).result).toHaveLength(mostJobBytes)
  expect(await jobs.row(tooMuch)).toMatchObject({ state: 'failed', result: null })
  expect(await jobs.ran()).toEqual([1])
})

test('progress is there while a job runs', async () => {
  let release = () => {}
  const slow = jobs.job('slow', {
    transaction: false,
    handle({ progress }) {
      progress({ done: 1, of: 3 })
      expect(() => progress('x'.repeat(5000))).toThrow(RangeError)
      return new Promise<void>((resolve) => (release = resolve))
    },
  })
  const runner = await jobs.start(slow)
  const id = await jobs.enqueue(slow, { n: 1 })
  await vi.waitFor(
    async () => expect(await jobs.row(id)).toMatchObject({ state: 'running', progress: '{"done":1,"of":3}' }),
    { timeout: 45_000 },
  )
  release()
  await settled(runner)
  expect(await jobs.row(id)).toMatchObject({ state: 'done' })
})

test('the context tells which job it is, and the log which job has written', async () => {
  const seen: any[] = []
  const tell = jobs.job('tell', {
    prepare: ({ idempotencyKey, input }) => [idempotencyKey, input.n],
    async handle({ job, prepared, db }) {
      seen.push(job, prepared)
      await db.insert(Ran, { job: 'tell', n: 1 })
    },
  })
  const runner = await jobs.start(tell)
  const id = await jobs.enqueue(tell, { n: 7 })
  await settled(runner)
  expect(seen).toEqual([
    { id, name: 'tell', attempt: 1, attempts: 10, createdAt: new Date(jobs.clock.now), cause: null },
    [id, 7],
  ])
  const [transaction] = await jobs.storage.tail(0, 10)
  expect(transaction).toMatchObject({ cause: `job:${id}`, trace: expect.stringMatching(/^[0-9a-f]{32}$/) })
  expect((await jobs.row(id)).trace).toBe(transaction!.trace)
})

test('a runner keeps the contract of services', async () => {
  const runner = jobs.runner([note()])
  const { service } = await import('../../src/runtime/index.ts')
  await exerciseService({
    service: service({ name: 'jobs', start: () => runner.start(), stop: () => runner.stop() }),
    isRunning: async () => (await jobs.sql('select id from monobloc_worker')).length > 0,
  })
}, 60_000)
