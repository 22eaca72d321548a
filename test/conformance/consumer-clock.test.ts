import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type ConsumerFixture, noting, openConsumers, untilIdle } from './consumer-fixture.ts'

let fixture: ConsumerFixture
const hour = 60 * 60_000

beforeEach(async () => {
  fixture = await openConsumers()
})
afterEach(() => fixture.close())

test('a lease of a clock that was set back since keeps nobody away', async () => {
  const first = fixture.host([noting('a')])
  await first.start()
  await fixture.write(1)
  await first.wake()
  await untilIdle(first)
  const { name, fence } = await fixture.row('a')
  await first.stop()
  // As if it had been killed.
  const lease = fixture.clock.now + 10_000
  const sql = `update monobloc_consumer set owner = 'gone', lease = ${lease} where name = '${name}'`
  await fixture.storage.write({ deadline: 10_000 }, async (session) => session.run({ sql, reach: 'bounded' }, []))
  const second = fixture.host([noting('a')])
  await second.start()
  expect(await fixture.row('a')).toMatchObject({ owner: 'gone', fence })
  fixture.clock.now -= hour
  await fixture.write(2)
  await second.wake()
  await untilIdle(second)
  expect(await fixture.effects()).toEqual([1, 2])
})

test('who has a lease when the clock is set back has it by that clock from then on', async () => {
  const host = fixture.host([noting('a')])
  await host.start()
  fixture.clock.now -= hour
  await host.look()
  expect((await fixture.row('a')).lease).toBe(fixture.clock.now + 10_000)
})

test('what has failed is tried again although the clock was set back since', async () => {
  let fails = true
  const { handle } = noting('a')
  const host = fixture.host([
    noting('a', {
      handle(work) {
        if (fails) throw new Error('not today')
        return handle(work)
      },
    }),
  ])
  await host.start()
  await fixture.write(1)
  await vi.waitFor(async () => expect((await fixture.row('a')).attempts).toBe(1), 45_000)
  fails = false
  fixture.clock.now -= hour
  await host.wake()
  await untilIdle(host)
  expect(await fixture.effects()).toEqual([1])
})
