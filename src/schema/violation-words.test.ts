import { expect, test } from 'vitest'
import { z } from 'zod'
import { violationsOf } from './violations.ts'

const said = (schema: z.ZodType, input: unknown) =>
  violationsOf(schema.safeParse(input).error!.issues, [], input).map(({ message }) => message)

test.each<[z.ZodType, unknown, string]>([
  [z.string(), 1, 'must be a string'],
  [z.number(), 'x', 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.boolean(), 'x', 'must be true or false'],
  [z.array(z.string()), {}, 'must be a list'],
  [z.object({}), [], 'must be an object'],
  [z.record(z.string(), z.string()), 1, 'must be an object'],
  [z.string().min(1), '', 'must have at least 1 character'],
  [z.string().max(2), 'abc', 'must have at most 2 characters'],
  [z.array(z.int()).min(2), [1], 'must have at least 2 elements'],
  [z.number().min(2), 1, 'must be at least 2'],
  [z.number().positive(), 0, 'must be more than 0'],
  [z.number().lt(3), 3, 'must be less than 3'],
  [z.enum(['a', 'b']), 'c', 'must be one of: a, b'],
  [z.literal('a'), 'b', 'must be "a"'],
  [z.union([z.string(), z.number()]), true, 'must be one of its alternatives'],
  [z.email(), 'x', 'must be an e-mail address'],
  [z.url(), 'x', 'must be a URL'],
  [z.uuid(), 'x', 'must be a UUID'],
  [z.iso.datetime(), 'x', 'must be an instant such as "2026-11-22T10:00:00.000Z"'],
  [z.iso.date(), 'x', 'must be a day such as "2026-11-22"'],
  [z.string().startsWith('a'), 'x', 'must start with "a"'],
  [z.string().regex(/^a+$/), 'x', 'must match /^a+$/'],
  [z.number().multipleOf(5), 3, 'must be a multiple of 5'],
])('Zod speaks as models do: %#', (schema, input, message) => {
  expect(said(schema, input)).toEqual([message])
})

test('what an app says itself stays', () => {
  expect(said(z.string().min(1, "can't be blank"), '')).toEqual(["can't be blank"])
  expect(said(z.email('is invalid'), 'x')).toEqual(['is invalid'])
  expect(said(z.string('no text'), 1)).toEqual(['no text'])
})

test('and so does another language', () => {
  const { localeError } = z.core.locales.de()
  const result = z
    .string()
    .min(3)
    .safeParse('x', { error: localeError as never })
  expect(violationsOf(result.error!.issues, [], 'x')[0]!.message).not.toMatch(/^must/)
})
