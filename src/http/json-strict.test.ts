import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStrictJson } from './json-strict.ts'

const parse = (text: string | Buffer, deepest = 64) => parseStrictJson(Buffer.from(text as string), deepest)
const refusal = (text: string | Buffer, deepest = 64): string => {
  try {
    parse(text, deepest)
  } catch (error) {
    expect(error).toMatchObject({ code: 'malformed_json', status: 400 })
    return (error as { violations: { code: string }[] }).violations[0]!.code
  }
  throw new Error(`${text} was read`)
}

describe('strict JSON', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        // Keys that reach for prototypes and numbers that are not exact are refused, as is tested below.
        if (/__proto__|constructor|\d{16}/.test(text)) return
        expect(parse(text)).toEqual(JSON.parse(text))
      }),
    )
  })
  test('reads any text as a key and a value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (key, value) => {
        if (key === '__proto__') return
        const text = JSON.stringify({ [key]: [value, { [key]: value }] })
        expect(parse(text)).toEqual(JSON.parse(text))
      }),
    )
  })
  test.each([
    ['', 'invalid_json'],
    ['{"a":1,}', 'invalid_json'],
    ["{'a':1}", 'invalid_json'],
    ['{"a":1', 'invalid_json'],
    ['"a', 'invalid_json'],
    ['[1 2]', 'invalid_json'],
    ['NaN', 'invalid_json'],
    ['01', 'invalid_json'],
    ['// c\n1', 'invalid_json'],
    ['\ufeff{}', 'invalid_json'],
    ['{"a":"\n"}', 'invalid_json'],
    ['{"a":1,"a":1}', 'duplicate_key'],
    ['{"a":1,"\\u0061":2}', 'duplicate_key'],
    ['[{"x":[{"b":1,"c":2,"b":3}]}]', 'duplicate_key'],
    ['{"__proto__":1}', 'forbidden_key'],
    ['{"\\u005f_proto__":{"admin":true}}', 'forbidden_key'],
    ['{"a":[{"constructor":{"prototype":{"admin":true}}}]}', 'forbidden_key'],
    ['9007199254740992', 'unsafe_integer'],
    ['{"a":[-9007199254740992]}', 'unsafe_integer'],
    ['123456789012345678901234567890', 'unsafe_integer'],
    ['1e999', 'unsafe_number'],
    ['[-1e999]', 'unsafe_number'],
  ])('refuses %s', (text, code) => {
    expect(refusal(text)).toBe(code)
  })
  test('refuses bytes that are no UTF-8', () => {
    expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toBe('invalid_utf8')
    expect(refusal(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe('invalid_utf8')
    expect(refusal(Buffer.from([0x22, 0xc0, 0xaf, 0x22]))).toBe('invalid_utf8')
  })
  test.each([
    '9007199254740991',
    '-9007199254740991',
    '12345678901234567890.5',
    '1e300',
    '1E+20',
    '{"a:b":"c:d\\":e"}',
    '{"constructor":1}',
    '{"a":{"toString":"1"}}',
  ])('takes %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text))
  })
  test('nests as deep as it may and no deeper', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(parse(nested(5), 5)).toBeDefined()
    expect(refusal(nested(6), 5)).toBe('too_deep')
    expect(refusal('{"a":'.repeat(6) + '1' + '}'.repeat(6), 5)).toBe('too_deep')
    expect(refusal('['.repeat(1_000_000))).toBe('too_deep')
    expect(parse('"[[[[[["', 5)).toBe('[[[[[[')
  })
  test('says where it could not go on, without quoting the body', () => {
    const secret = '{"password":"hunter2" x}'
    expect(() => parse(secret)).toThrow(
      expect.objectContaining({
        violations: [expect.objectContaining({ message: 'must be JSON: what stands at position 22 is unexpected' })],
      }),
    )
  })
})
