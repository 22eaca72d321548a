import { expect, test } from 'vitest'
import type { Field } from './field.ts'
import { codePointLength, fieldValidator, isStorableText, t, violationsOf } from './index.ts'

/** The value as it is kept, or the codes of what is wrong with it. */
function read(field: Field<any>, value: unknown): unknown {
  const result = fieldValidator(field).safeParse(value)
  return result.success ? result.data : violationsOf(result.error.issues).map(({ code }) => code)
}

const astral = '𝒳'

test('text is any string that every engine can hold', () => {
  for (const value of ['', 'a', ' a ', astral, '\u{10ffff}', 'é'.normalize('NFD'), '\n\t\u0001']) {
    expect(read(t.text(), value)).toBe(value)
  }
  for (const value of ['\0', 'a\0b', '\ud800', 'a\udc00', '\udc00\ud800']) {
    expect(read(t.text(), value)).toEqual(['invalid_text'])
  }
  for (const value of [1, true, {}, [], new Date(), 1n]) expect(read(t.text(), value)).toEqual(['invalid_type'])
})

test('null and nothing are told apart from a wrong type', () => {
  expect(read(t.text(), null)).toEqual(['invalid_type'])
  expect(read(t.text(), undefined)).toEqual(['required'])
  expect(read(t.text().nullable(), null)).toBe(null)
  expect(read(t.text().nullable(), undefined)).toEqual(['required'])
})

test('length is counted in code points, its bounds included', () => {
  const field = t.text().min(2).max(3)
  expect(read(field, astral)).toEqual(['too_small'])
  expect(read(field, astral.repeat(2))).toBe(astral.repeat(2))
  expect(read(field, astral.repeat(3))).toBe(astral.repeat(3))
  expect(read(field, astral.repeat(4))).toEqual(['too_big'])
  expect(codePointLength(`a${astral}b`)).toBe(3)
  expect(isStorableText(astral)).toBe(true)
})

test('a pattern is asked of each value, whatever its flags remember', () => {
  const field = t.text().pattern(/^[a-c]+$/g)
  expect(read(field, 'abc')).toBe('abc')
  expect(read(field, 'abc')).toBe('abc')
  expect(read(field, 'abd')).toEqual(['invalid_format'])
  expect(read(t.text().pattern(/b/y), 'ab')).toEqual(['invalid_format'])
})

test('a pattern is read by code point where it can be', () => {
  expect(read(t.text().pattern(/^.$/), astral)).toBe(astral)
  expect(read(t.text().pattern(/^..$/), astral)).toEqual(['invalid_format'])
  expect(read(t.text().pattern(/^-$/), '-')).toBe('-')
  expect(read(t.text().pattern(/^[\p{L}--[a]]$/v), 'b')).toBe('b')
})

test('text is normalised before it is checked', () => {
  const field = t
    .text()
    .trim()
    .lowerCase()
    .min(1)
    .max(2)
    .pattern(/^[a-z]+$/)
  expect(read(field, '  AB\n')).toBe('ab')
  expect(read(field, ' \u00a0 ')).toEqual(['too_small', 'invalid_format'])
  expect(read(t.email().trim().lowerCase(), ' Ann@Example.COM ')).toBe('ann@example.com')
  // One capital letter can become two code points.
  expect(read(t.text().lowerCase().max(1), 'İ')).toEqual(['too_big'])
})

test('HTML keeps what is harmless, and the space that a removed element leaves is trimmed', () => {
  const field = t.text().html().trim()
  expect(read(field, '<p>Hi <b onclick="x()">you</b></p>')).toBe('<p>Hi <b>you</b></p>')
  expect(read(field, 'a <script>alert(1)</script>')).toBe('a')
  expect(read(field, '<a href="javascript:alert(1)">x</a>')).toBe('<a>x</a>')
  expect(read(field, '<img src=x onerror=alert(1)>')).toBe('')
  expect(read(field, '<svg><animate onbegin=alert(1)>')).toBe('')
  expect(read(field, 'a < b & c')).toBe('a &lt; b &amp; c')
  expect(read(field, read(field, 'a < b & c'))).toBe('a &lt; b &amp; c')
  expect(read(t.text().html().min(1), '<script></script>')).toEqual(['too_small'])
})

