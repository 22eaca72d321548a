import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Idempotency, IdempotencyRecord, type IdempotentRequest, type StoredAnswer } from '../../src/commit/index.ts'
import { openUnits, Tag, type UnitFixture } from './unit-fixture.ts'

let fixture: UnitFixture<any>
let clock: { now: number }
let idempotency: Idempotency

const lifetime = 1000
const request: IdempotentRequest = { scope: 'ann POST /tags', key: 'k', fingerprint: 'f' }
const answer: StoredAnswer = { status: 201, headers: ['location', '/tags/1'], body: new Uint8Array([0, 255, 10]) }
const code = (expected: string) => expect.objectContaining({ code: expected })

const another = () => new Idempotency(fixture.storage, fixture.queries, { lifetime, wait: 20, now: () => clock.now })

beforeEach(async () => {
  fixture = await openUnits<any>()
  clock = { now: Date.parse('2026-11-22T10:00:00Z') }
  idempotency = another()
})
afterEach(() => fixture.close())

/** What a host does with a request in a transaction. */
async function handle(given: IdempotentRequest, work: (db: any) => Promise<StoredAnswer>, by = idempotency) {
  const leave = await by.enter(given)
  try {
    return await fixture.units.write({ deadline: 10_000 }, 'system', async (db, session) => {
      const stored = await by.recall(session, given)
      if (stored) return { replayed: true, ...stored }
      const made = await work(db)
      await by.remember(session, given, made)
      return { replayed: false, ...made }
    })
  } finally {
    leave()
  }
}

const insertTag = async (db: any) => {
  await db.insert(Tag, { name: `tag ${await db.count(Tag)}` })
  return answer
}
const tags = () => fixture.read('system', (db) => db.count(Tag))
const records = () => fixture.read('system', (db) => db.find(IdempotencyRecord))

