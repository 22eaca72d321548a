import { describe, expect, test } from 'vitest'
import { checkSchema, deletionOf, liveRows, matches, model, Schema, t } from './index.ts'

const Note = model('note', { id: t.id(), gone: t.deletedAt({ purgeAfter: '30d' }) })

test('a model says by a field how its rows are deleted', () => {
  expect(deletionOf(Note)).toMatchObject({ field: 'gone', purgeAfter: 30 * 24 * 60 * 60 * 1000 })
  expect(deletionOf(model('other', { id: t.id(), at: t.timestamp().nullable() }))).toBeNull()
})

test('a row is live until the field is set', () => {
  const live = liveRows(Note)!
  expect(matches(live, { id: 'a', gone: null })).toBe(true)
  expect(matches(live, { id: 'a', gone: new Date() })).toBe(false)
  expect(matches(live, { id: 'a', gone: '2026-11-22T10:00:00.000Z' })).toBe(false)
})

describe('how long deleted rows are kept', () => {
  test.each([
    ['1s', 1000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['999999999d', 999_999_999 * 86_400_000],
  ] as const)('%s', (text, expected) => {
    expect(t.deletedAt({ purgeAfter: text }).options.purgeAfter).toBe(expected)
  })

  test.each(['30', '-1d', '1.5d', '1 d', '1w', '', '9999999999d'])('not %j', (text) => {
    expect(() => t.deletedAt({ purgeAfter: text as '1d' })).toThrow(/is no duration/)
  })
})

test('the field is set by the system only, is null at first, and stands once in a model', () => {
  const field = t.deletedAt()
  expect(field.options).toMatchObject({ readOnly: true, nullable: true, purgeAfter: undefined })
  expect(() => (field as any).default(null)).toThrow(/does not go with/)
  const twice = model('twice', { id: t.id(), a: t.deletedAt(), b: t.deletedAt() })
  expect(() => checkSchema(new Schema([twice]))).toThrow(/more than one t\.deletedAt\(\)/)
})
