import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instantOf, instantText } from './instant.ts'

const instant = fc.date({ noInvalidDate: true })
// Neighbours of one day, as a page has them.
const neighbours = fc
  .tuple(instant, fc.array(fc.integer({ min: -90_000_000, max: 90_000_000 }), { minLength: 1, maxLength: 8 }))
  .map(([first, steps]) => steps.map((step) => new Date(first.getTime() + step)))
  .filter((dates) => dates.every((date) => !Number.isNaN(date.getTime())))

test('writes what toISOString writes, whatever was written before', () => {
  fc.assert(fc.property(neighbours, (dates) => dates.every((date) => instantText(date) === date.toISOString())))
})

test('refuses an invalid date as toISOString does', () => {
  expect(() => instantText(new Date(Number.NaN))).toThrow(RangeError)
})

test('reads what was written, and anything else as Date does', () => {
  fc.assert(
    fc.property(neighbours, (dates) =>
      dates.every((date) => instantOf(date.toISOString()).getTime() === date.getTime()),
    ),
  )
  const place = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom('0', '2', '6', '9', ':', '-', 'x', 'Z', ' '))
  fc.assert(
    fc.property(instant, fc.array(place, { maxLength: 3 }), (date, changes) => {
      const units = date.toISOString().split('')
      for (const [at, unit] of changes) units[at] = unit
      const text = units.join('')
      expect([text, instantOf(text).getTime()]).toEqual([text, new Date(text).getTime()])
    }),
  )
})
