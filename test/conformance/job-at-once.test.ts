import { setImmediate as nextRound } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { enqueueJob, JobRecord } from '../../src/effects/index.ts'
import { engine } from './engine.ts'
import { type JobFixture, openJobs, Ran, settled } from './job-fixture.ts'

let jobs: JobFixture
let ran: number[]

beforeEach(async () => {
  jobs = await openJobs()
  ran = []
})
afterEach(() => jobs.close())

/** Where a commit may be left unknown, nobody begins with what it enqueued before it is found. */
const atOnce = engine.name === 'SQLite' ? { state: 'running', attempt: 1 } : { state: 'queued', attempt: 0 }

const loosely = () => jobs.job('loose', { transaction: false, handle: ({ input }) => void ran.push(input.n) })

/** @returns the row as the transaction that enqueued it saw it */
const enqueued = (job: ReturnType<typeof loosely>, n: number): Promise<any> =>
  jobs.db.transaction(async (db: any) => db.get(JobRecord, (await enqueueJob(db, job, { n })).id))

test('a process with nothing to do begins with what it enqueues, without a claim', async () => {
  const loose = loosely()
  const runner = await jobs.start(loose)
  await settled(runner)
  const row = await enqueued(loose, 1)
  expect(row).toMatchObject(atOnce)
  await settled(runner)
  expect(ran).toEqual([1])
  expect(await jobs.row(row.id)).toMatchObject({ state: 'done', attempt: 1, worker: null })
})

test('what is undone does not begin, be it a savepoint alone', async () => {
  const loose = loosely()
  const runner = await jobs.start(loose)
  await settled(runner)
  await jobs.db.transaction(async (db: any) => {
    const undone = db.transaction(async (inner: any) => {
      await enqueueJob(inner, loose, { n: 1 })
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    await enqueueJob(db, loose, { n: 2 })
  })
  await settled(runner)
  expect(ran).toEqual([2])
})

test('one of which one is enough until it begins is asked for twice in a transaction', async () => {
  const loose = loosely()
  const runner = await jobs.start(loose)
  await settled(runner)
  const unique = { key: 'a', for: 'waiting' } as const
  const [one, two] = await jobs.db.transaction(async (db: any) => [
    await enqueueJob(db, loose, { n: 1 }, { unique }),
    await enqueueJob(db, loose, { n: 2 }, { unique }),
  ])
  expect(two).toEqual({ id: one.id, existing: true })
  await settled(runner)
  expect(ran).toEqual([1])
})

test('a pause holds it back', async () => {
  const loose = loosely()
  const runner = await jobs.start(loose)
  await settled(runner)
  await jobs.control(loose).pause('loose')
  expect(await enqueued(loose, 1)).toMatchObject({ state: 'queued', attempt: 0, worker: null })
  await settled(runner)
  expect(ran).toEqual([])
})

test('it waits behind others that run', async () => {
  const releases: (() => void)[] = []
  const loose = jobs.job('loose', {
    transaction: false,
    handle: ({ input }) =>
      new Promise<void>((resolve) => releases.push(resolve)).then(() => {
        ran.push(input.n)
      }),
  })
  const runner = jobs.runner([loose], { concurrency: 1 })
  await runner.start()
  await settled(runner)
  await enqueued(loose, 1)
  while (releases.length < 1) await nextRound()
  expect(await enqueued(loose, 2)).toMatchObject({ state: 'queued', attempt: 0 })
  releases[0]!()
  while (releases.length < 2) await nextRound()
  releases[1]!()
  await settled(runner)
  expect(ran).toEqual([1, 2])
})

test.each(['in one transaction', 'side by side'])('of many that are enqueued %s, those begin that may', async (how) => {
  const open = Promise.withResolvers<void>()
  const loose = jobs.job('loose', {
    transaction: false,
    handle({ input }) {
      ran.push(input.n)
      return open.promise
    },
  })
  const runner = jobs.runner([loose], { concurrency: 3 })
  await runner.start()
  await settled(runner)
  const numbers = Array.from({ length: 10 }, (_, n) => n)
  if (how === 'side by side') await Promise.all(numbers.map((n) => enqueued(loose, n)))
  else await jobs.db.transaction((db: any) => Promise.all(numbers.map((n) => enqueueJob(db, loose, { n }))))
  while (ran.length < 3) await nextRound()
  expect(await jobs.control(loose).counts()).toMatchObject([{ counts: { running: 3, queued: 7 } }])
  open.resolve()
  await settled(runner)
  expect(ran.toSorted()).toEqual(numbers)
})

test('a process that has lost its lease enqueues for others', async () => {
  const loose = loosely()
  const runner = await jobs.start(loose)
  await settled(runner)
  await jobs.sql('delete from monobloc_worker returning id')
  expect(await enqueued(loose, 1)).toMatchObject({ state: 'queued', attempt: 0, worker: null })
})

test('children that begin at once let their parent end, and what comes after it', async () => {
  const page = loosely()
  const note = jobs.job('note', { handle: ({ input, db }) => db.insert(Ran, { job: 'note', n: input.n }) })
  const book = jobs.job('book', {
    async handle({ enqueue }) {
      for (const n of [1, 2]) await enqueue(note, { n }, { child: true })
    },
  })
  const runner = await jobs.start(page, note, book)
  await settled(runner)
  await jobs.db.transaction(async (db: any) => {
    const printed = await enqueueJob(db, book, { n: 0 })
    await enqueueJob(db, page, { n: 3 }, { after: printed })
  })
  await settled(runner)
  // Side by side, where the engine lets them.
  expect((await jobs.ran()).sort()).toEqual([1, 2])
  expect(ran).toEqual([3])
})
