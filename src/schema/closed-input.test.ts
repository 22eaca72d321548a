import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { closedInput } from './closed-input.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import { violationsOf } from './violations.ts'

interface Category {
  name: string
  below?: Category[]
}
const Category: z.ZodType<Category> = z.object({
  name: z.string(),
  get below() {
    return z.array(Category).optional()
  },
})
const a = z.object({ a: z.number() })
const b = z.object({ b: z.number() })
const deep = { a: 1, x: 2 }

/** The places of the keys that are refused. */
async function refused(schema: StandardSchemaV1, value: unknown): Promise<string[]> {
  const result = await closedInput(schema)['~standard'].validate(value)
  const violations = violationsOf(result.issues ?? [], [], value)
  return violations.filter(({ code }) => code === 'unknown_field').map(({ path }) => path.join('.'))
}

describe('a closed input', () => {
  test.each<[string, StandardSchemaV1, unknown, string[]]>([
    ['an object', a, { a: 1, x: 2, y: 3 }, ['x', 'y']],
    ['one with checks', a.refine(() => true), deep, ['x']],
    ['one that is transformed', a.transform(({ a }) => a), deep, ['x']],
    ['an optional, nullable, preset one', a.optional().nullable().default({ a: 1 }), deep, ['x']],
    ['within another', z.object({ in: a }), { in: deep, x: 1 }, ['in.x', 'x']],
    ['within an open one', z.looseObject({ in: a }), { in: deep, x: 1 }, ['in.x']],
    ['in a list', z.array(a), [{ a: 1 }, deep], ['1.x']],
    ['in a tuple', z.tuple([z.string(), a], a), ['', deep, deep], ['1.x', '2.x']],
    ['in a record', z.record(z.string(), a), { one: deep }, ['one.x']],
    [
      'in one that holds itself',
      Category,
      { name: '', below: [{ name: '', below: [{ name: '', x: 1 }] }] },
      ['below.0.below.0.x'],
    ],
    ['in a lazy one', z.lazy(() => a), deep, ['x']],
    ['in all of a union', z.union([a, b]), { a: 1, x: 2 }, ['x']],
    ['in none of a union', z.union([a, z.object({ a: z.number(), x: z.number() })]), deep, []],
    [
      'in the right one of several',
      z.discriminatedUnion('t', [a.extend({ t: z.literal(1) }), b.extend({ t: z.literal(2) })]),
      { t: 2, b: 1, a: 1 },
      ['a'],
    ],
    ['in both of two', z.intersection(a, b), { a: 1, b: 2, x: 3 }, ['x']],
    ['a prototype', a, JSON.parse('{"a":1,"__proto__":{"a":2}}'), ['__proto__']],
    ['a strict object, which says so itself', z.strictObject({ a: z.number() }), deep, ['x']],
  ])('refuses keys that are not named: %s', async (_, schema, value, expected) => {
    expect(await refused(schema, value)).toEqual(expected)
  })

  test.each<[string, StandardSchemaV1, unknown]>([
    ['a loose object', a.loose(), deep],
    ['one with a catchall', a.catchall(z.number()), deep],
    ['anything', z.object({ any: z.any() }), { any: { x: 1 } }],
    ['what is made of something else', z.preprocess((value) => ({ a: Number(value) }), a), '1'],
    ['a record', z.record(z.string(), z.number()), { x: 1 }],
    ['one of both', z.intersection(a, z.looseObject({})), deep],
    ['what is no object', a, 5],
  ])('lets through what is open: %s', async (_, schema, value) => {
    expect(await refused(schema, value)).toEqual([])
  })

  test('says all that is wrong together, and otherwise gives what the schema gives', async () => {
    const schema = closedInput(z.object({ a: z.coerce.number(), b: z.string() }))
    const { issues } = await schema['~standard'].validate({ a: '1', x: 1 })
    expect(violationsOf(issues!, [], { a: '1', x: 1 }).map(({ code }) => code)).toEqual(['required', 'unknown_field'])
    expect(await schema['~standard'].validate({ a: '1', b: '' })).toEqual({ value: { a: 1, b: '' } })
    const later = closedInput(z.object({ a: z.number().refine(async () => true) }))
    expect(await later['~standard'].validate({ a: 1 })).toEqual({ value: { a: 1 } })
    expect((await later['~standard'].validate(deep)).issues).toHaveLength(1)
  })

  test('says as much as there is of a large list', async () => {
    const lists = z.union([z.array(a), z.array(b)])
    expect(await refused(lists, Array(200_000).fill(deep))).toHaveLength(200_000)
  })

  test('is the schema itself where nothing is dropped, and of another library', () => {
    const other: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'other', validate: (value) => ({ value }) } }
    for (const schema of [z.strictObject({}), z.looseObject({}), z.string(), other])
      expect(closedInput(schema)).toBe(schema)
    expect(closedInput(a)).toBe(closedInput(a))
  })

  test('is described as closed', () => {
    const described = (schema: StandardSchemaV1) => jsonSchemaOf(closedInput(schema))
    expect(described(z.object({ in: a, open: a.loose() }))).toMatchObject({
      additionalProperties: false,
      properties: { in: { additionalProperties: false }, open: { additionalProperties: {} } },
    })
    expect(JSON.stringify(described(z.intersection(a, b)))).not.toContain('additional')
    expect(jsonSchemaOf(a)).not.toHaveProperty('additionalProperties')
  })
})
