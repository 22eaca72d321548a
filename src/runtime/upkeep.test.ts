import { expect, test, vi } from 'vitest'
import { open, openUnits } from '../../test/conformance/unit-fixture.ts'
import { type Db, Idempotency } from '../commit/index.ts'
import { silentLogger } from '../observe/index.ts'
import { model, t } from '../schema/index.ts'
import { createUpkeep } from './upkeep.ts'

const Note = model('note', { id: t.serial(), deletedAt: t.deletedAt({ purgeAfter: '30d' }) })
const models = { Note }

test('while the app runs, what was deleted long enough ago goes for good, and the log says so', async () => {
  const fixture = await openUnits<Db<typeof models, never>>(open(models))
  const { storage, queries, definition } = fixture
  let now = Date.now()
  const info = vi.fn()
  const upkeep = createUpkeep({
    storage,
    queries,
    schema: definition.schema,
    now: () => now,
    idempotency: new Idempotency(storage, queries),
    log: { ...silentLogger, info },
    every: 5,
  })
  const count = () => fixture.read('system', (db) => db.count(Note, { withDeleted: true }))
  await fixture.write('system', async (db) => {
    await db.insert(Note, [{}, {}])
    await db.delete(Note, 1)
  })
  await upkeep.start()
  expect(await count()).toBe(2)
  now += 31 * 24 * 60 * 60 * 1000
  await vi.waitFor(async () => expect(await count()).toBe(1), 45_000)
  await upkeep.stop()
  expect(info.mock.calls).toEqual([['upkeep: deleted rows were purged', { purged: { note: 1 } }]])
  await fixture.close()
})
