import { expect, test } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import { createPostgresStorage } from '../../src/storage/index.ts'
import { newDatabase } from './postgres-database.ts'
import { sql, until, write } from './storage-fixture.ts'

const schema = new Schema([model('note', { id: t.serial(), text: t.text(), at: t.integer() }, { indexes: [['at']] })])

test('a statement that reads a whole table is reported in development, once', async () => {
  const { url, drop } = await newDatabase()
  const reports: unknown[] = []
  const storage = createPostgresStorage({ url, onScan: (report) => reports.push(report) })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await write(storage, (session) =>
    session.raw("insert into note (text, at) select 'x' || n, n from generate_series(1, 3000) as n", []),
  )
  const counted = sql("select n_live_tup::float8 as n from pg_stat_user_tables where relname = 'note'")
  const ask = (text: string, value: unknown) =>
    storage.read({ deadline: 50_000 }, (session) => session.all(sql(text, 'plan'), [value as never]))
  // The server hears of rows with the transaction, and tells a moment later.
  await until(
    async () => Number(await storage.read({ deadline: 50_000 }, (session) => session.value(counted, []))) > 2000,
  )
  const byText = 'select id from note where "note"."text" = $1'
  for (let n = 0; n < 3; n++) await ask(byText, 'x1')
  await ask('select id from note where at = $1', 7)
  await ask('select id from note where id = $1', 7)
  await until(() => reports.length > 0)
  // The next is explained after those before it.
  await ask('select id from note where text > $1 order by text', 'x2')
  await until(() => reports.length > 1)
  expect(reports).toMatchObject([
    { table: 'note', sql: byText, suggestion: "model('note', …, { indexes: [['text']] })" },
    { table: 'note' },
  ])
  await storage.close()
  await drop()
})
