import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { model, parseFilter, Schema, t } from '../../schema/index.ts'
import { Queries } from '../sql/queries.ts'
import { smallTable } from './sqlite-plan.ts'
import { keepCounts, StatementCounts } from './sqlite-statement-counts.ts'
import { createSqliteStorage } from './sqlite-storage.ts'

const Note = model('note', { id: t.serial(), title: t.text() })
const schema = new Schema([Note])
let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'monobloc-counts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const file = () => path.join(folder, 'data.db')

function kept(): Record<string, number> {
  const db = new DatabaseSync(file(), { readOnly: true })
  const rows = db.prepare('select sql, runs from monobloc_statement order by sql').all()
  db.close()
  return Object.fromEntries(rows.map(({ sql, runs }) => [sql, runs as number]))
}

async function run(rows: number, work: (queries: Queries) => (session: any) => unknown, write = false): Promise<void> {
  const storage = createSqliteStorage({ file: file() })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await storage.write({ deadline: 20_000 }, (session) =>
    session.raw(
      `with recursive c (n) as (select 1 union all select n + 1 from c limit ${rows}) insert into note (title) select 'x' || n from c where ${rows} > 0`,
      [],
    ),
  )
  const queries = new Queries(storage.dialect, schema)
  for (let n = 0; n < 3; n++) {
    if (write) await storage.write({ deadline: 20_000 }, work(queries) as never)
    else await storage.read({ deadline: 20_000 }, work(queries) as never)
  }
  await storage.close()
}

const byTitle = { where: parseFilter(schema, Note, { title: 'x1' }) }

test('what ran is counted by its shape, in process and in a reader process, over several starts', async () => {
  await run(10, (queries) => (session) => queries.find(session, Note, byTitle))
  const [sql, ...others] = Object.keys(kept())
  expect([sql, others]).toEqual([expect.stringMatching(/^select .* from "note".* where .*"title" = \? order by/), []])
  await run(smallTable, (queries) => (session) => queries.find(session, Note, byTitle))
  expect(kept()).toEqual({ [sql!]: 6 })
})

test('what a write asks is counted too', async () => {
  await run(10, (queries) => (session) => queries.updateMany(session, Note, byTitle.where, { title: 'y' }), true)
  expect(Object.entries(kept())).toEqual([[expect.stringMatching(/^update "note"/), 3]])
})

test('a row by its key is not, and SQL that users wrote is not', async () => {
  await run(10, (queries) => (session) => queries.get(session, Note, 1))
  await run(10, () => (session) => session.raw('select * from note where title = ?', ['secret']), true)
  expect(kept()).toEqual({})
})

test('so many shapes are told apart, and what is taken is not taken again', () => {
  const counts = new StatementCounts()
  for (let n = 0; n < 501; n++) counts.of({ sql: `select ${n}` }).runs++
  const taken = counts.take()
  expect([taken.length, taken.at(-1)]).toEqual([500, ['select 499', 1]])
  expect(counts.take()).toEqual([])
})

test('a shape that does not run any more is forgotten, and so are the oldest of too many', async () => {
  await run(0, () => () => undefined)
  const db = new DatabaseSync(file())
  const days = 24 * 60 * 60 * 1000
  keepCounts(db, [['select old', 1]], 0)
  keepCounts(db, [['select new', 2]], 30 * days)
  expect(db.prepare('select sql from monobloc_statement order by sql').all()).toHaveLength(2)
  keepCounts(db, [['select new', 2]], 30 * days + 1)
  expect(db.prepare('select sql, runs, first, last from monobloc_statement').all()).toEqual([
    { sql: 'select new', runs: 4, first: 30 * days, last: 30 * days + 1 },
  ])
  const many = Array.from({ length: 1000 }, (_, n): [string, number] => [`select ${n}`, 1])
  db.exec('begin')
  keepCounts(db, many, 31 * days)
  db.exec('commit')
  expect(db.prepare('select count(*) as n from monobloc_statement').get()!.n).toBe(1000)
  expect(db.prepare("select 1 from monobloc_statement where sql = 'select new'").get()).toBeUndefined()
  db.close()
})
