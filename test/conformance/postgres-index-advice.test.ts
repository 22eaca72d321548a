import { expect, test } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import { adviseIndexes, createPostgresStorage, type IndexAdvice } from '../../src/storage/index.ts'
import { newDatabase } from './postgres-database.ts'
import { sql, until, write } from './storage-fixture.ts'

const Owner = model('owner', { id: t.serial() })
const Note = model(
  'note',
  { id: t.serial(), title: t.text().unique(), at: t.integer(), owner: t.ref(Owner).nullable() },
  { indexes: [['at'], ['at', 'title'], ['title', 'at']] },
)
const schema = new Schema([Owner, Note])

test('indexes that nothing uses, or that another one covers, are named with what they cost', async () => {
  const { url, drop } = await newDatabase()
  const storage = createPostgresStorage({ url })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await write(storage, async (session) => {
    await session.raw("insert into note (title, at) select 'n' || n, n from generate_series(1, 3000) as n", [])
  })
  await storage.read({ deadline: 50_000 }, async (session) => {
    const byKey = sql('select title from note where id = $1')
    for (let id = 1; id <= 1100; id++) await session.first(byKey, [id])
  })
  // What a connection counts, it tells the server when it ends at the latest.
  await storage.close()
  let advice: IndexAdvice | undefined
  await until(async () => {
    advice = await adviseIndexes({ engine: 'postgres', url }, schema)
    return advice.unused.length > 0
  })
  expect(advice).toMatchObject({ since: expect.stringMatching(/^\d{4}-/), statements: null, missing: [] })
  expect(advice!.runs).toBeGreaterThanOrEqual(1100)
  expect(advice!.duplicate).toMatchObject([{ index: 'note-at-index', coveredBy: 'note-at-title-index' }])
  // One that is unique holds more than an order, and one on a reference is needed when its row goes.
  expect(advice!.unused.map(({ index }) => index).sort()).toEqual(['note-at-title-index', 'note-title-at-index'])
  for (const { bytes, writesPerDay } of advice!.unused) {
    expect(bytes).toBeGreaterThan(8192)
    expect(writesPerDay).toBeGreaterThanOrEqual(3000)
  }
  await drop()
})
