import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MonoblocError } from '../../src/errors.ts'
import { service } from '../../src/runtime/service.ts'
import { type ConsumerFixture, note, noting, openConsumers, untilIdle } from './consumer-fixture.ts'
import { exerciseLogConsumer } from './exercise-log-consumer.ts'
import { exerciseService } from './exercise-service.ts'

let fixture: ConsumerFixture
const lease = 10_000

beforeEach(async () => {
  fixture = await openConsumers()
})
afterEach(() => fixture.close())

test('each entry has its effects once, in order, whoever starts and stops', async () => {
  const hosts: ReturnType<ConsumerFixture['host']>[] = []
  await exerciseLogConsumer({
    async start() {
      const host = fixture.host([noting('a')], { every: 20 })
      hosts.push(host)
      await host.start()
      return host
    },
    write: (number) => fixture.write(number),
    effects: () => fixture.effects(),
    async idle() {
      const newest = await fixture.storage.position()
      await vi.waitFor(async () => {
        const running = await Promise.all(hosts.map((host) => host.flush()))
        expect(running.length).toBeGreaterThan(0)
        expect((await fixture.row('a')).position).toBeGreaterThanOrEqual(newest)
      }, 20_000)
    },
  })
})

test('keeps the contract of services', async () => {
  const host = fixture.host([noting('a')])
  await exerciseService({
    service: service({ name: 'consumers', start: () => host.start(), stop: () => host.stop() }),
    isRunning: async () => (await fixture.row('a'))?.owner != null,
  })
})

describe('positions', () => {
  test('a new one begins at the newest position, or at the start', async () => {
    await fixture.write(1)
    const host = fixture.host([noting('new'), noting('old', { from: 'start' })])
    await host.start()
    await fixture.write(2)
    await untilIdle(host)
    expect([await fixture.effects('new'), await fixture.effects('old')]).toEqual([[2], [1, 2]])
  })

  test('what is not wanted is passed over without a transaction, and written down with the next look', async () => {
    const handle = vi.fn()
    const host = fixture.host([{ name: 'none', wants: () => false, handle }])
    await host.start()
    await fixture.write(1)
    await fixture.write(2)
    await untilIdle(host)
    expect(await fixture.row('none')).toMatchObject({ position: 0 })
    await host.look()
    expect(await fixture.row('none')).toMatchObject({ position: 2, sequence: 0 })
    expect(handle).not.toHaveBeenCalled()
  })

  test('what is written down late never moves one back', async () => {
    const host = fixture.host([noting('a')])
    await host.start()
    await fixture.write(1)
    await untilIdle(host)
    await host.look()
    const row = await fixture.row('a')
    const { now } = fixture.clock
    const keep = (position: number) =>
      fixture.storage.write({ deadline: 10_000 }, (session) =>
        host.store.keep(session, { ...row, position }, now + lease, now),
      )
    expect(await keep(row.position - 1)).toBe(1)
    expect(await fixture.row('a')).toMatchObject({ position: row.position })
    expect(await keep(row.position + 1)).toBe(1)
    expect(await fixture.row('a')).toMatchObject({ position: row.position + 1 })
  })

  test('consumers at one place share each look into the log', async () => {
    const host = fixture.host(['a', 'b', 'c', 'd'].map((name) => noting(name, { from: 'start' })))
    for (let number = 1; number <= 20; number++) await fixture.write(number)
    const tail = vi.spyOn(fixture.storage, 'tail')
    await host.start()
    await untilIdle(host)
    for (const name of ['a', 'b', 'c', 'd']) expect(await fixture.effects(name)).toHaveLength(20)
    // `oldestKept` asks for one at a time.
    expect(tail.mock.calls.filter(([after, limit]) => after === 0 && limit > 1)).toHaveLength(1)
  })

  test('a batch holds whole transactions up to its bound, and a larger one comes in parts', async () => {
    const sizes: number[] = []
    const consumer = noting('a', {
      from: 'start',
      most: 4,
      handle: async (work) => {
        sizes.push(work.transactions.flatMap(({ entries }) => entries).length)
        await note('a')(work)
      },
    })
    await fixture.write(1, 2)
    await fixture.write(3, 4)
    await fixture.write(5)
    await fixture.write(6, 7, 8, 9, 10, 11, 12, 13, 14)
    const host = fixture.host([consumer])
    await host.start()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual(Array.from({ length: 14 }, (_, at) => at + 1))
    expect(sizes).toEqual([4, 1, 4, 4, 1])
  })

  test('a handler may stop on the way, and is given the rest again', async () => {
    const consumer = noting('a', {
      from: 'start',
      handle: async (work) => {
        const [first] = work.transactions
        await note('a')({ ...work, transactions: [first!] })
        return { position: first!.position, sequence: 0 }
      },
    })
    await fixture.write(1)
    await fixture.write(2)
    const host = fixture.host([consumer])
    await host.start()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([1, 2])
  })
})

