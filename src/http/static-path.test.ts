import { describe, expect, test } from 'vitest'
import { isHashed, namesOf } from './static-path.ts'

describe('a path below a folder', () => {
  test.each([
    ['', []],
    ['a.js', ['a.js']],
    ['a/b c/d', ['a', 'b c', 'd']],
    ['a/', ['a']],
    ['.well-known/security.txt', ['.well-known', 'security.txt']],
    ['a..b', ['a..b']],
    ['é', ['é']],
  ])('%j is %j', (rest, names) => {
    expect(namesOf(rest)).toEqual(names)
  })

  test.each([
    '..',
    '../a',
    'a/../b',
    'a/..',
    '.',
    './a',
    '/a',
    '//',
    'a//b',
    'a//',
    '.env',
    'a/.env',
    '.git/config',
    '.well-known',
    '.well-known/.env',
    'a/.well-known/b',
    'a\\b',
    '..\\a',
    'c:a',
    'a:stream',
    'a\0',
    'a\0.js',
  ])('%j is never served', (rest) => {
    expect(namesOf(rest)).toBeUndefined()
  })
})

test.each([
  ['index-Diw5gTda.js', true],
  ['index-BX_1-kZ9.css', true],
  ['main.3f2a1b4c.js', true],
  ['chunk.3f2a1b4c9d.mjs', true],
  ['main.3f2a1b4c.js.map', true],
  ['font-Diw5gTda.woff2', true],
  ['main.3f2a1b4.js', false],
  ['main.33333333.js', false],
  ['main.deadbeef.js', false],
  ['jquery-migration.js', false],
  ['bootstrap-5.3.0.min.css', false],
  ['report-20240115.js', false],
  ['photo-2024Jan1.jpg', false],
  ['index.html', false],
  ['app.js', false],
])('%s tells of its content: %s', (name, expected) => {
  expect(isHashed(name)).toBe(expected)
})
