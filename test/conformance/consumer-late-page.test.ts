import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Storage } from '../../src/storage/index.ts'
import { type ConsumerFixture, noting, openConsumers, untilIdle } from './consumer-fixture.ts'

let fixture: ConsumerFixture

beforeEach(async () => {
  fixture = await openConsumers()
})
afterEach(() => fixture.close())

/** The same database, where a look into the log that finds something is answered when it is let go. */
function slowly(storage: Storage, gate: Promise<void>): { storage: Storage; held(): number } {
  let held = 0
  const tail: Storage['tail'] = async (after, limit) => {
    const page = await storage.tail(after, limit)
    if (page.length === 0) return page
    held++
    await gate
    return page
  }
  const slow = new Proxy(storage, {
    get(target, name) {
      if (name === 'tail') return tail
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { storage: slow, held: () => held }
}

test('what was read of the log before another took over is not done again', async () => {
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
  const slow = slowly(fixture.storage, gate)
  const first = fixture.host([noting('a')], { storage: slow.storage })
  await first.start()
  await fixture.write(1)
  void first.wake()
  await vi.waitFor(() => expect(slow.held()).toBeGreaterThan(0), 45_000)
  fixture.clock.now += 60_000
  const second = fixture.host([noting('a')])
  await second.start()
  await second.wake()
  await untilIdle(second)
  expect(await fixture.effects()).toEqual([1])
  // It hears that it is another's, and where that one stands.
  await first.look()
  letGo()
  await first.wake()
  await fixture.write(2)
  await second.wake()
  await untilIdle(first, second)
  expect(await fixture.effects()).toEqual([1, 2])
})