test('an e-mail address has at most 254 characters', () => {
  const name = 'a'.repeat(64)
  const longest = `${name}@${`${'d'.repeat(61)}.`.repeat(3)}com`
  expect(longest).toHaveLength(254)
  expect(read(t.email(), longest)).toBe(longest)
  expect(read(t.email(), `${longest}m`)).toEqual(['too_big'])
  expect(read(t.email(), `${name}a@b.cd`)).toEqual(['invalid_format'])
  expect(read(t.email(), `a@${'d'.repeat(63)}.cd`)).toBe(`a@${'d'.repeat(63)}.cd`)
  expect(read(t.email(), `a@${'d'.repeat(64)}.cd`)).toEqual(['invalid_format'])
  expect(read(t.email().max(10), 'ann@abc.de')).toBe('ann@abc.de')
  expect(read(t.email().max(10), 'anna@abc.de')).toEqual(['too_big'])
  for (const value of ['Ann.O+x@Example.com', "o'brien@a.ie", '!#$%&*/=?^_`{|}~-@a.b', 'a@xn--bcher-kva.example']) {
    expect(read(t.email(), value)).toBe(value)
  }
  for (const value of [
    '.a@b.cd',
    'a.@b.cd',
    'a..b@c.de',
    'a@-b.cd',
    'a@b-.cd',
    'a@b..cd',
    'a@1.2.3.4',
    'ä@b.cd',
    '',
    'a',
    'a@',
    '@b.c',
    'a@b',
    'a b@c.de',
    'a@b.c\n',
    'a@@b.cd',
    '<a@b.cd>',
  ]) {
    expect(read(t.email(), value)).toEqual(['invalid_format'])
  }
})

test('a URL is absolute, http or https, at most 2,048 characters, and read alike by all', () => {
  const start = 'https://example.com/'
  const longest = start + 'a'.repeat(2048 - start.length)
  expect(read(t.url(), longest)).toBe(longest)
  expect(read(t.url(), `${longest}a`)).toEqual(['too_big'])
  for (const value of [
    'http://a',
    'HTTPS://A.B/c?d=e#f',
    'http://exämple.com/ü',
    'http://[::1]:8080/',
    'http://u:p@h/',
    'http://fonts.test/css?family=A|B&x={y}',
  ]) {
    expect(read(t.url(), value)).toBe(value)
  }
  for (const value of [
    '',
    'a',
    '//a.b',
    '/path',
    'ftp://a.b',
    'javascript:alert(1)',
    'http://',
    'http:a',
    'http:///a',
    'http://a b',
    ' http://a',
    'http://a\n',
    'http://a/\t',
    'http://a/\u202e',
    'http://a\\b',
    'http://?a',
    'http://a/"<b>',
    'http://a:99999',
    'data:text/html,http://a',
  ]) {
    expect(read(t.url(), value)).toEqual(['invalid_format'])
  }
})

test('a slug has at most 200 characters of lower-case letters and digits between single hyphens', () => {
  for (const value of ['a', '1', 'a-b', 'größe-1', '東京-2026', 'x'.repeat(200)]) {
    expect(read(t.slug(), value)).toBe(value)
  }
  expect(read(t.slug(), 'x'.repeat(201))).toEqual(['too_big'])
  for (const value of ['', '-', 'a-', '-a', 'a--b', 'A', 'a b', 'a_b', 'a/b', 'a\n']) {
    expect(read(t.slug(), value)).toEqual(['invalid_format'])
  }
})

test('an enum takes its values and no other', () => {
  const field = t.enum('member', 'admin')
  expect(read(field, 'admin')).toBe('admin')
  for (const value of ['Admin', '', 'toString', '__proto__', 0, null]) {
    expect(read(field, value)).toEqual([value === null ? 'invalid_type' : 'invalid_value'])
  }
  expect(read(field.nullable(), null)).toBe(null)
})