describe('what fails', () => {
  test('stands still at the entry, is tried again later and later, and goes on when it succeeds', async () => {
    let broken = true
    const tries: number[] = []
    const consumer = noting('a', {
      retry: { delay: 1000, longest: 3000 },
      handle: async (work) => {
        const numbers = work.transactions.flatMap(({ entries }) => entries.map(({ row }) => row.number))
        if (numbers.includes(2)) tries.push(fixture.clock.now)
        await note('a')(work)
        if (broken && numbers.includes(2)) throw new Error('broken by hand')
      },
    })
    const host = fixture.host([consumer], { random: () => 1 })
    await host.start()
    await fixture.write(1, 2, 3)
    await untilIdle(host)
    const failed = await fixture.row('a')
    expect(failed).toMatchObject({ attempts: 1, error: 'Error: broken by hand', retry: fixture.clock.now + 1000 })
    expect(await fixture.effects()).toEqual([1])
    for (const pause of [999, 1, 2000, 3000, 3000]) {
      fixture.clock.now += pause
      await host.wake()
      await untilIdle(host)
    }
    expect(await fixture.row('a')).toMatchObject({ attempts: 5, position: failed.position })
    const begun = tries.indexOf(tries.at(-1)!)
    expect(
      tries
        .slice(1, begun + 1)
        .map((time, at) => time - tries[at]!)
        .filter(Boolean),
    ).toEqual([1000, 2000, 3000, 3000])
    broken = false
    fixture.clock.now += 3000
    await host.wake()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([1, 2, 3])
    expect(await fixture.row('a')).toMatchObject({ attempts: 0, error: null, retry: 0 })
  })

  test('what was prepared is handed on, and a failure of it counts as one', async () => {
    let broken = true
    const consumer = noting('a', {
      async prepare({ transactions }) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        if (broken) throw new Error('not today')
        return transactions.length
      },
      async handle(work) {
        expect(work.prepared).toBe(work.transactions.length)
        await note('a')(work)
      },
    })
    const host = fixture.host([consumer])
    await host.start()
    await fixture.write(1)
    await untilIdle(host)
    expect(await fixture.row('a')).toMatchObject({ attempts: 1, error: 'Error: not today' })
    broken = false
    fixture.clock.now += 1000
    await host.wake()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([1])
  })

  test('the database being away is not counted', async () => {
    const host = fixture.host([noting('a')])
    await host.start()
    const write = vi.spyOn(fixture.units, 'write').mockRejectedValueOnce(new MonoblocError('database_unavailable'))
    await fixture.write(1)
    await vi.waitFor(() => expect(write).toHaveBeenCalled(), 45_000)
    fixture.clock.now += 10_000
    await host.wake()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([1])
    expect(await fixture.row('a')).toMatchObject({ attempts: 0 })
  })
})

