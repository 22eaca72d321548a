import { expect, test } from 'vitest'
import { httpDate, parseHttpDate } from './http-date.ts'

const time = Date.UTC(1994, 10, 6, 8, 49, 37)

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', time],
  ['Sunday, 06-Nov-94 08:49:37 GMT', time],
  ['Sun Nov  6 08:49:37 1994', time],
  ['Sun Nov 16 08:49:37 1994', time + 10 * 86_400_000],
])('%s is a date (RFC 9110, 5.6.7)', (text, expected) => {
  expect(parseHttpDate(text)).toBe(expected)
})

test.each([
  '1994-11-06T08:49:37Z',
  '784111777',
  'Sun, 06 Nov 1994 08:49:37 +0100',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 66 Nov 1994 08:49:37 GMT',
  'yesterday',
  '',
])('%j is none', (text) => {
  expect(parseHttpDate(text)).toBeUndefined()
})

test('a year of two digits is at most 50 years ahead', () => {
  const year = new Date().getUTCFullYear()
  const read = (ahead: number) => {
    const short = String((year + ahead) % 100).padStart(2, '0')
    return new Date(parseHttpDate(`Sunday, 06-Nov-${short} 08:49:37 GMT`)!).getUTCFullYear()
  }
  expect([read(0), read(50), read(51)]).toEqual([year, year + 50, year - 49])
})

test('is written in whole seconds', () => {
  expect(httpDate(time + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
})
