import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { event } from '../../src/effects/index.ts'
import { Effect, Made, on, openSubscribers, type SubscriberFixture } from './subscriber-fixture.ts'

let fixture: SubscriberFixture
const code = (expected: string) => expect.objectContaining({ code: expected })
const about = { schema: z.unknown() }

beforeEach(async () => {
  fixture = await openSubscribers()
})
afterEach(() => fixture.close())

const emitOne = (...[of, data]: [any, unknown]) =>
  fixture.transaction(async (_, { emit }) => {
    void emit(of, data as never)
  })

describe('what is emitted', () => {
  test('stands in the log with the rows of its transaction, as it was given', async () => {
    await fixture.transaction(async (db, { emit }) => {
      await db.insert(Effect, { number: 1, by: 'test' })
      void emit(Made, { number: 2 })
      await emit(Made, { number: 3, of: 'bob' })
    })
    const [transaction, ...more] = await fixture.storage.tail(0, 10)
    expect(more).toEqual([])
    expect(transaction!.entries.map(({ table, row }) => [table, row.data ?? row.number])).toEqual([
      ['effect', 1],
      ['monobloc_event', { number: 2 }],
      ['monobloc_event', { number: 3, of: 'bob' }],
    ])
    expect(transaction!.entries[1]!.row).toMatchObject({ name: 'note.made', version: 1 })
  })

  test('is undone with its transaction, and undoes it when it is wrong, awaited or not', async () => {
    const wrong = fixture.transaction(async (db, { emit }) => {
      await db.insert(Effect, { number: 1, by: 'test' })
      void emit(Made, { number: 'one' } as never)
    })
    await expect(wrong).rejects.toMatchObject({ code: 'event_invalid', message: expect.stringContaining('number') })
    const undone = fixture.transaction(async (_, { emit }) => {
      await emit(Made, { number: 1 })
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    expect([await fixture.effects(), await fixture.storage.position()]).toEqual([[], 0])
  })

  test('is JSON that the schema accepts as JSON', async () => {
    const round: Record<string, unknown> = {}
    round.self = round
    for (const data of [undefined, () => 1, round, 1n])
      await expect(emitOne(event('any', about), data)).rejects.toEqual(code('event_invalid'))
    const later = event('later', { schema: z.unknown().refine(async () => true) })
    await expect(emitOne(later, 1)).rejects.toEqual(code('event_invalid'))
    const dated = event('dated', { schema: z.object({ at: z.date() }) })
    await expect(emitOne(dated, { at: new Date() })).rejects.toEqual(code('event_invalid'))
    await expect(emitOne({ name: 'no event' }, 1)).rejects.toEqual(code('definition_invalid'))
  })

  test('has a bound, in bytes', async () => {
    const any = event('any', about)
    const most = 65_536
    await emitOne(any, 'x'.repeat(most - 2))
    await emitOne(any, 'é'.repeat((most - 2) / 2))
    await expect(emitOne(any, 'x'.repeat(most - 1))).rejects.toEqual(code('event_too_large'))
    await expect(emitOne(any, `é${'é'.repeat((most - 2) / 2)}`)).rejects.toEqual(code('event_too_large'))
    const [first, second] = (await fixture.storage.tail(0, 10)).map(({ entries }) => entries[0]!.row.data as string)
    expect([first!.length, second!.length]).toEqual([most - 2, (most - 2) / 2])
  })
})

describe('what is read', () => {
  test('is what the newest schema makes of it, through every version between', async () => {
    const first = event('order', { schema: z.object({ total: z.int() }) })
    const second = event('order', {
      version: 2,
      schema: z.object({ total: z.int(), currency: z.string() }),
      upcast: { 1: (data) => ({ ...data, currency: 'EUR' }) },
    })
    const third = event('order', {
      version: 3,
      schema: z.object({
        amount: z.object({ value: z.int(), currency: z.string() }),
        at: z.coerce.date().default(new Date(0)),
      }),
      upcast: { 1: second.options.upcast![1]!, 2: ({ total, currency }) => ({ amount: { value: total, currency } }) },
    })
    await emitOne(first, { total: 1 })
    await emitOne(second, { total: 2, currency: 'CHF' })
    await emitOne(third, { amount: { value: 3, currency: 'DKK' }, at: '2026-01-01T00:00:00Z' })
    const seen: unknown[] = []
    const run = await fixture.run([
      on(third, { name: 'reader', from: 'start', handle: ({ data, event }) => void seen.push([event.version, data]) }),
    ])
    await run.settle()
    expect(seen).toEqual([
      [1, { amount: { value: 1, currency: 'EUR' }, at: new Date(0) }],
      [2, { amount: { value: 2, currency: 'CHF' }, at: new Date(0) }],
      [3, { amount: { value: 3, currency: 'DKK' }, at: new Date('2026-01-01T00:00:00Z') }],
    ])
  })

  test('is an error where upcast no longer reaches back, or the schema refuses what is there', async () => {
    await emitOne(event('order', about), { total: 1 })
    const recent = event('order', { ...about, version: 3, upcast: { 2: (data) => data } })
    const strict = event('order', { schema: z.object({ total: z.string() }) })
    const run = await fixture.run([
      on(recent, { name: 'recent', from: 'start', handle: () => {} }),
      on(strict, { name: 'strict', from: 'start', handle: () => {} }),
    ])
    await run.settle()
    expect((await run.control.list()).map(({ name, error }) => [name, error])).toEqual([
      ['recent', expect.stringMatching(/version 1.*begins at 2/)],
      ['strict', expect.stringMatching(/total/)],
    ])
  })
})

test('definitions that could not work are refused', () => {
  const refused = (make: () => unknown) => expect(make).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
  const step = (data: unknown) => data
  for (const name of ['', 'two words', 'a'.repeat(101), 1 as never]) refused(() => event(name, about))
  for (const options of [undefined, {}, { schema: {} }, { ...about, other: 1 }])
    refused(() => event('e', options as never))
  for (const version of [0, 1.5, -1, 1_000_001, '1' as never]) refused(() => event('e', { ...about, version }))
  refused(() => event('e', { ...about, version: 3, upcast: { 1: step } }))
  refused(() => event('e', { ...about, version: 3, upcast: { 1: step, 3: step } }))
  refused(() => event('e', { ...about, version: 1, upcast: { 1: step } }))
  refused(() => event('e', { ...about, version: 2, upcast: { 0: step, 1: step } }))
  expect(event('a'.repeat(100), { ...about, version: 1_000_000 })).toMatchObject({ version: 1_000_000 })
  expect(event('e', { ...about, version: 3, upcast: { 2: step } })).toMatchObject({ version: 3 })

  const handle = () => {}
  for (const more of [
    { name: 'two words' },
    { handle: undefined },
    { prepare: 1 },
    { transaction: true },
    { transaction: false, prepare: handle },
    { key: 'of' },
    { parallel: 0 },
    { parallel: 101 },
    { parallel: 1.5 },
    { timeout: 0 },
    { timeout: 24 * 60 * 60_000 + 1 },
    { from: 'end' },
    { retry: { delay: 0 } },
    { retry: { times: 3 } },
    { within: true, key: () => 'a' },
    { within: true, from: 'start' },
    { other: 1 },
  ])
    refused(() => on(Made, { name: 's', handle, ...(more as object) }))
  refused(() => on({} as never, { name: 's', handle }))
  for (const more of [{ parallel: 100 }, { timeout: 24 * 60 * 60_000 }, { retry: {} }, { within: true }])
    expect(on(Made, { name: 's', handle, ...more })).toMatchObject({ kind: 'subscriber', name: 's' })
})