describe('in a transaction', () => {
  test('the second request is answered as the first was, to the byte, and does nothing', async () => {
    expect(await handle(request, insertTag)).toEqual({ replayed: false, ...answer })
    expect(await handle(request, insertTag)).toEqual({ replayed: true, ...answer })
    expect(await handle(request, insertTag, another())).toEqual({ replayed: true, ...answer })
    expect(await tags()).toBe(1)
  })

  test('an answer without a body is one too', async () => {
    const empty = { status: 204, headers: [], body: null }
    await handle(request, async () => empty)
    expect(await handle(request, insertTag)).toEqual({ replayed: true, ...empty })
  })

  test('another payload under the same key is refused; another key or scope is another request', async () => {
    await handle(request, insertTag)
    await expect(handle({ ...request, fingerprint: 'g' }, insertTag)).rejects.toEqual(code('idempotency_mismatch'))
    for (const other of [{ key: 'l' }, { key: 'K' }, { scope: 'bob POST /tags' }, { scope: 'ann POST /tags/' }]) {
      expect(await handle({ ...request, ...other }, insertTag)).toMatchObject({ replayed: false })
    }
    expect(await tags()).toBe(5)
  })

  test('a request that failed left nothing, and may be sent again', async () => {
    const failed = new Error('failed')
    const failing = async (db: any) => {
      await insertTag(db)
      throw failed
    }
    await expect(handle(request, failing)).rejects.toBe(failed)
    expect([await tags(), await records()]).toEqual([0, []])
    expect(await handle(request, insertTag)).toMatchObject({ replayed: false })
  })

  test('of 100 at once one is carried out', async () => {
    const patient = new Idempotency(fixture.storage, fixture.queries)
    const all = await Promise.all(Array.from({ length: 100 }, () => handle(request, insertTag, patient)))
    expect(all.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(new Set(all.map(({ body }) => Buffer.from(body!).toString('hex')))).toEqual(new Set(['00ff0a']))
    expect(await tags()).toBe(1)
  })

  test('after its lifetime, and not before, a key is new', async () => {
    await handle(request, insertTag)
    clock.now += lifetime - 1
    expect(await handle(request, insertTag)).toMatchObject({ replayed: true })
    clock.now += 1
    expect(await handle({ ...request, fingerprint: 'g' }, insertTag)).toMatchObject({ replayed: false })
    expect(await records()).toHaveLength(1)
  })

  test('records that have expired are removed', async () => {
    await handle(request, insertTag)
    clock.now += 1
    await handle({ ...request, key: 'l' }, insertTag)
    clock.now += lifetime - 1
    expect(await idempotency.prune()).toBe(1)
    expect(await records()).toMatchObject([{ key: 'l' }])
    expect(await idempotency.prune()).toBe(0)
  })

  test('however many have expired, one transaction removes 1,000 of them', async () => {
    const record = { ...request, state: 'started' as const, owner: 'o' }
    const expired = Array.from({ length: 2001 }, (_, at) => ({
      ...record,
      key: `${at}`,
      expiresAt: new Date(clock.now - at),
    }))
    const fresh = { ...record, expiresAt: new Date(clock.now + 1) }
    await fixture.write('system', (db) => db.insert(IdempotencyRecord, [...expired, fresh]))
    const write = vi.spyOn(fixture.storage, 'write')
    expect(await idempotency.prune()).toBe(2001)
    expect(write).toHaveBeenCalledTimes(3)
    expect(await records()).toMatchObject([{ key: 'k' }])
  })

  test('records are no part of the log, and for nobody to read', async () => {
    await handle(request, insertTag)
    expect((await fixture.log()).flatMap(({ entries }) => entries.map(({ table }) => table))).toEqual(['tag'])
    await expect(fixture.read(null, (db) => db.find(IdempotencyRecord))).rejects.toEqual(code('unauthenticated'))
  })
})

describe('a duplicate of a request that is under way', () => {
  test('waits for it, then is refused', async () => {
    const leave = await idempotency.enter(request)
    await expect(idempotency.enter(request)).rejects.toMatchObject({
      code: 'idempotency_in_flight',
      headers: { 'Retry-After': '1' },
    })
    leave()
    const again = await idempotency.enter(request)
    again()
  })

  test('has waited long enough by the clock, however many came before it', async () => {
    const patient = new Idempotency(fixture.storage, fixture.queries, { wait: 10_000, now: () => clock.now })
    const leave = await patient.enter(request)
    const second = patient.enter(request)
    const third = patient.enter(request)
    clock.now += 10_000
    leave()
    // One of them is let through; the other finds it under way and its time gone.
    const leaveSecond = await second
    await expect(third).rejects.toEqual(code('idempotency_in_flight'))
    leaveSecond()
  })

  test('does not wait for others', async () => {
    const leave = await idempotency.enter(request)
    const other = await idempotency.enter({ ...request, key: 'l' })
    const scoped = await idempotency.enter({ ...request, scope: 'bob POST /tags' })
    leave()
    other()
    scoped()
  })

  test('goes on at once when it ends, whether it succeeded or not', async () => {
    const patient = new Idempotency(fixture.storage, fixture.queries)
    const failing = handle(request, async () => Promise.reject(new Error('failed')), patient)
    const second = handle(request, insertTag, patient)
    await expect(failing).rejects.toThrow('failed')
    expect(await second).toMatchObject({ replayed: false })
  })
})

describe('outside a transaction', () => {
  test('the start is on disk before the work, the answer after it', async () => {
    expect(await idempotency.begin(request)).toBeUndefined()
    expect(await records()).toMatchObject([{ state: 'started', status: null, body: null }])
    await idempotency.finish(request, answer)
    expect(await idempotency.begin(request)).toEqual(answer)
    await expect(idempotency.begin({ ...request, fingerprint: 'g' })).rejects.toEqual(code('idempotency_mismatch'))
  })

  test('a crash leaves the outcome unknown, until the lifetime ends', async () => {
    await idempotency.begin(request)
    const next = another()
    await expect(next.begin(request)).rejects.toEqual(code('outcome_unknown'))
    await expect(idempotency.begin(request)).rejects.toEqual(code('outcome_unknown'))
    await expect(next.begin({ ...request, fingerprint: 'g' })).rejects.toEqual(code('idempotency_mismatch'))
    clock.now += lifetime - 1
    await expect(next.begin(request)).rejects.toEqual(code('outcome_unknown'))
    clock.now += 1
    expect(await next.begin(request)).toBeUndefined()
  })

  test('an unknown outcome can be settled with an answer', async () => {
    await idempotency.begin(request)
    await idempotency.resolve(request.scope, request.key, answer)
    expect(await another().begin(request)).toEqual(answer)
    await expect(idempotency.begin({ ...request, fingerprint: 'g' })).rejects.toEqual(code('idempotency_mismatch'))
  })

  test('or with another try', async () => {
    await idempotency.begin(request)
    await idempotency.resolve(request.scope, request.key, null)
    expect(await another().begin({ ...request, fingerprint: 'g' })).toBeUndefined()
  })

  test('what is settled, or was never begun, has nothing to settle', async () => {
    await expect(idempotency.resolve(request.scope, request.key, null)).rejects.toEqual(code('not_found'))
    await idempotency.begin(request)
    await idempotency.finish(request, answer)
    await expect(idempotency.resolve(request.scope, request.key, null)).rejects.toEqual(code('not_found'))
  })

  test('a request that was refused before it did anything may be sent again', async () => {
    await idempotency.begin(request)
    await idempotency.forget(request)
    expect(await idempotency.begin({ ...request, fingerprint: 'g' })).toBeUndefined()
  })
})
