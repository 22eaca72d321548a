import { describe, expect, test } from 'vitest'
import { checkPrecondition, contentTag, namesTag, tagNamed, tagOfEncoded } from './conditional.ts'

describe('a list of entity tags', () => {
  test.each([
    ['"a"', true, true],
    ['W/"a"', false, true],
    ['*', true, true],
    [' * ', true, true],
    ['"b", "a"', true, true],
    ['"b",W/"a"', false, true],
    ['"b"', false, false],
    ['a', false, false],
    ['', false, false],
    ['"a', false, false],
    ['"aa"', false, false],
  ])('%s names a: strongly %s, weakly %s', (list, strong, weak) => {
    expect(namesTag(list, 'a', false)).toBe(strong)
    expect(namesTag(list, 'a', true)).toBe(weak)
  })
})

test('a tag tells contents apart', () => {
  expect(contentTag('a')).toMatch(/^[\w-]{22}$/)
  expect(contentTag('a')).toBe(contentTag(new Uint8Array([97])))
  expect(contentTag('a')).not.toBe(contentTag('b'))
})

test('the tag of an encoded representation is another one, and names the content all the same', () => {
  for (const encoding of ['br', 'gzip', 'zstd']) {
    const tag = tagOfEncoded('a', encoding)
    expect(tag).not.toBe('a')
    expect(tagNamed(`"b", "${tag}"`, 'a', false)).toBe(tag)
  }
  expect(tagNamed('"a--other"', 'a', false)).toBeUndefined()
  expect(tagNamed('"a-br"', 'a', false)).toBeUndefined()
})

describe('a precondition', () => {
  test.each([
    [{}, 'a', false, undefined],
    [{}, 'a', true, 'precondition_required'],
    [{ 'if-match': '"a"' }, 'a', true, undefined],
    [{ 'if-match': 'W/"a"' }, 'a', true, 'precondition_failed'],
    [{ 'if-match': '"b"' }, 'a', false, 'precondition_failed'],
    [{ 'if-match': '*' }, null, false, 'precondition_failed'],
    [{ 'if-none-match': '*' }, null, true, undefined],
    [{ 'if-none-match': '*' }, 'a', true, 'precondition_failed'],
    [{ 'if-none-match': '"b"' }, 'a', true, undefined],
  ] as const)('%j of %s, required %s: %s', (headers, tag, required, code) => {
    const check = () => checkPrecondition(headers, tag, required)
    if (code) expect(check).toThrow(expect.objectContaining({ code }))
    else check()
  })
})
