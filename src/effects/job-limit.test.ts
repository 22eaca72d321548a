import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitsOf, type RecentStarts, rateRoom, slotOf, withoutFuture, withStarts } from './job-limit.ts'

test('in no span of its time do more begin than a rate says, and not much fewer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 20 })), { maxLength: 60 }),
      (limit, per, asked) => {
        let now = 1_700_000_000_000
        let starts: RecentStarts = []
        const begun: number[] = []
        for (const [step, wanted] of asked) {
          now += step
          const { room, until } = rateRoom({ limit, per }, starts, now)
          if (room === 0) expect(until).toBeGreaterThan(now)
          const count = Math.min(room, wanted)
          if (count > 0) starts = withStarts({ limit, per }, starts, now, count)
          for (let n = 0; n < count; n++) begun.push(now)
        }
        for (const from of begun) {
          expect(begun.filter((at) => at >= from && at < from + per).length).toBeLessThanOrEqual(limit)
        }
        expect(starts.length).toBeLessThanOrEqual(per + 2)
        const rest = rateRoom({ limit, per }, starts, now + per + Math.max(1, Math.floor(per / 100)))
        expect(rest.room).toBe(limit)
      },
    ),
  )
})

test('a rate keeps no more than about a hundred slices of its time', () => {
  const rate = { limit: 1_000_000, per: 60_000 }
  let starts: RecentStarts = []
  for (let now = 0; now < 200_000; now += 7) starts = withStarts(rate, starts, now, 1)
  expect(starts.length).toBeLessThanOrEqual(102)
})

test('what began by a clock that was ahead counts from when it was set back, and not until it has caught up', () => {
  const rate = { limit: 3, per: 1000 }
  const now = 1_700_000_000_000
  const ahead = withStarts(rate, [], now + 86_400_000, 3)
  expect(rateRoom(rate, ahead, now).room).toBe(0)
  const sound = withoutFuture(rate, ahead, now)
  expect(rateRoom(rate, sound, now + 999).room).toBe(0)
  expect(rateRoom(rate, sound, now + 1011).room).toBe(3)
  // Clocks of several machines differ.
  const little = withStarts(rate, [], now + 60_000, 3)
  expect(withoutFuture(rate, little, now)).toBe(little)
})

test('limits have bounds', () => {
  expect(limitsOf('x', {})).toBeUndefined()
  expect(limitsOf('x', { concurrency: 10_000 })?.concurrency).toEqual({ limit: 10_000 })
  expect(() => limitsOf('x', { concurrency: 10_001 })).toThrow('from 1 to 10000')
  expect(() => limitsOf('x', { concurrency: 0 })).toThrow('from 1 to 10000')
  expect(() => limitsOf('x', { perProcess: 1.5 })).toThrow('perProcess')
  expect(() => limitsOf('x', { rate: { limit: 1, per: 86_400_001 } })).toThrow('rate.per')
  const limits = limitsOf('x', { concurrency: { limit: 1, key: (input: string) => input } })
  expect(slotOf('x', limits, 'a'.repeat(200))).toHaveLength(200)
  expect(() => slotOf('x', limits, 'a'.repeat(201))).toThrow('1 to 200')
  expect(() => slotOf('x', limits, '')).toThrow('1 to 200')
})
