import { expect, test } from 'vitest'
import { uuidv7 } from './index.ts'

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const timeOf = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

// The clock of this module only goes forward, so that each test begins later than the one before.
let now = Date.now() + 1000

test('an id is a UUID of version 7 that carries the millisecond it was made in', () => {
  const id = uuidv7((now += 1000))
  expect(id).toMatch(pattern)
  expect(timeOf(id)).toBe(now)
  const late = 2 ** 41 + 12345
  expect(timeOf(uuidv7(late))).toBe(late)
  now = late
})

test('ids of one process sort in the order they were made, whatever the clock does', () => {
  const steps = [0, 0, 1, -5, -100_000, 0, 3, 0, 0]
  const ids = steps.flatMap((step) => Array.from({ length: 50 }, () => uuidv7((now += step))))
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
})

test('more ids than a millisecond has room for borrow from the next one', () => {
  now += 10_000_000
  const ids = Array.from({ length: 10_000 }, () => uuidv7(now))
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id) => pattern.test(id))).toBe(true)
  // 4,096 values of the counter, of which the first millisecond may skip the first 128.
  expect(timeOf(ids[3967]!)).toBe(now)
  expect(timeOf(ids[4096]!)).toBe(now + 1)
  expect(timeOf(ids.at(-1)!)).toBe(now + 2)
})
