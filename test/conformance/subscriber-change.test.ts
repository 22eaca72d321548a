import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { Units } from '../../src/commit/index.ts'
import { consumersOf, effectRecords } from '../../src/effects/index.ts'
import { MonoblocError } from '../../src/errors.ts'
import { silentLogger } from '../../src/observe/index.ts'
import type { Session, Storage } from '../../src/storage/index.ts'
import { Effect, Note, untilIdle } from './consumer-fixture.ts'
import { Made, notingEvents, on, openSubscribers, type SubscriberFixture } from './subscriber-fixture.ts'

let fixture: SubscriberFixture

beforeEach(async () => {
  fixture = await openSubscribers()
})
afterEach(() => fixture.close())

test('what waited by key is handled first, and once, when the subscriber has no key any more', async () => {
  let fails = true
  const options = {
    name: 'a',
    async handle({ data, db }: any) {
      if (fails && data.number === 1) throw new Error('not today')
      await db.insert(Effect, { number: data.number, by: 'a' })
    },
  }
  const before = await fixture.run([on(Made, { ...options, key: ({ of }) => of })])
  await fixture.emit({ number: 1, of: 'ann' }, { number: 2, of: 'ann' }, { number: 3, of: 'bob' })
  await before.settle()
  expect(await fixture.effects()).toEqual([3])
  await before.host.stop()
  await fixture.emit({ number: 4, of: 'bob' })
  const after = await fixture.run([on(Made, options)])
  await after.settle()
  // As ever, one that fails holds up those behind it.
  expect(await fixture.effects()).toEqual([3])
  expect(await after.control.get('a')).toMatchObject({ state: 'failing', pending: 2 })
  fails = false
  fixture.clock.now += 10 * 60_000
  await after.settle()
  expect(await fixture.effects()).toEqual([3, 1, 2, 4])
})

test('events are handled although nobody heard that they were taken out of the log', async () => {
  const { storage, queries } = fixture
  let isUnheard = false
  const unheard: Storage['write'] = async (options, work) => {
    if (!isUnheard || !options.cause?.startsWith('subscriber:')) return storage.write(options, work)
    isUnheard = false
    await storage.write(options, (session) => work(withoutCommit(session)))
    throw new MonoblocError('commit_unknown')
  }
  const { schema, hooks, policies } = new Definition({ Note, Effect }, undefined, effectRecords)
  const units = new Units({
    storage: { dialect: storage.dialect, write: unheard } as Storage,
    queries,
    schema,
    hooks,
    guardFor: (user) => policies.guard(schema, user),
  })
  const lanes = { storage, units, now: () => fixture.clock.now, log: silentLogger }
  const host = fixture.host(consumersOf([notingEvents('a', { key: () => 'one' })], lanes), { units, every: 20 })
  await host.start()
  await untilIdle(host)
  isUnheard = true
  await fixture.emit({ number: 1 })
  await vi.waitFor(() => expect(isUnheard).toBe(false), 45_000)
  await vi.waitFor(async () => {
    // Of the time until it tries again only this clock knows.
    fixture.clock.now += 1_000
    expect(await fixture.effects()).toEqual([1])
  }, 45_000)
})

test.each([{}, { key: () => 'one' }])(
  'what is prepared is given as it is, also where it is nothing (%j)',
  async (more) => {
    const given: unknown[] = []
    const values = [0, '', false, null]
    const subscriber = on(Made, {
      name: 'a',
      prepare: ({ data }: any) => values[data.number],
      handle: ({ prepared }: any) => given.push(prepared),
      ...more,
    })
    const { settle } = await fixture.run([subscriber])
    await fixture.emit(...values.map((_, number) => ({ number })))
    await settle()
    expect(given).toEqual(values)
  },
)

/** Nobody is told of the commit. */
function withoutCommit(session: Session): Session {
  return new Proxy(session, {
    get(target, name) {
      if (name === 'onCommit') return () => {}
      const value = target[name as keyof Session]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
