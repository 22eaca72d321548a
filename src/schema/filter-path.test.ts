import { expect, test } from 'vitest'
import { parseJsonPath, valueAt } from './filter-path.ts'

test('a place is names with dots, positions in brackets, and names in quotes', () => {
  expect(parseJsonPath('address.city')).toEqual(['address', 'city'])
  expect(parseJsonPath('items[0].name')).toEqual(['items', 0, 'name'])
  expect(parseJsonPath('[1][2].a')).toEqual([1, 2, 'a'])
  expect(parseJsonPath('"a.b".c.""."it\'s"')).toEqual(['a.b', 'c', '', "it's"])
  expect(parseJsonPath('naïve.😀.0')).toEqual(['naïve', '😀', '0'])
})

test.each([
  '',
  '.',
  '.a',
  'a.',
  'a..b',
  'a[',
  'a[]',
  'a[x]',
  'a[-1]',
  'a[0]b',
  '"a',
  '"a\\"',
  'a b',
  'a"b',
  'a\0',
  '"\n"',
  "a'",
  '\ud800',
])('%j is no place', (text) => {
  expect(parseJsonPath(text)).toBeUndefined()
})

test('a place has at most 20 steps, a name at most 200 characters', () => {
  expect(parseJsonPath(Array(20).fill('a').join('.'))).toHaveLength(20)
  expect(parseJsonPath(Array(21).fill('a').join('.'))).toBeUndefined()
  expect(parseJsonPath('a'.repeat(200))).toHaveLength(1)
  expect(parseJsonPath('a'.repeat(201))).toBeUndefined()
})

test('names lead into objects, positions into arrays, and prototypes nowhere', () => {
  const document = { a: [{ b: 1 }], 0: 'zero' }
  expect(valueAt(document, ['a', 0, 'b'])).toBe(1)
  expect(valueAt(document, ['0'])).toBe('zero')
  for (const path of [
    [0],
    ['a', '0'],
    ['a', 'length'],
    ['constructor'],
    ['__proto__'],
    ['a', 5, 'b'],
    ['a', 0, 'b', 'c'],
  ]) {
    expect(valueAt(document, path)).toBeUndefined()
  }
})
