import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { event } from '../../src/effects/index.ts'
import { exerciseLogConsumer } from './exercise-log-consumer.ts'
import { Effect, Made, notingEvents, on, openSubscribers, type SubscriberFixture } from './subscriber-fixture.ts'

let fixture: SubscriberFixture
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
const ofOne = (all: { number: number; of: string }[], who: string) =>
  all.filter(({ of }) => of === who).map(({ number }) => number)

beforeEach(async () => {
  fixture = await openSubscribers()
})
afterEach(() => fixture.close())

describe.each([
  ['in order', {}],
  ['with what is prepared', { prepare: async () => new Promise((resolve) => setTimeout(resolve, 1)) }],
  ['by key', { key: () => 'one' }],
] as const)('a subscriber %s', (_, more) => {
  test('is given each event once, in order, whoever starts and stops', async () => {
    const runs: Awaited<ReturnType<SubscriberFixture['run']>>[] = []
    await exerciseLogConsumer({
      async start() {
        const run = await fixture.run([notingEvents('a', more)], { every: 20 })
        runs.push(run)
        return run.host
      },
      write: (number) => fixture.emit({ number }),
      effects: () => fixture.effects(),
      idle: () =>
        vi.waitFor(
          async () => {
            for (const { host } of runs) expect(await host.isIdle()).toBe(true)
            const [info] = await runs[0]!.control.list()
            await Promise.all(runs.map(({ host }) => host.flush()))
            expect(info).toMatchObject({ lag: { positions: 0 }, pending: 0 })
          },
          { timeout: 45_000, interval: 10 },
        ),
    })
  })
})

describe('what a handler is given', () => {
  test('the event, its data, and tools of the same transaction', async () => {
    const Noted = event('note.noted', { schema: z.object({ id: z.int() }) })
    const seen: any[] = []
    const first = on(Made, {
      name: 'first',
      async handle({ event, data, db, emit, log, signal }: any) {
        seen.push({ event, data, log: typeof log.info, signal: signal.aborted })
        const row = await db.insert(Effect, { number: data.number, by: 'first' })
        void emit(Noted, { id: row.id })
      },
    })
    const second = on(Noted, {
      name: 'second',
      handle: ({ data, event }) => seen.push({ second: data, cause: event.name }),
    })
    const run = await fixture.run([first, second])
    await fixture.emit({ number: 7 })
    await run.settle()
    const id = expect.stringMatching(/^[0-9a-f-]{36}$/)
    expect(seen).toEqual([
      {
        event: { id, name: 'note.made', at: new Date(fixture.clock.now), position: 1, key: null, version: 1 },
        data: { number: 7, of: 'ann' },
        log: 'function',
        signal: false,
      },
      { second: { id: 1 }, cause: 'note.noted' },
    ])
    const [emitted, followed] = await fixture.storage.tail(0, 10)
    expect(followed).toMatchObject({ position: 2, cause: 'subscriber:first:1', trace: emitted!.trace, actor: null })
    expect(followed!.entries.map(({ table }) => table)).toEqual(['effect', 'monobloc_event'])
  })

  test('nothing but its tools may be awaited, but for what is prepared', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 5))
    const wrong = notingEvents('wrong', { handle: wait })
    const right = notingEvents('right', {
      async prepare({ data }) {
        await wait()
        return data.number * 2
      },
      handle: ({ prepared, db }) => (db as any).insert(Effect, { number: prepared, by: 'right' }),
    })
    const run = await fixture.run([wrong, right])
    await fixture.emit({ number: 1 })
    await run.settle()
    expect(await fixture.effects()).toEqual([2])
    expect(await run.control.get('wrong')).toMatchObject({
      state: 'failing',
      error: expect.stringContaining('prepare()'),
    })
  })

  test('what is prepared may not write', async () => {
    const writer = notingEvents('writer', { prepare: ({ db }) => (db as any).insert(Effect, { number: 0, by: 'x' }) })
    const run = await fixture.run([writer])
    await fixture.emit({ number: 1 })
    await run.settle()
    expect(await run.control.get('writer')).toMatchObject({ state: 'failing' })
    expect(await fixture.effects()).toEqual([])
  })

  test('without a transaction each call is its own, and what failed comes again with the same id', async () => {
    const ids: string[] = []
    const loose = notingEvents('loose', {
      transaction: false,
      async handle({ event, data, db }: any) {
        ids.push(event.id)
        await new Promise((resolve) => setTimeout(resolve, 1))
        await db.insert(Effect, { number: data.number, by: 'loose' })
        if (ids.length === 1) throw new Error('too late')
      },
    })
    const run = await fixture.run([loose])
    await fixture.emit({ number: 1 }, { number: 2 })
    await run.settle()
    fixture.clock.now += 1000
    await run.settle()
    expect(await fixture.effects()).toEqual([1, 1, 2])
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[1])
  })
})

