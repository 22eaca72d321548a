import { describe, expect, test } from 'vitest'
import { RouteTree } from './route-tree.ts'

function tree(...routes: string[]): RouteTree<string> {
  const made = new RouteTree<string>()
  for (const route of routes) {
    const [method, path] = route.split(' ') as [string, string]
    made.add(method, path, () => route)
  }
  return made
}

function find(made: RouteTree<string>, request: string): string | undefined {
  const [method, path] = request.split(/ (.*)/s) as [string, string]
  const values: string[] = []
  const found = made.find(method, path, values)
  return found && [found.value, ...values].join(' | ')
}

describe('a tree of routes', () => {
  const made = tree(
    'GET /',
    'GET /a',
    'GET /a/:x',
    'GET /a/b',
    'GET /a/b/c',
    'GET /a/:x/d',
    'POST /a/:y',
    'GET /files/*',
    'GET /files/:name/raw',
    'GET /café',
  )
  test.each([
    ['GET /', 'GET /'],
    ['GET /a', 'GET /a'],
    ['GET /a/', 'GET /a'],
    ['GET /a/b', 'GET /a/b'],
    ['GET /a/x', 'GET /a/:x | x'],
    ['POST /a/b', 'POST /a/:y | b'],
    ['GET /a/b/c', 'GET /a/b/c'],
    ['GET /a/b/d', 'GET /a/:x/d | b'],
    ['GET /a/b/d/', 'GET /a/:x/d | b'],
    ['GET /files/x/y', 'GET /files/* | x/y'],
    ['GET /files/%78%20y/z', 'GET /files/* | x y/z'],
    ['GET /files/x%2fy%2F/z', 'GET /files/* | x%2Fy%2F/z'],
    ['GET /files/x%252fy', 'GET /files/* | x%2fy'],
    ['GET /files/x/raw', 'GET /files/:name/raw | x'],
    ['GET /files/x/raw/z', 'GET /files/* | x/raw/z'],
    ['GET /caf%C3%A9', 'GET /café'],
    ['GET /a/%2e%2e', 'GET /a/:x | ..'],
    ['GET /a/x%2Fd', 'GET /a/:x | x/d'],
    ['GET /%61/b', 'GET /a/b'],
    ['GET /a/b/e', undefined],
    ['GET /a//', undefined],
    ['GET //', undefined],
    ['GET /files/', undefined],
    ['GET *', undefined],
    ['GET a', undefined],
    ['GET ', undefined],
    ['DELETE /a', undefined],
  ])('finds for %s %s', (request, found) => {
    expect(find(made, request)).toBe(found)
  })
  test('knows the methods of a path', () => {
    expect(made.methodsOf('/a/b')).toEqual(['GET', 'POST'])
    expect(made.methodsOf('/a')).toEqual(['GET'])
    expect(made.methodsOf('/z')).toEqual([])
  })
  test('refuses what can not be decoded', () => {
    expect(() => find(made, 'GET /a/%ff')).toThrow(expect.objectContaining({ code: 'malformed_request' }))
  })
  test('finds each of many neighbours', () => {
    const many = tree('GET /:other', ...Array.from({ length: 30 }, (_, at) => `GET /route${at}/x`))
    for (const at of [0, 7, 8, 9, 29]) expect(find(many, `GET /route${at}/x`)).toBe(`GET /route${at}/x`)
    expect(find(many, 'GET /route30')).toBe('GET /:other | route30')
    expect(find(many, 'GET /route3%30')).toBe('GET /:other | route30')
    expect(find(many, 'GET /route2%39/x')).toBe('GET /route29/x')
  })

  test.each([
    [['GET /a', 'GET /a'], 'declared twice'],
    [['GET /a/:x', 'GET /a/:y'], '/a/:x is the same path'],
    [['GET /a/*', 'GET /a/*'], 'declared twice'],
    [['GET /a/:x/:x'], '":x" can\'t be a segment'],
    [['GET /a//b'], '"" can\'t be a segment'],
    [['GET /a/'], '"" can\'t be a segment'],
    [['GET /a/*/b'], '"*" can\'t be a segment'],
    [['GET /a/:x.json'], '":x.json" can\'t be a segment'],
    [['GET /a/b:c'], '"b:c" can\'t be a segment'],
    [['GET /a%20b'], '"a%20b" can\'t be a segment'],
    [['GET /a?b'], '"a?b" can\'t be a segment'],
  ])('refuses %j', (routes, message) => {
    expect(() => tree(...routes)).toThrow(
      expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining(message) }),
    )
  })
})
