import { describe, expect, test } from 'vitest'
import { canonicalTarget, isBelow } from './middleware-path.ts'

describe('a target as routes are written', () => {
  test.each([
    ['/', '/'],
    ['/a/b?x=%61#y', '/a/b?x=%61#y'],
    ['/%61dmin', '/admin'],
    ['/a%2Fb/%2e', '/a%2Fb/.'],
    ['/a%2fb', '/a%2Fb'],
    ['/%40%24%26%2b%2C%3a%3B%3d', '/@$&+,:;='],
    ['/100%25', '/100%25'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/%zz/%61', '/%zz/a'],
    ['http://x.example/%61?b', '/a?b'],
    ['http://x.example', '/'],
    ['*', '*'],
  ])('%s is %s', (target, canonical) => {
    expect(canonicalTarget(target)).toBe(canonical)
    expect(canonicalTarget(canonical)).toBe(canonical)
  })
})

describe('below a path', () => {
  test.each<[string, string, boolean]>([
    ['/', '', true],
    ['/a', '/a', true],
    ['/a/', '/a', true],
    ['/a/b', '/a', true],
    ['/A?x', '/a', true],
    ['/ab', '/a', false],
    ['/', '/a', false],
    ['//a', '/a', false],
    ['http://x/a/b', '/a', true],
  ])('%s below "%s": %s', (target, path, below) => {
    expect(isBelow(target, path)).toBe(below)
  })
})
