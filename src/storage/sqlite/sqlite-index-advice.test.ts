import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { model, parseFilter, Schema, t } from '../../schema/index.ts'
import { Queries } from '../sql/queries.ts'
import { type IndexAdvice, indexAdvice } from './sqlite-index-advice.ts'
import { keepCounts } from './sqlite-statement-counts.ts'
import { createSqliteStorage } from './sqlite-storage.ts'

const Shop = model('shop', { id: t.serial(), city: t.text() })
const Sale = model(
  'sale',
  {
    id: t.serial(),
    shop: t.ref(Shop),
    state: t.text(),
    day: t.integer(),
    total: t.integer(),
    note: t.text(),
    deletedAt: t.deletedAt(),
  },
  { indexes: [['shop'], ['shop', 'day'], ['total'], ['note', 'day'], ['day']] },
)
const schema = new Schema([Shop, Sale])
const rows = 6_000

let folder: string
let file: string
let advice: IndexAdvice

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-advice-'))
  file = path.join(folder, 'data.db')
  const storage = createSqliteStorage({ file })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await storage.write({ deadline: 20_000 }, (session) => {
    session.raw("insert into shop (city) values ('Oslo'), ('Rome')", [])
    session.raw(
      `with recursive c (n) as (select 1 union all select n + 1 from c limit ${rows})
       insert into sale (shop, state, day, total, note) select 1 + n % 2, 's' || n % 60, n % 300, n, 'note' from c`,
      [],
    )
  })
  const queries = new Queries(storage.dialect, schema)
  const ask = (model: any, filter: object, query = {}) =>
    storage.read({ deadline: 20_000 }, (session) =>
      queries.find(session, model, { where: parseFilter(schema, model, filter), ...query }),
    )
  for (let n = 0; n < 3; n++) {
    await ask(Sale, { state: 's1' }, { sort: 'day', limit: 20 })
    await ask(Sale, { shop: 1, day: { gte: 290 } })
    await ask(Sale, { day: 5 }, { limit: 20 })
    await ask(Sale, { note: { contains: 'x' } }, { limit: 20 })
    await ask(Shop, { city: 'Oslo' })
  }
  await storage.write({ deadline: 20_000 }, (session) => queries.update(session, Sale, 1, { total: 7 }))
  await storage.close()
  advice = indexAdvice(file, schema)
})

afterAll(() => rmSync(folder, { recursive: true }))

test('says what ran, and since when', () => {
  expect(advice).toMatchObject({ statements: 5, runs: 15, since: expect.stringMatching(/^2\d{3}-/) })
})

test('a missing index: what to write, what it spares and what it costs', () => {
  expect(advice.missing).toHaveLength(1)
  const [{ statements, ...missing }] = advice.missing as [IndexAdvice['missing'][number]]
  expect(missing).toMatchObject({
    table: 'sale',
    fields: ['state', 'day'],
    declare: "model('sale', …, { indexes: [['state', 'day']] })",
  })
  expect(statements).toEqual([
    {
      sql: expect.stringContaining('"state" = ?'),
      runs: 3,
      rowsNow: rows,
      rowsThen: expect.toSatisfy((n) => n <= 100),
    },
  ])
  expect(missing.rowsSaved).toBeGreaterThan(3 * (rows - 101))
  expect(missing.bytes).toBeGreaterThan(rows * 8)
  // Every insert of the first hour would have written it.
  expect(missing.writesPerDay).toBe(rows * 24)
})

test('an index that another covers, with what it costs, and what an update of another column does not', () => {
  expect(advice.duplicate).toEqual([
    {
      table: 'sale',
      index: 'sale-shop-index',
      fields: ['shop'],
      coveredBy: 'sale-shop-day-index',
      bytes: expect.toSatisfy((bytes) => bytes > 4096),
      writesPerDay: rows * 24,
    },
  ])
})

test('a table without an index that would plainly help', () => {
  expect(advice.scans).toEqual([{ table: 'sale', rows, runs: 3, sql: expect.stringContaining('instr') }])
})

test('an unused index is called so when enough was asked of its table, and not before', () => {
  expect(advice.unused).toEqual([])
  const db = new DatabaseSync(file)
  const { sql } = db.prepare("select sql from monobloc_statement where sql like '%state%'").get() as { sql: string }
  keepCounts(db, [[sql, 984]], Date.now())
  expect(indexAdvice(file, schema).unused).toEqual([])
  keepCounts(db, [[sql, 4]], Date.now())
  db.close()
  // `day` is used; `shop` is another's duplicate; the index of deleted rows is needed.
  expect(indexAdvice(file, schema).unused.map(({ index, writesPerDay }) => [index, writesPerDay])).toEqual([
    ['sale-note-day-index', rows * 24],
    ['sale-total-index', rows * 24 + 24],
  ])
})

describe('is quiet', () => {
  test('about small tables', () => {
    const texts = JSON.stringify(advice)
    expect(texts).not.toContain('"shop","')
    expect(texts).not.toContain('city')
  })

  test('about a database in which nothing was counted, also of an earlier version', async () => {
    const db = new DatabaseSync(file)
    db.exec('drop table monobloc_statement')
    db.close()
    const { since, missing, unused, scans } = indexAdvice(file, schema)
    expect({ since, missing, unused, scans }).toEqual({ since: null, missing: [], unused: [], scans: [] })
  })
})
