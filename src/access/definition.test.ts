import { expect, test } from 'vitest'
import { model, t } from '../schema/index.ts'
import { Definition } from './definition.ts'

const invalid = (detail: string) =>
  expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining(detail) })

const User = model('user', { id: t.id() })
const Pair = model('pair', { a: t.text(), b: t.text() }, { key: ['a', 'b'] })

test('models are checked where they are defined', () => {
  expect(() => new Definition({ User, Bad: model('bad', { id: t.id(), n: t.integer().default(0.5) }) }, User)).toThrow(
    invalid('The default of bad.n'),
  )
  expect(() => new Definition({ User, Again: User }, User)).toThrow(invalid('Two models are called user'))
})

test('the user is one of the models, with a key of one field', () => {
  expect(new Definition({ User, Pair }, User).user).toBe(User)
  expect(new Definition({ User }, undefined).user).toBeUndefined()
  expect(() => new Definition({ Pair }, User)).toThrow(invalid('not in define({ models })'))
  expect(() => new Definition({ User, Pair }, Pair)).toThrow(invalid('needs a key of one field'))
})

test('policies and hooks are of its models only', () => {
  const definition = new Definition({ User }, User)
  expect(() => definition.policy(Pair, { read: true })).toThrow(invalid('not in define({ models })'))
  expect(() => definition.hook(Pair, {})).toThrow(invalid('not in define({ models })'))
  // Of the same name is not the same.
  expect(() => definition.policy(model('user', { id: t.id() }), {})).toThrow(invalid('not in define({ models })'))
})

test("Monobloc's own records are in its schema and in nobody's reach", () => {
  const { schema } = new Definition({ User }, User)
  expect([...schema.models.keys()]).toEqual(['user', 'monobloc_idempotency'])
  expect(() => new Definition({ Own: model('monobloc_idempotency', { id: t.id() }) }, undefined)).toThrow(
    invalid('reserved'),
  )
})