describe('leases', () => {
  test('one process at a time runs it; another takes over when the lease has ended', async () => {
    const one = fixture.host([noting('a')], { owner: 'one' })
    const two = fixture.host([noting('a')], { owner: 'two' })
    await one.start()
    await two.start()
    expect(await fixture.row('a')).toMatchObject({ owner: 'one', fence: 1 })
    fixture.clock.now += lease - 1
    await two.look()
    expect(await fixture.row('a')).toMatchObject({ owner: 'one', fence: 1 })
    fixture.clock.now += 1
    await two.look()
    expect(await fixture.row('a')).toMatchObject({ owner: 'two', fence: 2 })
    await fixture.write(1)
    await untilIdle(one, two)
    expect(await fixture.effects()).toEqual([1])
  })

  test('a process that lives keeps its lease', async () => {
    const one = fixture.host([noting('a')], { owner: 'one' })
    const two = fixture.host([noting('a')], { owner: 'two' })
    await one.start()
    await two.start()
    for (let step = 0; step < 10; step++) {
      fixture.clock.now += lease / 2
      await one.look()
      await two.look()
    }
    expect(await fixture.row('a')).toMatchObject({ owner: 'one', fence: 1 })
  })

  test('a process that slept beyond its lease commits nothing', async () => {
    const asleep = Promise.withResolvers<void>()
    const slept = vi.fn()
    const sleeper = fixture.host(
      [
        noting('a', {
          prepare: () => asleep.promise,
          async handle(work) {
            slept()
            await note('a')(work)
          },
        }),
      ],
      { every: 3_600_000 },
    )
    await sleeper.start()
    await fixture.write(1)
    await vi.waitFor(async () => expect(await sleeper.isIdle()).toBe(false), 45_000)
    fixture.clock.now += lease
    const other = fixture.host([noting('a')])
    await other.start()
    await untilIdle(other)
    expect(await fixture.effects()).toEqual([1])
    asleep.resolve()
    await untilIdle(sleeper)
    expect([await fixture.effects(), slept.mock.calls.length]).toEqual([[1], 0])
  })

  test('what a commit that nobody heard of has done is not done again', async () => {
    const late = Promise.withResolvers<void>()
    const host = fixture.host([noting('a', { prepare: () => late.promise })], { every: 3_600_000 })
    await host.start()
    await fixture.write(1)
    await vi.waitFor(async () => expect(await host.isIdle()).toBe(false), 45_000)
    // As the database has it once a COMMIT has come through that was taken for lost: the fence is still ours.
    const position = await fixture.storage.position()
    const sql = `update monobloc_consumer set position = ${position} where name = 'a'`
    await fixture.storage.write({ deadline: 10_000 }, (session) => session.run({ sql, reach: 'bounded' }, []))
    late.resolve()
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([])
    await fixture.write(2)
    await untilIdle(host)
    expect(await fixture.effects()).toEqual([2])
  })

  test('a clean stop gives it back at once', async () => {
    const one = fixture.host([noting('a')], { owner: 'one' })
    const two = fixture.host([noting('a')], { owner: 'two' })
    await one.start()
    await two.start()
    await one.stop()
    expect(await fixture.row('a')).toMatchObject({ owner: null })
    await vi.waitFor(async () => expect(await fixture.row('a')).toMatchObject({ owner: 'two' }), 45_000)
  })
})

test('a position that has fallen out of the log is lost, said so, and stands still', async () => {
  const host = fixture.host([noting('a')])
  await host.start()
  await fixture.write(1)
  await untilIdle(host)
  await host.stop()
  for (let number = 2; number <= 5; number++) await fixture.write(number)
  expect(await fixture.storage.prune({ maxAge: Number.MAX_SAFE_INTEGER, maxEntries: 1 })).toBeGreaterThan(0)
  await host.start()
  await vi.waitFor(
    async () =>
      expect(await fixture.row('a')).toMatchObject({
        state: 'lost',
        owner: null,
        error: expect.stringContaining('position_pruned'),
      }),
    45_000,
  )
  await fixture.write(6)
  await host.wake()
  await untilIdle(host)
  expect(await fixture.effects()).toEqual([1])
})
