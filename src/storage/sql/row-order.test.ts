import fc from 'fast-check'
import { expect, test } from 'vitest'
import { model, Schema, t } from '../../schema/index.ts'
import { sqliteDialect } from '../sqlite/sqlite-dialect.ts'
import { ModelPlans } from './model-plan.ts'
import { type IncludeMany, levelOf } from './read-level.ts'
import { codeOrder, sorterOf } from './row-order.ts'
import { sortingOf } from './sorting.ts'

const Tag = model('tag', {
  id: t.serial(),
  name: t.text().unique(),
  rank: t.integer().nullable(),
  price: t.decimal(9, 2),
})
const Kept = model('kept', { id: t.serial(), name: t.text().unique(), deletedAt: t.deletedAt() })
const plans = new ModelPlans(sqliteDialect, new Schema([Tag, Kept]))

const listOf = (asked: string, of: typeof Tag | typeof Kept = Tag, fields = ['rank'], capped = true) => {
  const plan = plans.of(of)
  return { sorting: sortingOf(plan, asked), level: levelOf(plan, fields, []), capped } as unknown as IncludeMany
}
const orderOf = (...given: Parameters<typeof listOf>) => {
  const order = codeOrder(listOf(...given))
  return order && [order.terms.map(({ column }) => column.name), order.extra.map(({ name }) => name)]
}

test('code sorts what comes whole by what it can compare, up to what is unique', () => {
  expect(orderOf('rank')).toEqual([['rank', 'id'], ['id']])
  expect(orderOf('name,rank')).toEqual([['name'], ['name']])
  expect(orderOf('-rank,name')).toEqual([['rank', 'name'], ['name']])
  expect(orderOf('price')).toBeUndefined()
  expect(orderOf('rank', Tag, ['rank'], false)).toBeUndefined()
  // A deleted row may have the name of another.
  expect(orderOf('name', Kept, ['name'])).toEqual([['name', 'id'], ['id']])
})

test('rows come in the order of the terms, nulls last, however many they are', () => {
  const order = codeOrder(listOf('-rank,name'))!
  const sort = sorterOf(order, [1, 0])
  const cells = fc.tuple(fc.constantFrom('a', 'B', '\uffff', '\u{10000}', ''), fc.option(fc.nat(3)))
  const bytes = (text: string) => Buffer.from(text)
  fc.assert(
    fc.property(fc.array(cells, { maxLength: 40 }), (rows) => {
      const expected = rows.toSorted(([a, x], [b, y]) => (y ?? -1) - (x ?? -1) || Buffer.compare(bytes(a), bytes(b)))
      expect(sort(rows.slice())).toEqual(expected)
    }),
  )
})
