import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Field } from './field.ts'
import { fieldValidator, kindOf, model, t, violationsOf } from './index.ts'

/** The value as it is kept, or the codes of what is wrong with it. */
function read(field: Field<any>, value: unknown): unknown {
  const result = fieldValidator(field).safeParse(value)
  return result.success ? result.data : violationsOf(result.error.issues).map(({ code }) => code)
}

const key = '0199d7a2-5b6e-7abc-8def-0123456789ab'

test('an id is a UUID in lower case', () => {
  expect(read(t.id(), key)).toBe(key)
  expect(read(t.id(), key.toUpperCase())).toBe(key)
  expect(read(t.id(), '00000000-0000-0000-0000-000000000000')).toBe('00000000-0000-0000-0000-000000000000')
  for (const value of ['', key.slice(1), `${key}0`, `{${key}}`, `urn:uuid:${key}`, key.replaceAll('-', ''), 1, null]) {
    expect(read(t.id(), value)).toEqual(['invalid_type'])
  }
})

test('a boolean is true or false', () => {
  expect(read(t.boolean(), true)).toBe(true)
  expect(read(t.boolean(), false)).toBe(false)
  for (const value of [0, 1, 'true', '', null]) expect(read(t.boolean(), value)).toEqual(['invalid_type'])
})

test('bytes are a Uint8Array, or base64 with its padding', () => {
  const value = new Uint8Array([0, 255, 1])
  expect(read(t.bytes(), value)).toEqual(value)
  expect(read(t.bytes(), Buffer.from(value))).toEqual(Buffer.from(value))
  expect(read(t.bytes(), 'AP8B')).toEqual(value)
  expect(read(t.bytes(), '')).toEqual(new Uint8Array())
  expect(kindOf(t.bytes()).toJson!(new Uint8Array(Buffer.from([9, 0, 255, 1, 9])).subarray(1, 4) as never)).toBe('AP8B')
  for (const text of ['A', 'AA', 'AAA', 'AA=', 'A===', '====', 'AA==AA==', 'A-_A', 'AAA ', 'AAAA\n', 'AAAAA===']) {
    expect(read(t.bytes(), text)).toEqual(['invalid_type'])
  }
  for (const wrong of [1, [1], new Uint16Array(1), new ArrayBuffer(1), {}, null]) {
    expect(read(t.bytes(), wrong)).toEqual(['invalid_type'])
  }
})

test('bounds of bytes count bytes, not characters of base64', () => {
  const field = t.bytes().min(1).max(2)
  expect(read(field, '')).toEqual(['too_small'])
  expect(read(field, 'AA==')).toEqual(new Uint8Array(1))
  expect(read(field, 'AAA=')).toEqual(new Uint8Array(2))
  expect(read(field, 'AAAA')).toEqual(['too_big'])
})

test('base64 of many megabytes is read', () => {
  expect((read(t.bytes(), 'A'.repeat(64 * 2 ** 20)) as Uint8Array).length).toBe(48 * 2 ** 20)
})

test('a document is what JSON can say', () => {
  for (const value of [
    {},
    [],
    'a',
    0,
    -1.5,
    true,
    false,
    { a: [null, { b: '𝒳' }] },
    JSON.parse('{"__proto__":{"a":1}}'),
  ]) {
    expect(read(t.json(), value)).toEqual(value)
  }
  for (const value of [
    Number.NaN,
    { a: Number.POSITIVE_INFINITY },
    1n,
    new Date(),
    new Map(),
    () => 1,
    Symbol('a'),
    { a: undefined },
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
    [1, , 2],
    { a: 'x\0' },
    { 'x\ud800': 1 },
    '\ud800',
    new (class Point {
      x = 1
    })(),
  ]) {
    expect(read(t.json(), value)).toEqual(['invalid_json'])
  }
})

test('null at the top of a document is the null of the field', () => {
  expect(read(t.json(), null)).toEqual(['invalid_type'])
  expect(read(t.json().nullable(), null)).toBe(null)
  expect(read(t.json(), undefined)).toEqual(['required'])
})

test('a document nests 100 levels, and one that contains itself ends there', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
  const objects = (levels: number): unknown => (levels === 0 ? 1 : { a: objects(levels - 1) })
  expect(read(t.json(), nested(100))).toEqual(nested(100))
  expect(read(t.json(), nested(101))).toEqual(['invalid_json'])
  expect(read(t.json(), objects(100))).toEqual(objects(100))
  expect(read(t.json(), objects(101))).toEqual(['invalid_json'])
  const round: { self?: unknown } = {}
  round.self = round
  expect(read(t.json(), round)).toEqual(['invalid_json'])
})

test('a schema shapes a document, says where it is wrong, and what it makes must be JSON too', () => {
  const field = t.json(z.object({ size: z.coerce.number(), tags: z.array(z.string()).default([]) }))
  expect(read(field, { size: '3', other: 1 })).toEqual({ size: 3, tags: [] })
  const result = fieldValidator(field).safeParse({ size: 1, tags: ['a', 2] })
  expect(violationsOf(result.error!.issues, ['body'])).toEqual([
    { path: ['body', 'tags', 1], code: 'invalid_json', message: expect.stringContaining('string') },
  ])
  expect(read(t.json(z.object({ at: z.coerce.date() })), { at: '2026-01-01' })).toEqual(['invalid_json'])
  expect(read(t.json(z.string().refine(async () => true)), 'a')).toEqual(['invalid_json'])
})

const Tag = model('tag', { name: t.slug().max(3) }, { key: ['name'] })
const Alias = model('alias', { tag: t.ref(Tag) }, { key: ['tag'] })

test('a reference takes what the key that it holds takes', () => {
  for (const field of [t.ref(Tag), t.ref(Alias)]) {
    expect(read(field, 'abc')).toBe('abc')
    expect(read(field, 'abcd')).toEqual(['too_big'])
    expect(read(field, 'A')).toEqual(['invalid_format'])
    expect(read(field, null)).toEqual(['invalid_type'])
    expect(read(field, { name: 'abc' })).toEqual(['invalid_type'])
  }
  expect(read(t.ref(Tag).nullable(), null)).toBe(null)
})

const Node = model('node', { id: t.id() })
const keys = (count: number) => Array.from({ length: count }, (_, at) => key.slice(0, -4) + String(at).padStart(4, '0'))

test('a list of links has at most 1,000 keys, all different', () => {
  const field = t.manyToMany(Node)
  expect(read(field, [])).toEqual([])
  expect(read(field, keys(1000))).toEqual(keys(1000))
  expect(read(field, keys(1001))).toEqual(['too_big'])
  expect(read(field, [key, key.toUpperCase()])).toEqual(['duplicate'])
  expect(read(field, null)).toEqual(['invalid_type'])
  expect(read(field, key)).toEqual(['invalid_type'])
  const result = fieldValidator(field).safeParse([key, 'x'])
  expect(violationsOf(result.error!.issues)).toEqual([{ path: [1], code: 'invalid_type', message: 'must be a UUID' }])
})
