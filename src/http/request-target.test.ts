import { expect, test } from 'vitest'
import { parseQuery, pathOf, queryTextOf } from './request-target.ts'

test.each([
  ['/a/b?c=d', '/a/b', 'c=d'],
  ['/?', '/', ''],
  ['/a?b?c', '/a', 'b?c'],
  ['http://example.com/a?b', '/a', 'b'],
  ['https://example.com', '/', ''],
  ['HTTP://example.com?b', '/', 'b'],
  ['*', '*', ''],
])('%s has the path %s and the query "%s"', (target, path, query) => {
  expect(pathOf(target)).toBe(path)
  expect(queryTextOf(target)).toBe(query)
})

test.each(['', 'a', '?a', 'file:///etc/passwd', 'http:/a'])('"%s" is no target', (target) => {
  expect(() => pathOf(target)).toThrow(expect.objectContaining({ code: 'malformed_request' }))
})

test('a query has as many parameters as it may and no more', () => {
  const query = (count: number) => Array.from({ length: count }, (_, at) => `p${at}=1`).join('&')
  expect(Object.keys(parseQuery(query(200), 200))).toHaveLength(200)
  expect(() => parseQuery(query(201), 200)).toThrow(expect.objectContaining({ code: 'invalid_query' }))
  expect(() => parseQuery('&'.repeat(100_000), 200)).toThrow(expect.objectContaining({ code: 'invalid_query' }))
})

test('names are only names', () => {
  const values = parseQuery('__proto__[admin]=1&__proto__=2&toString=3&hasOwnProperty=4', 10)
  expect('constructor' in values).toBe(false)
  expect(Object.entries(values)).toEqual([
    ['__proto__[admin]', '1'],
    ['__proto__', '2'],
    ['toString', '3'],
    ['hasOwnProperty', '4'],
  ])
})
