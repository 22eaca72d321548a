import { setImmediate as nextRound } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type JobFixture, openJobs, settled } from './job-fixture.ts'

let jobs: JobFixture

beforeEach(async () => {
  jobs = await openJobs()
})
afterEach(() => jobs.close())

/** A handler that waits until it is let go, and tells how many do. */
function held() {
  const now: { n: number; go: () => void }[] = []
  let most = 0
  const order: number[] = []
  return {
    order,
    get running() {
      return now.map(({ n }) => n)
    },
    get most() {
      return most
    },
    async handle({ input }: { input: { n: number } }) {
      order.push(input.n)
      await new Promise<void>((go) => {
        now.push({ n: input.n, go })
        most = Math.max(most, now.length)
      })
    },
    /** Lets the first go, or all. */
    go(count = now.length) {
      for (const { go } of now.splice(0, count)) go()
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextRound()
}

test('no more of a name run than its concurrency says, over all processes', async () => {
  const work = held()
  const make = () => jobs.job('work', { transaction: false, concurrency: 3, handle: work.handle as never })
  const job = make()
  for (let n = 0; n < 12; n++) await jobs.enqueue(job, { n })
  const runners = [jobs.runner([job]), jobs.runner([make()])]
  await Promise.all(runners.map((runner) => runner.start()))
  for (let done = 0; done < 12; done++) {
    await until(() => work.running.length > 0)
    await Promise.all(runners.map((runner) => runner.wake()))
    expect(work.running.length).toBeLessThanOrEqual(3)
    work.go(1)
  }
  await settled(...runners)
  expect(work.order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n))
  expect(work.most).toBe(3)
})

test('a key with the limit 1 runs its jobs in their order, and other keys beside it', async () => {
  const work = held()
  const job = jobs.job('work', {
    transaction: false,
    concurrency: { limit: 1, key: ({ n }: { n: number }) => (n < 10 ? 'low' : 'high') },
    handle: work.handle as never,
  })
  for (const n of [1, 2, 3, 11, 12]) await jobs.enqueue(job, { n })
  const runner = await jobs.start(job)
  await until(() => work.running.length === 2)
  await runner.wake()
  expect(work.running.toSorted()).toEqual([1, 11])
  work.go()
  await until(() => work.running.length === 2)
  expect(work.running.toSorted()).toEqual([12, 2])
  work.go()
  await until(() => work.running.length === 1)
  work.go()
  await settled(runner)
  expect(work.order.filter((n) => n < 10)).toEqual([1, 2, 3])
})

test('a job that waits for its next attempt holds back its key, not the others', async () => {
  const order: number[] = []
  let fails = 1
  const job = jobs.job('work', {
    concurrency: { limit: 1, key: ({ n }: { n: number }) => (n < 10 ? 'low' : 'high') },
    handle({ input }) {
      order.push(input.n)
      if (input.n === 1 && fails-- > 0) throw new Error('once')
    },
  })
  for (const n of [1, 2, 11]) await jobs.enqueue(job, { n })
  const runner = await jobs.start(job)
  await settled(runner)
  expect(order.toSorted()).toEqual([1, 11])
  jobs.clock.now += 60_000
  await settled(runner)
  expect(order.filter((n) => n < 10)).toEqual([1, 1, 2])
})

test('one process takes no more than perProcess, and another the rest', async () => {
  const work = held()
  const other = held()
  const make = (handle: unknown) => jobs.job('work', { transaction: false, perProcess: 2, handle: handle as never })
  const job = make(work.handle)
  for (let n = 0; n < 6; n++) await jobs.enqueue(job, { n })
  const runner = await jobs.start(job)
  await until(() => work.running.length === 2)
  await runner.wake()
  expect(work.running).toEqual([0, 1])
  const second = await jobs.start(make(other.handle))
  await until(() => other.running.length === 2)
  expect(other.running).toEqual([2, 3])
  const go = setInterval(() => [work, other].map((one) => one.go()), 5)
  await settled(runner, second)
  clearInterval(go)
  expect([work.most, other.most]).toEqual([2, 2])
})

test('no more begin within a time than the rate says, and the rest later', async () => {
  const begun: number[] = []
  const job = jobs.job('mail', {
    rate: { limit: 5, per: 60_000 },
    handle: () => void begun.push(jobs.clock.now),
  })
  for (let n = 0; n < 12; n++) await jobs.enqueue(job, { n })
  const runners = [await jobs.start(job), await jobs.start(jobs.job('mail', job.options as never))]
  const counts: number[] = []
  for (let minute = 0; minute < 3; minute++) {
    for (const runner of runners) await runner.wake()
    await until(() => begun.length >= Math.min(12, 5 * (minute + 1)))
    for (const runner of runners) await runner.wake()
    counts.push(begun.length)
    jobs.clock.now += 61_000
  }
  expect(counts).toEqual([5, 10, 12])
})

test('one job is enough while it is open, and another is made after it', async () => {
  const job = jobs.job('sync', {})
  const runner = jobs.runner([job])
  const first = await jobs.enqueue(job, { n: 1 }, { unique: { key: 'a' } })
  expect(await jobs.enqueue(job, { n: 2 }, { unique: { key: 'a' } })).toBe(first)
  expect(await jobs.enqueue(job, { n: 3 }, { unique: { key: 'b' } })).not.toBe(first)
  await runner.start()
  await settled(runner)
  expect(await jobs.enqueue(job, { n: 4 }, { unique: { key: 'a' } })).not.toBe(first)
})

test('one that runs is enough or not, as is said', async () => {
  const work = held()
  const job = jobs.job('sync', { transaction: false, handle: work.handle as never })
  const runner = await jobs.start(job)
  const first = await jobs.enqueue(job, { n: 1 }, { unique: { key: 'a' } })
  await until(() => work.running.length === 1)
  expect(await jobs.enqueue(job, { n: 2 }, { unique: { key: 'a', for: 'open' } })).toBe(first)
  const second = await jobs.enqueue(job, { n: 3 }, { delay: 1000, unique: { key: 'a', for: 'waiting' } })
  expect(second).not.toBe(first)
  expect(await jobs.enqueue(job, { n: 4 }, { unique: { key: 'a', for: 'waiting' } })).toBe(second)
  work.go()
  await until(() => work.running.length === 0)
  await settled(runner)
})

test('for a time one is enough whatever becomes of it', async () => {
  const job = jobs.job('remind', {})
  const runner = await jobs.start(job)
  const unique = { key: 'a', for: 60_000 }
  const first = await jobs.enqueue(job, { n: 1 }, { unique })
  await settled(runner)
  jobs.clock.now += 59_999
  expect(await jobs.enqueue(job, { n: 2 }, { unique })).toBe(first)
  jobs.clock.now += 1
  expect(await jobs.enqueue(job, { n: 3 }, { unique })).not.toBe(first)
})

test('for a time one is enough, unless the clock was set back since', async () => {
  const job = jobs.job('remind', {})
  const unique = { key: 'a', for: 60_000 }
  const first = await jobs.enqueue(job, { n: 1 }, { unique })
  jobs.clock.now -= 60_000
  expect(await jobs.enqueue(job, { n: 2 }, { unique })).toBe(first)
  jobs.clock.now -= 1
  expect(await jobs.enqueue(job, { n: 3 }, { unique })).not.toBe(first)
})

test('of many that are enqueued at once under a key one is made', async () => {
  const job = jobs.job('sync', {})
  const ids = await Promise.all(
    Array.from({ length: 20 }, (_, n) => jobs.enqueue(job, { n }, { unique: { key: 'a', for: 'waiting' } })),
  )
  expect(new Set(ids).size).toBe(1)
  expect(await jobs.control(job).list()).toHaveLength(1)
})

test('keys and spans have bounds', async () => {
  const job = jobs.job('sync', {})
  await jobs.enqueue(job, { n: 1 }, { unique: { key: 'a'.repeat(200), for: 30 * 86_400_000 } })
  const refused = [{ key: 'a'.repeat(201) }, { key: '' }, { key: 'a', for: 0 }, { key: 'a', for: 30 * 86_400_000 + 1 }]
  for (const unique of refused)
    await expect(jobs.enqueue(job, { n: 1 }, { unique })).rejects.toMatchObject({ code: 'definition_invalid' })
  expect(() => jobs.job('x', { concurrency: { limit: 0 } })).toThrow('from 1 to 10000')
})

test('jobs from before their name had keys get theirs', async () => {
  const before = jobs.job('work', {})
  for (const n of [1, 2, 3]) await jobs.enqueue(before, { n })
  const order: number[] = []
  const now = jobs.job('work', {
    concurrency: { limit: 1, key: ({ n }: { n: number }) => `key ${n % 2}` },
    handle: ({ input }) => void order.push(input.n),
  })
  const runner = await jobs.start(now)
  await settled(runner)
  while (order.length < 3) await nextRound()
  expect(order.toSorted()).toEqual([1, 2, 3])
})