describe('an event that fails', () => {
  test('undoes what its handler did, holds up those behind it, and others of its transaction are done once', async () => {
    let broken = true
    const fragile = notingEvents('fragile', {
      async handle({ data, db }: any) {
        await db.insert(Effect, { number: data.number, by: 'fragile' })
        if (broken && data.number === 3) throw new Error('three')
      },
    })
    const run = await fixture.run([fragile])
    await fixture.emit({ number: 1 }, { number: 2 }, { number: 3 }, { number: 4 })
    await fixture.emit({ number: 5 })
    await run.settle()
    expect(await fixture.effects()).toEqual([1, 2])
    const retryAt = new Date(fixture.clock.now + 1000)
    const failing = { state: 'failing', attempts: 1, error: 'Error: three', lag: { positions: 4, milliseconds: 500 } }
    fixture.clock.now += 500
    const info = await run.control.get('fragile')
    expect(info).toMatchObject(failing)
    expect(info.retryAt!.getTime()).toBeLessThanOrEqual(retryAt.getTime())
    broken = false
    await run.control.resume('fragile')
    await run.settle()
    expect(await fixture.effects()).toEqual([1, 2, 3, 4, 5])
    expect(await run.control.get('fragile')).toMatchObject({
      state: 'running',
      attempts: 0,
      error: null,
      retryAt: null,
      lag: { positions: 0, milliseconds: 0 },
    })
  })

  test('is left out by hand, with a record of it', async () => {
    const fragile = notingEvents('fragile', {
      async handle({ data, db }: any) {
        if (data.number === 2) throw new Error('two')
        await db.insert(Effect, { number: data.number, by: 'fragile' })
      },
    })
    const run = await fixture.run([fragile])
    await expect(run.control.skip('fragile')).rejects.toMatchObject({ code: 'conflict' })
    await fixture.emit({ number: 1 }, { number: 2 }, { number: 3 })
    await run.settle()
    await expect(run.control.skip('fragile', { event: 'another' })).rejects.toMatchObject({ code: 'conflict' })
    const skipped = await run.control.skip('fragile')
    expect(skipped).toMatchObject({
      event: { name: 'note.made', data: { number: 2 } },
      attempts: 1,
      error: 'Error: two',
    })
    await run.settle()
    expect(await fixture.effects()).toEqual([1, 3])
    expect(await run.control.skipped('fragile')).toEqual([skipped])
  })

  test('holds up its key alone, whose order stays', async () => {
    let broken = true
    const seen: { number: number; of: string }[] = []
    const keyed = notingEvents('keyed', {
      key: ({ of }) => of,
      parallel: 3,
      async handle({ data, db }: any) {
        if (broken && data.number === 2) throw new Error('two')
        await db.insert(Effect, { number: data.number, by: data.of })
        seen.push(data)
      },
    })
    const run = await fixture.run([keyed])
    const all = numbers(12).map((number) => ({ number, of: ['ann', 'bob', 'cy'][(number - 1) % 3]! }))
    for (const data of all) await fixture.emit(data)
    await run.settle()
    expect(await fixture.effects('bob')).toEqual([])
    expect([await fixture.effects('ann'), await fixture.effects('cy')]).toEqual([
      [1, 4, 7, 10],
      [3, 6, 9, 12],
    ])
    expect(await run.control.get('keyed')).toMatchObject({
      state: 'failing',
      pending: 4,
      failing: 1,
      error: 'Error: two',
    })
    broken = false
    fixture.clock.now += 1000
    await run.settle()
    expect(await fixture.effects('bob')).toEqual([2, 5, 8, 11])
    for (const who of ['ann', 'bob', 'cy']) expect(ofOne(seen, who)).toEqual(ofOne(all, who))
    expect(await run.control.get('keyed')).toMatchObject({ state: 'running', pending: 0, failing: 0 })
  })

  test('of a key is left out by its id, and the rest of the key goes on', async () => {
    const keyed = notingEvents('keyed', {
      key: ({ of }) => of,
      async handle({ data, db }: any) {
        if (data.number === 1) throw new Error('one')
        await db.insert(Effect, { number: data.number, by: 'keyed' })
      },
    })
    const run = await fixture.run([keyed])
    await fixture.emit({ number: 1 }, { number: 2 })
    await run.settle()
    expect(await fixture.effects()).toEqual([])
    const skipped = await run.control.skip('keyed')
    expect(skipped.event.data).toEqual({ number: 1 })
    await run.settle()
    expect(await fixture.effects()).toEqual([2])
  })
})

