import { afterEach, beforeEach, expect, test } from 'vitest'
import { Idempotency } from '../../src/commit/index.ts'
import { followedMillis, neededAfter } from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { createUpkeep } from '../../src/runtime/upkeep.ts'
import { Schema } from '../../src/schema/index.ts'
import { type ConsumerFixture, noting, openConsumers, untilIdle } from './consumer-fixture.ts'

let fixture: ConsumerFixture
const day = 24 * 60 * 60 * 1000

beforeEach(async () => {
  fixture = await openConsumers()
})
afterEach(() => fixture.close())

/** One round of upkeep, which keeps two entries. */
async function tidy(keepNeeded: { maxAge: number; maxEntries: number }) {
  const { storage, queries, clock } = fixture
  const now = () => clock.now
  const done = Promise.withResolvers<void>()
  const upkeep = createUpkeep({
    storage,
    queries,
    schema: new Schema([]),
    now,
    idempotency: new Idempotency(storage, queries, { now }),
    log: { ...silentLogger, warn: (_, fields) => done.reject(fields?.err) },
    every: 1,
    keep: { maxAge: day, maxEntries: 2 },
    keepNeeded,
    async neededAfter() {
      // The round before this one has ended.
      if (++rounds > 1) done.resolve()
      return neededAfter(storage, now())
    },
  })
  let rounds = 0
  await upkeep.start()
  await done.promise.finally(() => upkeep.stop())
}

const oldest = async () => {
  for (let position = 0; ; position++) {
    const found = await fixture.storage.tail(position, 1).catch(() => undefined)
    if (found) return position
  }
}

test('what a consumer still needs stays, up to a limit of its own', async () => {
  const host = fixture.host([noting('a')])
  await host.start()
  await fixture.write(1)
  await untilIdle(host)
  await host.stop()
  for (let number = 2; number <= 10; number++) await fixture.write(number)
  fixture.clock.now += 2 * day
  const { position } = await fixture.row('a')
  expect(await neededAfter(fixture.storage, fixture.clock.now)).toBe(position)
  await tidy({ maxAge: 30 * day, maxEntries: 100 })
  expect(await oldest()).toBe(position)
  await tidy({ maxAge: 30 * day, maxEntries: 5 })
  expect(await oldest()).toBe((await fixture.storage.position()) - 5)
})

test('who has not come for 30 days, or is lost, keeps nothing back', async () => {
  const host = fixture.host([noting('a'), noting('b')])
  await host.start()
  await host.stop()
  fixture.clock.now += followedMillis - 1
  expect(await neededAfter(fixture.storage, fixture.clock.now)).toBe(0)
  fixture.clock.now += 1
  expect(await neededAfter(fixture.storage, fixture.clock.now)).toBe(undefined)
  await fixture.write(1)
  await host.start()
  await untilIdle(host)
  await host.stop()
  expect(await neededAfter(fixture.storage, fixture.clock.now)).toBe((await fixture.row('a')).position)
  const { store } = host
  const row = await fixture.row('a')
  await fixture.storage.write({ deadline: 10_000 }, (session) => store.lose(session, { ...row, position: 0 }, 'gone'))
  await fixture.storage.write({ deadline: 10_000 }, (session) =>
    store.place(session, 'b', { position: 1, sequence: 0 }),
  )
  expect(await neededAfter(fixture.storage, fixture.clock.now)).toBe(1)
})

test('an app without consumers keeps as much as was said', async () => {
  for (let number = 1; number <= 10; number++) await fixture.write(number)
  await tidy({ maxAge: 30 * day, maxEntries: 100 })
  expect(await oldest()).toBe(8)
})
