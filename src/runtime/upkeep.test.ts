import { expect, test, vi } from 'vitest'
import { open, openUnits } from '../../test/conformance/unit-fixture.ts'
import { type Db, Idempotency } from '../commit/index.ts'
import { silentLogger } from '../observe/index.ts'
import { model, t } from '../schema/index.ts'
import { createUpkeep, type UpkeepOptions } from './upkeep.ts'

const Note = model('note', { id: t.serial(), deletedAt: t.deletedAt({ purgeAfter: '30d' }) })
const models = { Note }

async function opened(options: Partial<UpkeepOptions> = {}) {
  const fixture = await openUnits<Db<typeof models, never>>(open(models))
  const { storage, queries, definition } = fixture
  const clock = { now: Date.now() }
  const info = vi.fn()
  const upkeep = createUpkeep({
    storage,
    queries,
    schema: definition.schema,
    now: () => clock.now,
    idempotency: new Idempotency(storage, queries),
    log: { ...silentLogger, info },
    every: 5,
    ...options,
  })
  const count = () => fixture.read('system', (db) => db.count(Note, { withDeleted: true }))
  await fixture.write('system', async (db) => {
    await db.insert(Note, [{}, {}])
    await db.delete(Note, 1)
  })
  return { fixture, clock, info, upkeep, count }
}

const month = 31 * 24 * 60 * 60 * 1000

test('while the app runs, what was deleted long enough ago goes for good, and the log says so', async () => {
  const { fixture, clock, info, upkeep, count } = await opened()
  await upkeep.start()
  expect(await count()).toBe(2)
  clock.now += month
  await vi.waitFor(async () => expect(await count()).toBe(1), 45_000)
  await upkeep.stop()
  expect(info.mock.calls).toEqual([['upkeep: deleted rows were purged', { purged: { note: 1 } }]])
  await fixture.close()
})

test('a stop waits for the part that is under way, and for no other', async () => {
  const gate = Promise.withResolvers<undefined>()
  const neededAfter = vi.fn(() => gate.promise)
  const { fixture, clock, upkeep, count } = await opened({ neededAfter })
  clock.now += month
  await upkeep.start()
  await vi.waitFor(() => expect(neededAfter).toHaveBeenCalled(), 45_000)
  const stopped = upkeep.stop()
  setImmediate(() => gate.resolve(undefined))
  await stopped
  expect(await count()).toBe(2)
  await fixture.close()
})