describe('side by side', () => {
  test('as many are handled at once as was said, and no more', async () => {
    let now = 0
    let most = 0
    const wide = notingEvents('wide', {
      parallel: 4,
      async prepare() {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        now--
      },
    })
    const run = await fixture.run([wide])
    await fixture.emit(...numbers(20).map((number) => ({ number })))
    await run.settle()
    expect((await fixture.effects()).sort((a, b) => a - b)).toEqual(numbers(20))
    expect(most).toBe(4)
  })

  test('what was taken out of the log is handled by the process that takes over', async () => {
    const never = Promise.withResolvers<void>()
    const stuck = await fixture.run([notingEvents('wide', { parallel: 2, prepare: () => never.promise })], {
      every: 3_600_000,
    })
    await fixture.emit(...numbers(5).map((number) => ({ number })))
    await vi.waitFor(async () => expect(await stuck.control.get('wide')).toMatchObject({ pending: 5 }), 45_000)
    fixture.clock.now += 10_000
    const other = await fixture.run([notingEvents('wide', { parallel: 2 })])
    await other.settle()
    never.resolve()
    await vi.waitFor(async () => expect(await stuck.host.isIdle()).toBe(true), 45_000)
    expect((await fixture.effects()).sort()).toEqual(numbers(5))
  })
})

describe('within the transaction', () => {
  test('a listener sees what it wrote, and what it throws undoes it', async () => {
    const within = notingEvents('within', {
      within: true,
      async handle({ data, db, event }: any) {
        expect(event).toMatchObject({ position: null, name: 'note.made' })
        if (data.number === 2) throw new Error('not two')
        await db.insert(Effect, { number: data.number + (await db.count(Effect)), by: 'within' })
      },
    })
    const run = await fixture.run([within])
    await fixture.transaction(async (db, { emit }) => {
      await db.insert(Effect, { number: 10, by: 'test' })
      await emit(Made, { number: 1 })
      expect(await db.count(Effect)).toBe(2)
    })
    expect(await fixture.effects()).toEqual([10, 2])
    await expect(fixture.emit({ number: 3 }, { number: 2 })).rejects.toThrow('not two')
    expect(await fixture.effects()).toEqual([10, 2])
    expect(await run.control.list()).toEqual([])
    expect(await fixture.storage.position()).toBe(1)
  })

  test('one that leads back to itself is stopped', async () => {
    const round = notingEvents('round', { within: true, handle: ({ emit }: any) => emit(Made, { number: 1 }) })
    await fixture.run([round])
    await expect(fixture.emit({ number: 1 })).rejects.toMatchObject({ code: 'hook_loop' })
  })
})

