import { expect, test } from 'vitest'
import { z } from 'zod'
import { violationsOf } from './index.ts'

const schema = z.strictObject({
  kind: z.enum(['a', 'b']),
  size: z.number().min(2),
  either: z.union([z.string(), z.number()]),
  list: z.array(z.strictObject({ name: z.string() })).optional(),
})
const rule = schema.refine(() => false, { message: 'never', path: ['other'] })

function violations(input: unknown, from: z.ZodType = schema) {
  const result = from.safeParse(input)
  return violationsOf(result.error!.issues, ['body'], input).map(({ path, code }) => [path.join('.'), code])
}

test('what is missing is required, whatever kind of value was to be there', () => {
  expect(violations({})).toEqual([
    ['body.kind', 'required'],
    ['body.size', 'required'],
    ['body.either', 'required'],
  ])
  expect(violations({ kind: 'a', size: 2, either: 1, list: [{}] })).toEqual([['body.list.0.name', 'required']])
})

test('what is wrong is not missing', () => {
  expect(violations({ kind: 'c', size: 1, either: null })).toEqual([
    ['body.kind', 'invalid_value'],
    ['body.size', 'too_small'],
    ['body.either', 'invalid_union'],
  ])
  expect(violations(null)).toEqual([['body', 'invalid_type']])
  expect(violations(undefined)).toEqual([['body', 'required']])
})

test('each unknown key is a violation of its own', () => {
  const right = { kind: 'a', size: 2, either: 1 }
  expect(violations({ ...right, x: 1, toString: 2, list: [{ name: 'a', y: 1 }] })).toEqual([
    ['body.list.0.y', 'unknown_field'],
    ['body.x', 'unknown_field'],
    ['body.toString', 'unknown_field'],
  ])
})

test("a rule of the app's own keeps its words", () => {
  expect(violations({ kind: 'a', size: 2, either: 1 }, rule)).toEqual([['body.other', 'custom']])
})

test('without the input, a missing value is known where the library says so', () => {
  expect(violationsOf(z.object({ a: z.string() }).safeParse({}).error!.issues)).toEqual([
    { path: ['a'], code: 'required', message: 'is required' },
  ])
})

test('issues of any library have a path and a code', () => {
  const symbol = Symbol('s')
  expect(violationsOf([{ message: 'no', path: [{ key: 'a' }, 1, symbol] }, { message: 'whole' }], ['query'])).toEqual([
    { path: ['query', 'a', 1, 'Symbol(s)'], code: 'invalid', message: 'no' },
    { path: ['query'], code: 'invalid', message: 'whole' },
  ])
})
