import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SystemDb } from '../../src/commit/index.ts'
import { model, t } from '../../src/schema/index.ts'
import { open, openUnits, type UnitFixture } from './unit-fixture.ts'

const Shelf = model('shelf', { id: t.serial(), name: t.text() })
const Book = model(
  'book',
  { id: t.serial(), title: t.text(), shelf: t.ref(Shelf).onDelete('cascade'), deletedAt: t.deletedAt() },
  { search: ['title'] },
)
const Loan = model('loan', { id: t.serial(), book: t.ref(Book) })
type Data = SystemDb<{ Shelf: typeof Shelf; Book: typeof Book; Loan: typeof Loan }, never>

let fixture: UnitFixture<Data>
beforeEach(async () => {
  fixture = await openUnits<Data>(open({ Shelf, Book, Loan }))
  await fixture.write('system', async (db) => {
    const { id: shelf } = await db.insert(Shelf, { name: 'one' })
    await db.insert(Book, [
      { title: 'red', shelf },
      { title: 'green', shelf },
    ])
    await db.delete(Book, 1)
  })
})
afterEach(() => fixture.close())

const empty = (of: typeof Shelf | typeof Book) => fixture.write('system', (db) => db.empty(of as typeof Book))
const operations = async () =>
  (await fixture.log()).at(-1)!.entries.map(({ table, operation, row }) => [table, operation, row])

test('a table is emptied at once, deleted rows too, and the log is told once', async () => {
  expect(await empty(Book)).toBe(2)
  expect(await operations()).toEqual([['book', 'empty', {}]])
  expect(await fixture.read('system', (db) => db.count(Book, { withDeleted: true }))).toBe(0)
  expect(await fixture.read('system', (db) => db.search(Book, 'green'))).toEqual([])
  // Numbers are not given again, and the log goes on.
  const again = await fixture.write('system', (db) => db.insert(Book, { title: 'blue', shelf: 1 }))
  expect(again.id).toBe(3)
  expect(await operations()).toMatchObject([['book', 'insert', { title: 'blue' }]])
  expect(await fixture.read('system', (db) => db.search(Book, 'blue'))).toHaveLength(1)
  expect(await fixture.storage.compare(fixture.definition.schema)).toEqual([])
})

test('rows that refer to it go with it, or keep it from being emptied', async () => {
  await fixture.write('system', (db) => db.insert(Loan, { book: 2 }))
  await expect(empty(Book)).rejects.toMatchObject({ code: 'reference_in_use', subject: 'book' })
  await expect(empty(Shelf)).rejects.toMatchObject({ code: 'reference_in_use' })
  await fixture.write('system', (db) => db.delete(Loan, 1))
  expect(await empty(Shelf)).toBe(1)
  const [one, other, last] = await operations()
  expect([one, other]).toEqual(
    expect.arrayContaining([1, 2].map((id) => ['book', 'delete', expect.objectContaining({ id })])),
  )
  expect(last).toMatchObject(['shelf', 'empty', {}])
})

test('what is undone leaves everything as it was, and an empty table has nothing to tell', async () => {
  const before = (await fixture.log()).length
  const undone = fixture.write('system', async (db) => {
    await db.empty(Book)
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  expect(await fixture.read('system', (db) => db.count(Book, { withDeleted: true }))).toBe(2)
  expect(await fixture.storage.compare(fixture.definition.schema)).toEqual([])
  expect(await empty(Loan as never)).toBe(0)
  expect(await fixture.log()).toHaveLength(before)
})

test('only the system empties', async () => {
  await expect(fixture.write(null, (db) => db.empty(Book))).rejects.toMatchObject({ code: 'forbidden' })
})
