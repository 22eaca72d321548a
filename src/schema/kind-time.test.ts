import { expect, test } from 'vitest'
import type { Field } from './field.ts'
import { fieldValidator, kindOf, t, violationsOf } from './index.ts'

/** The value as it is kept, or the codes of what is wrong with it. */
function read(field: Field<any>, value: unknown): unknown {
  const result = fieldValidator(field).safeParse(value)
  return result.success ? result.data : violationsOf(result.error.issues).map(({ code }) => code)
}

test('a timestamp is an instant, kept as a Date with milliseconds', () => {
  for (const [text, iso] of [
    ['2026-11-22T10:00:00Z', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22T10:00:00.5Z', '2026-11-22T10:00:00.500Z'],
    ['2026-11-22T10:00:00.123999Z', '2026-11-22T10:00:00.123Z'],
    ['2026-11-22T10:00:00+02:30', '2026-11-22T07:30:00.000Z'],
    ['2026-11-22t10:00:00z', '2026-11-22T10:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00.000Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ]) {
    expect((read(t.timestamp(), text) as Date).toISOString()).toBe(iso)
    expect(kindOf(t.timestamp()).toJson!(new Date(text!.toUpperCase()) as never)).toBe(iso)
  }
  const now = new Date()
  expect(read(t.timestamp(), now)).toEqual(now)
})

test('what is no instant in the years 0001 to 9999 is refused', () => {
  const past = new Date('9999-12-31T23:59:59.999Z')
  past.setTime(past.getTime() + 1)
  for (const value of [
    '0000-12-31T23:59:59.999Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59.999-00:01',
    '10000-01-01T00:00:00Z',
    '+012026-01-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01',
    '2026-01-01 00:00:00Z',
    'now',
    '',
    past,
    new Date(Number.NaN),
    Date.now(),
    {},
  ]) {
    expect(read(t.timestamp(), value)).toEqual(['invalid_timestamp'])
  }
})

test('a date is a day of the calendar, as text', () => {
  for (const value of ['0001-01-01', '9999-12-31', '2024-02-29', '2000-02-29'])
    expect(read(t.date(), value)).toBe(value)
  for (const value of [
    '0000-12-31',
    '10000-01-01',
    '2026-02-29',
    '1900-02-29',
    '2026-11-31',
    '2026-1-1',
    '2026-11-22T00:00:00Z',
    ' 2026-11-22',
    '20261122',
    '',
    new Date(),
    20261122,
  ]) {
    expect(read(t.date(), value)).toEqual(['invalid_date'])
  }
})
