import { expect, test } from 'vitest'
import { everything, model, nothing, parseFilter, Schema, shownFilter, t } from './index.ts'

const User = model('user', { id: t.id(), name: t.text() })
const Note = model('note', {
  id: t.id(),
  text: t.text(),
  size: t.integer().nullable(),
  data: t.json(),
  owner: t.ref(User, { inverse: 'notes' }),
  readers: t.manyToMany(User, { inverse: 'reads' }),
})
const schema = new Schema([User, Note])

test.each<[typeof Note | typeof User, object]>([
  [Note, { text: 'a' }],
  [Note, { text: { contains: 'a' }, size: { gt: 3 } }],
  [Note, { size: null }],
  [Note, { size: { null: false } }],
  [Note, { size: { in: [1, 2] } }],
  [Note, { and: [{ size: { gt: 1 } }, { size: { lt: 9 } }] }],
  [Note, { or: [{ text: 'a' }, { not: { owner: { name: 'ann' } } }] }],
  [Note, { data: { path: { 'a.b[0]': { gt: 3 } } } }],
  [Note, { data: { has: 'x' } }],
  [Note, { data: { length: { gte: 2 } } }],
  [Note, { data: { eq: { a: 1 } } }],
  [Note, { owner: {} }],
  [Note, { readers: { some: { name: 'ann' } } }],
  [User, { notes: { every: { text: 'a' } } }],
  [User, { notes: { none: {} } }],
  [User, { notes: { count: { gte: 2 } } }],
])('%# a filter is shown as it was written', (of, filter) => {
  const shown = shownFilter(parseFilter(schema, of, filter))
  expect(shown).toEqual(filter)
  expect(parseFilter(schema, of, shown)).toEqual(parseFilter(schema, of, filter))
})

test('what may be seen of related rows is shown with what is asked of them', () => {
  const options = { restrict: () => parseFilter(schema, Note, { size: 1 }) }
  const shown = (filter: object) => shownFilter(parseFilter(schema, User, filter, options))
  expect(shown({ notes: { some: { text: 'a' } } })).toEqual({ notes: { some: { size: 1, text: 'a' } } })
  expect(shown({ notes: { every: { text: 'a' } } })).toEqual({ notes: { none: { size: 1, not: { text: 'a' } } } })
  expect(shown({ notes: { count: 0 } })).toEqual({ notes: { count: 0, of: { size: 1 } } })
})

test('all and nothing are true and false', () => {
  expect([shownFilter(everything), shownFilter(nothing)]).toEqual([true, false])
})
