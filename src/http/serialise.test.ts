import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { jsonSchemaOf } from '../schema/index.ts'
import { JsonText } from './answer.ts'
import { compileSerialiser } from './serialise.ts'

const write = (schema: z.ZodType, value: unknown) => compileSerialiser(jsonSchemaOf(schema, 'output'))(value)

describe('a compiled serialiser', () => {
  test('writes what JSON.stringify writes, in the order of the schema', () => {
    const schema = z.object({
      text: z.string(),
      count: z.int(),
      size: z.number(),
      open: z.boolean(),
      none: z.null(),
      list: z.array(z.object({ a: z.string() })),
    })
    const value = {
      text: 'a "quote" \\ \n \u2028 \ud83d\ude00',
      count: -3,
      size: 1.5e300,
      open: true,
      none: null,
      list: [{ a: 'x' }, { a: '' }],
    }
    expect(write(schema, value)).toBe(JSON.stringify(value))
    expect(write(schema, { ...value, list: [] })).toBe(JSON.stringify({ ...value, list: [] }))
  })
  test.each([0, 39, 40, 41, 42, 43])('escapes texts of about %i characters', (length) => {
    for (const special of ['', '"', '\\', '\n', '\u0000', '\u001f', '\ud83d\ude00', '\ud800', '\u00e9', '\u2029']) {
      const value = 'x'.repeat(length) + special
      expect(write(z.string(), value)).toBe(JSON.stringify(value))
    }
  })
  test('leaves out what the schema does not name', () => {
    expect(write(z.object({ a: z.string() }), { a: 'x', password: 'y' })).toBe('{"a":"x"}')
    expect(write(z.object({ list: z.array(z.object({ a: z.int() })) }), { list: [{ a: 1, b: 2 }] })).toBe(
      '{"list":[{"a":1}]}',
    )
  })
  test('puts commas right whichever optional members are there', () => {
    const schema = z.object({ a: z.int().optional(), b: z.int().optional(), c: z.int(), d: z.int().optional() })
    expect(write(schema, { c: 3 })).toBe('{"c":3}')
    expect(write(schema, { b: 2, c: 3, d: 4 })).toBe('{"b":2,"c":3,"d":4}')
    expect(write(schema, { a: 1, c: 3 })).toBe('{"a":1,"c":3}')
    expect(write(z.object({ a: z.int().optional(), b: z.int().optional() }), {})).toBe('{}')
    expect(write(z.object({ a: z.int().optional(), b: z.int().optional() }), { b: 1 })).toBe('{"b":1}')
  })
  test('writes records, open objects, tuples, unions, literals and recursive schemas', () => {
    expect(write(z.record(z.string(), z.int()), { a: 1, b: 2 })).toBe('{"a":1,"b":2}')
    expect(write(z.looseObject({ a: z.int() }), { a: 1, 'b"': [true] })).toBe('{"a":1,"b\\"":[true]}')
    expect(write(z.looseObject({ a: z.int().optional() }), { b: 1 })).toBe('{"b":1}')
    expect(write(z.tuple([z.int(), z.string()]), [1, 'a', 'more'])).toBe('[1,"a"]')
    expect(write(z.tuple([z.int()], z.string()), [1, 'a', 'b'])).toBe('[1,"a","b"]')
    expect(write(z.union([z.object({ a: z.int() }), z.object({ b: z.string() })]), { b: 'x' })).toBe('{"b":"x"}')
    expect(write(z.string().nullable(), null)).toBe('null')
    expect(write(z.enum(['a', 'b']), 'b')).toBe('"b"')
    expect(write(z.literal(5), 5)).toBe('5')
    expect(write(z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() })), { a: 1, b: 2, c: 3 })).toBe(
      '{"a":1,"b":2}',
    )
    const Tree = z.object({
      name: z.string(),
      get children() {
        return z.array(Tree)
      },
    })
    expect(write(Tree, { name: 'a', children: [{ name: 'b', children: [], secret: 1 }] })).toBe(
      '{"name":"a","children":[{"name":"b","children":[]}]}',
    )
    expect(write(z.any(), { free: [true] })).toBe('{"free":[true]}')
  })
  test('takes several patterns of a text for bounds, not for an object', () => {
    expect(write(z.object({ a: z.string().startsWith('a').endsWith('b') }), { a: 'a-b' })).toBe('{"a":"a-b"}')
  })

  test('turns instants, days, bigints and bytes into text', () => {
    const at = new Date('2026-11-22T07:00:00.123Z')
    expect(write(z.iso.datetime(), at)).toBe('"2026-11-22T07:00:00.123Z"')
    expect(write(z.iso.date(), at)).toBe('"2026-11-22"')
    expect(compileSerialiser({ type: 'string', format: 'int64' })(2n ** 60n)).toBe('"1152921504606846976"')
    expect(compileSerialiser({ type: 'string', contentEncoding: 'base64' })(new Uint8Array([1, 2, 255]))).toBe('"AQL/"')
  })
  test('lets JSON that is text already through, where a value of that place would stand', () => {
    expect(
      write(z.object({ rows: z.array(z.int()), one: z.object({}) }), {
        rows: new JsonText('[1]'),
        one: new JsonText('{}'),
      }),
    ).toBe('{"rows":[1],"one":{}}')
  })
  test.each([
    [z.object({ a: z.string() }), {}, '/a must be a text and is missing'],
    [z.object({ a: z.string() }), { a: null }, '/a must be a text and is null'],
    [z.object({ a: z.string() }), { a: { toString: () => 'x' } }, '/a must be a text and is object'],
    [z.object({ a: z.string() }), { a: new Date(Number.NaN) }, '/a must be a text and is a Date'],
    [z.object({ a: z.int() }), { a: 1.5 }, '/a must be a whole number and is number'],
    [z.object({ a: z.number() }), { a: Number.NaN }, '/a must be a finite number'],
    [z.object({ a: z.number() }), { a: '5' }, '/a must be a finite number and is string'],
    [z.object({ a: z.boolean() }), { a: 1 }, '/a must be true or false'],
    [z.object({ a: z.enum(['x']) }), { a: 'y' }, '/a must be one of "x" and is string'],
    [z.object({ a: z.array(z.int()) }), { a: [1, 'b'] }, '/a/[] must be a whole number and is string'],
    [z.object({ a: z.array(z.int()) }), { a: {} }, '/a must be a list and is object'],
    [z.object({ a: z.object({}) }), { a: [] }, '/a must be an object and is a list'],
    [z.union([z.int(), z.boolean()]), 'x', 'The answer must be one of its alternatives and is string'],
    [z.tuple([z.int(), z.int()]), [1], 'The answer must be a list of 2 and is missing'],
    [z.object({ a: z.any() }), { a: () => 1 }, '/a must be JSON and is function'],
  ])('refuses what does not fit and says where: %#', (schema, value, detail) => {
    expect(() => write(schema, value)).toThrow(
      expect.objectContaining({ code: 'response_invalid', message: expect.stringContaining(detail) }),
    )
  })
  test('takes keys from the schema as keys, whatever they hold', () => {
    const key = '"];process.exit(1);//\u2028`${1}'
    expect(
      compileSerialiser({ type: 'object', properties: { [key]: { type: 'integer' } }, required: [key] })({ [key]: 1 }),
    ).toBe(JSON.stringify({ [key]: 1 }))
  })
})