describe('by hand', () => {
  test('one is paused, and goes on where it was', async () => {
    const run = await fixture.run([notingEvents('a')])
    await fixture.emit({ number: 1 })
    await run.settle()
    await run.control.pause('a')
    await fixture.emit({ number: 2 })
    await run.settle()
    expect(await fixture.effects()).toEqual([1])
    expect(await run.control.get('a')).toMatchObject({ state: 'paused', owner: null, lag: { positions: 2 } })
    await run.control.resume('a')
    await run.settle()
    expect(await fixture.effects()).toEqual([1, 2])
  })

  test('one is given everything again from a position, a time, or the start', async () => {
    const quiet = on(Made, { name: 'quiet', handle: () => {} })
    const seen: number[] = []
    const watching = on(Made, { name: 'w', transaction: false, handle: ({ data }: any) => void seen.push(data.number) })
    const run = await fixture.run([quiet, watching])
    const positions: number[] = []
    for (const number of numbers(5)) {
      fixture.clock.now += 1000
      await fixture.emit({ number })
      positions.push(await fixture.storage.position())
    }
    await run.settle()
    const again = async (from: number | Date | 'start' | 'newest') => {
      seen.length = 0
      await run.control.replay('w', { from })
      await run.settle()
      return [...seen]
    }
    expect(await again(positions[3]!)).toEqual([4, 5])
    expect(await again(new Date(fixture.clock.now - 2000))).toEqual([3, 4, 5])
    expect(await again(new Date(fixture.clock.now - 2001))).toEqual([3, 4, 5])
    expect(await again('start')).toEqual(numbers(5))
    expect(await again('newest')).toEqual([])
    for (const from of [0, 1.5, Number.NaN, 'soon', new Date(Number.NaN)] as never[])
      await expect(run.control.replay('w', { from })).rejects.toMatchObject({ code: 'definition_invalid' })
    await expect(run.control.replay('nobody', { from: 1 })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('with a key, what is pending comes again in its place', async () => {
    let isBad = true
    const seen: number[] = []
    const keyed = on(Made, {
      name: 'keyed',
      key: ({ of }: any) => of,
      retry: { delay: 60_000, longest: 60_000 },
      handle({ data }: any) {
        if (data.number === 3 && isBad) throw new Error('no')
        seen.push(data.number)
      },
    })
    const run = await fixture.run([keyed])
    for (const number of numbers(3)) await fixture.emit({ number })
    await run.settle()
    expect(seen).toEqual([1, 2])
    expect(await run.control.get('keyed')).toMatchObject({ failing: 1 })
    await run.control.replay('keyed', { from: 1 })
    fixture.clock.now += 60_000
    isBad = false
    await run.settle()
    expect(seen).toEqual([1, 2, 1, 2, 3])
  })

  test('one that is lost says so, and goes on from where it is put', async () => {
    const run = await fixture.run([notingEvents('a')])
    await fixture.emit({ number: 1 })
    await run.settle()
    await run.host.stop()
    for (const number of [2, 3, 4]) await fixture.emit({ number })
    await fixture.storage.prune({ maxAge: Number.MAX_SAFE_INTEGER, maxEntries: 1 })
    const again = await fixture.run([notingEvents('a')])
    await vi.waitFor(async () => expect(await again.control.get('a')).toMatchObject({ state: 'lost' }), 45_000)
    expect(await again.control.get('a')).toMatchObject({ error: expect.stringContaining('position_pruned') })
    await expect(again.control.resume('a')).rejects.toMatchObject({ code: 'position_pruned' })
    await expect(again.control.replay('a', { from: 1 })).rejects.toMatchObject({ code: 'position_pruned' })
    await again.control.replay('a', { from: 'start' })
    await again.settle()
    expect(await fixture.effects()).toEqual([1, 4])
  })
})

test('an event of a version that is not known lets the subscriber stand still, with words', async () => {
  const Newer = event('note.made', { schema: z.unknown(), version: 2, upcast: { 1: (data) => data } })
  await fixture.transaction(async (_, { emit }) => {
    await emit(Newer, { number: 1 })
  })
  const run = await fixture.run([notingEvents('a', { from: 'start' })])
  await run.settle()
  expect(await run.control.get('a')).toMatchObject({
    state: 'failing',
    error: expect.stringMatching(/note\.made.*version 2.*knows 1/),
  })
})
