import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWebhooks, pruneReceived, receiveOnce } from '../../src/effects/index.ts'
import { createLogger } from '../../src/observe/index.ts'
import {
  openReceiver,
  openWebhooks,
  Paid,
  type Receiver,
  Sent,
  type WebhookFixture,
  type WebhookProcess,
} from './webhook-fixture.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

let fixture: WebhookFixture
let receiver: Receiver
let process: WebhookProcess

beforeEach(async () => {
  fixture = await openWebhooks()
  receiver = await openReceiver()
  process = await fixture.run()
})

afterEach(async () => {
  await fixture.close()
  await receiver.close()
})

async function move(milliseconds: number) {
  fixture.clock.now += milliseconds
  await process.settle()
}

test('an event goes to an endpoint once it is on disk, signed, and is in the log of deliveries', async () => {
  const { secret, id } = await fixture.control.add({ url: receiver.url, description: 'Accounts' })
  const checked = await openReceiver(
    () => secret,
    () => fixture.clock.now,
  )
  await fixture.control.update(id, { url: checked.url })
  await fixture.pay(1, 2, 3)
  await process.settle()
  expect(checked.taken).toEqual([1, 2, 3])
  expect(JSON.parse(checked.all[0]!.body)).toEqual({
    type: 'order.paid',
    timestamp: new Date(fixture.clock.now).toISOString(),
    data: { order: 1 },
  })
  const [newest, ...others] = await fixture.control.deliveries(id)
  expect(newest).toMatchObject({
    id: `${id}:3`,
    state: 'delivered',
    attempts: 1,
    status: 204,
    error: null,
    response: null,
  })
  expect(newest!.message).toBe(checked.all[2]!.id)
  expect(others).toHaveLength(2)
  const shown = await fixture.control.get(id)
  expect(shown).toMatchObject({ state: 'active', waiting: 0, failingSince: null, description: 'Accounts' })
  expect(JSON.stringify([shown, await fixture.control.list()])).not.toContain(secret)
  await checked.close()
})

test('what was undone is not sent, and neither is what happened before there was an endpoint', async () => {
  await fixture.pay(1)
  await process.settle()
  await fixture.control.add({ url: receiver.url })
  const undone = fixture.transaction(async (_, { emit }) => {
    void emit(Paid, { order: 2 })
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  await fixture.pay(3)
  await process.settle()
  expect(receiver.taken).toEqual([3])
})

test('an endpoint has the events that it asks for, and those of its owner', async () => {
  const mine = await openWebhooks({ owner: ({ data }) => data.shop ?? null })
  const others = await Promise.all([openReceiver(), openReceiver(), openReceiver()])
  const [all, ann, sent] = others as [Receiver, Receiver, Receiver]
  await mine.control.add({ url: all.url })
  await mine.control.add({ url: ann.url, owner: 'ann' })
  await mine.control.add({ url: sent.url, events: ['order.sent'] })
  const running = await mine.run()
  await mine.transaction(async (_, { emit }) => {
    void emit(Paid, { order: 1, shop: 'ann' })
    void emit(Paid, { order: 2, shop: 'bob' })
    void emit(Sent, { order: 3 })
  })
  await running.settle()
  expect([all.taken, ann.taken, sent.taken]).toEqual([[1, 2, 3], [1], [3]])
  expect((await mine.control.list({ owner: 'ann' })).map(({ url }) => url)).toEqual([ann.url])
  await mine.close()
  for (const one of others) await one.close()
})

test('a failing delivery holds back its endpoint and no other, and all of it comes in order later', async () => {
  const other = await openReceiver()
  const { id } = await fixture.control.add({ url: receiver.url })
  await fixture.control.add({ url: other.url })
  receiver.answer = () => 500
  receiver.text = 'out of order'
  await fixture.pay(1, 2, 3)
  await process.settle()
  expect(other.taken).toEqual([1, 2, 3])
  expect(receiver.all).toHaveLength(1)
  const started = new Date(fixture.clock.now)
  expect(await fixture.control.get(id)).toMatchObject({ waiting: 3, failingSince: started, state: 'active' })
  expect((await fixture.control.deliveries(id)).at(-1)).toMatchObject({
    state: 'waiting',
    attempts: 1,
    status: 500,
    error: 'It answered with 500.',
    response: 'out of order',
  })
  // 5 s, 10 s, 20 s: not before, and not later.
  await move(4999)
  expect(receiver.all).toHaveLength(1)
  await move(1)
  expect(receiver.all).toHaveLength(2)
  await move(9999)
  expect(receiver.all).toHaveLength(2)
  await move(1)
  expect(receiver.all).toHaveLength(3)
  receiver.answer = () => 204
  await move(20_000)
  expect(receiver.taken).toEqual([1, 2, 3])
  expect(new Set(receiver.all.slice(0, 4).map(({ id }) => id)).size).toBe(1)
  expect(await fixture.control.get(id)).toMatchObject({ waiting: 0, failingSince: null, nextAttempt: null })
  await other.close()
})

test('delays grow to an hour, and an endpoint that asks for time has it, up to that hour', async () => {
  await fixture.control.add({ url: receiver.url })
  receiver.answer = () => 503
  await fixture.pay(1)
  await process.settle()
  for (let attempts = 0; attempts < 12; attempts++) await move(hour)
  const before = receiver.all.length
  await move(hour - 1)
  expect(receiver.all).toHaveLength(before)
  await move(1)
  expect(receiver.all).toHaveLength(before + 1)
  const [endpoint] = await fixture.control.list()
  await fixture.control.enable(endpoint!.id)
  receiver.header = { 'retry-after': '7200' }
  await process.settle()
  expect((await fixture.control.get(endpoint!.id)).nextAttempt!.getTime() - fixture.clock.now).toBe(hour)
})

test('redirects, addresses that may not be called and servers that are away are failures with a reason', async () => {
  receiver.answer = () => 302
  receiver.header = { location: receiver.url }
  const { id } = await fixture.control.add({ url: receiver.url })
  await fixture.pay(1)
  await process.settle()
  expect(receiver.all).toHaveLength(1)
  const newest = async () => (await fixture.control.deliveries(id))[0]
  expect(await newest()).toMatchObject({ status: 302, state: 'waiting' })
  await receiver.close()
  await move(minute)
  expect(await newest()).toMatchObject({
    status: null,
    attempts: 2,
    error: expect.stringContaining('could not be reached'),
  })
  await expect(fixture.control.add({ url: 'http://10.0.0.1/' })).rejects.toMatchObject({ code: 'address_refused' })
  await expect(fixture.control.update(id, { url: 'http://[::1]/' })).rejects.toMatchObject({ code: 'address_refused' })
})

describe('an endpoint is disabled', () => {
  test('after five days without success and not before, which the log and its state say', async () => {
    const lines: string[] = []
    await process.stop()
    process = await fixture.run({
      log: await createLogger({ destination: { write: (line: string) => void lines.push(line) } }),
    })
    const { id } = await fixture.control.add({ url: receiver.url })
    receiver.answer = () => 500
    await fixture.pay(1)
    await process.settle()
    fixture.clock.now += 5 * day - 1
    await process.settle()
    expect(await fixture.control.get(id)).toMatchObject({ state: 'active' })
    await move(hour)
    expect(await fixture.control.get(id)).toMatchObject({ state: 'disabled', reason: 'failing', nextAttempt: null })
    expect(lines.join('')).toContain('has failed for too long, and was disabled')
    const seen = receiver.all.length
    await fixture.pay(2)
    await move(day)
    expect(receiver.all).toHaveLength(seen)
    receiver.answer = () => 204
    await fixture.control.enable(id)
    await process.settle()
    expect(receiver.taken).toEqual([1])
    const { since } = await fixture.control.get(id)
    expect(since.getTime()).toBe(fixture.clock.now)
    await fixture.control.replay({ endpoint: id, since: new Date(fixture.clock.now - day) })
    await process.settle()
    expect(receiver.taken).toEqual([1, 2])
  })

  test('at once when it answers that it is gone', async () => {
    const { id } = await fixture.control.add({ url: receiver.url })
    receiver.answer = () => 410
    await fixture.pay(1, 2)
    await process.settle()
    expect(receiver.all).toHaveLength(1)
    expect(await fixture.control.get(id)).toMatchObject({ state: 'disabled', reason: 'gone' })
  })

  test('by whoever asks for it', async () => {
    const { id } = await fixture.control.add({ url: receiver.url })
    await fixture.control.disable(id)
    await fixture.pay(1)
    await process.settle()
    expect(receiver.all).toHaveLength(0)
    expect(await fixture.control.get(id)).toMatchObject({ state: 'disabled', reason: 'asked', waiting: 0 })
  })
})

test('a delivery that is skipped holds nothing back, and the next one goes at once', async () => {
  const { id } = await fixture.control.add({ url: receiver.url })
  receiver.answer = ({ body }) => (body.includes('"order":2') ? 422 : 204)
  await fixture.pay(1, 2, 3, 4)
  await process.settle()
  expect(receiver.taken).toEqual([1])
  expect(await fixture.control.skip(`${id}:2`)).toMatchObject({ state: 'skipped', status: 422 })
  await fixture.control.skip(`${id}:4`)
  await process.settle()
  expect(receiver.taken).toEqual([1, 3])
  expect(await fixture.control.get(id)).toMatchObject({ waiting: 0, failingSince: null })
  await expect(fixture.control.skip(`${id}:9`)).rejects.toMatchObject({ code: 'not_found' })
  await expect(fixture.control.skip('nonsense')).rejects.toMatchObject({ code: 'not_found' })
})

test('what is skipped, and what an endpoint is, counts from the next delivery on', async () => {
  const { id } = await fixture.control.add({ url: receiver.url })
  const moved = await openReceiver()
  receiver.answer = async () => {
    if (receiver.all.length === 1) await fixture.control.skip(`${id}:2`)
    if (receiver.all.length === 2) await fixture.control.update(id, { url: moved.url })
    return 204
  }
  moved.answer = async () => {
    await fixture.control.disable(id)
    return 204
  }
  await fixture.pay(1, 2, 3, 4, 5)
  await process.settle()
  expect(receiver.taken).toEqual([1, 3])
  expect(moved.taken).toEqual([4])
  expect(await fixture.control.delivery(`${id}:2`)).toMatchObject({ state: 'skipped', attempts: 0 })
  await moved.close()
})

test('a clock that is set back holds nothing up for as long', async () => {
  const { id } = await fixture.control.add({ url: receiver.url })
  receiver.answer = () => 500
  await fixture.pay(1)
  await process.settle()
  expect(await fixture.control.get(id)).toMatchObject({ waiting: 1 })
  receiver.answer = () => 204
  await move(-2 * hour)
  expect(receiver.taken).toEqual([1])
})

test('what was sent is sent again with the id of before: one, or all since a time or a position', async () => {
  const { id } = await fixture.control.add({ url: receiver.url, events: ['order.paid'] })
  await fixture.pay(1, 2)
  await process.settle()
  const middle = await fixture.storage.position()
  fixture.clock.now += hour
  await fixture.pay(3)
  await process.settle()
  expect(await fixture.control.replay(`${id}:1`)).toEqual({ count: 1, after: null })
  await process.settle()
  expect(receiver.all.map((got) => got.id).slice(3)).toEqual([receiver.all[0]!.id])

  const late = await openReceiver()
  const { id: second } = await fixture.control.add({ url: late.url })
  expect(await fixture.control.replay({ endpoint: second, after: middle })).toEqual({ count: 1, after: null })
  await process.settle()
  expect(late.taken).toEqual([3])
  expect(await fixture.control.replay({ endpoint: second, since: new Date(0) })).toEqual({ count: 3, after: null })
  await process.settle()
  expect(late.all.map((got) => JSON.parse(got.body).data.order)).toEqual([3, 1, 2, 3])
  expect(late.all[0]!.id).toBe(receiver.all[2]!.id)
  await late.close()
})

test('both secrets sign while one takes the place of the other, and then the new one only', async () => {
  const { secret: old, id } = await fixture.control.add({ url: receiver.url })
  const { secret } = await fixture.control.rotate(id, { overlap: hour })
  expect(secret).toMatch(/^whsec_/)
  expect(secret).not.toBe(old)
  const now = () => fixture.clock.now
  const [withOld, withNew] = await Promise.all([openReceiver(() => old, now), openReceiver(() => secret, now)])
  for (const { url } of [withOld, withNew]) {
    await fixture.control.update(id, { url })
    await fixture.pay(1)
    await process.settle()
  }
  expect([withOld.taken, withNew.taken]).toEqual([[1], [1]])
  fixture.clock.now += hour
  await fixture.control.update(id, { url: receiver.url })
  await fixture.pay(2)
  await process.settle()
  expect(String(receiver.all[0]!.headers['webhook-signature']).split(' ')).toHaveLength(1)
  await withOld.close()
  await withNew.close()
})

test('one endpoint that takes its time holds up no other, and many are sent to side by side', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  receiver.answer = () => promise
  await fixture.control.add({ url: receiver.url })
  const others = await Promise.all(Array.from({ length: 8 }, () => openReceiver()))
  for (const { url } of others) await fixture.control.add({ url })
  await fixture.pay(1, 2)
  await expect.poll(() => others.every(({ taken }) => taken.length === 2)).toBe(true)
  expect(receiver.all).toHaveLength(1)
  resolve(204)
  await process.settle()
  expect(receiver.taken).toEqual([1, 2])
  for (const other of others) await other.close()
})

test('a process sends to as many endpoints at once as it may, and not to one more', async () => {
  const few = await openWebhooks({ concurrency: 2 })
  const gate = Promise.withResolvers<number>()
  receiver.answer = () => gate.promise
  for (let made = 0; made < 3; made++) await few.control.add({ url: receiver.url })
  const running = await few.run()
  await few.pay(1)
  await expect.poll(() => receiver.all.length).toBe(2)
  await running.runner.wake()
  expect(receiver.all).toHaveLength(2)
  gate.resolve(204)
  await running.settle()
  expect(receiver.all).toHaveLength(3)
  await few.close()
})

test('one process at a time sends to an endpoint; when it is gone another goes on after its lease', async () => {
  await fixture.control.add({ url: receiver.url })
  const gate = Promise.withResolvers<number>()
  receiver.answer = () => gate.promise
  await fixture.pay(1, 2)
  await expect.poll(() => receiver.all.length).toBe(1)
  const other = await fixture.run()
  await other.runner.wake()
  expect(receiver.all).toHaveLength(1)
  // The first one is taken for dead: what it has sent is sent again, and what it writes later is nothing.
  fixture.clock.now += 36_000
  receiver.answer = () => 204
  await other.runner.wake()
  await expect.poll(() => receiver.taken.length).toBe(2)
  gate.resolve(204)
  await other.settle()
  await process.settle()
  expect(receiver.taken).toEqual([1, 2])
  const [endpoint] = await fixture.control.list()
  expect((await fixture.control.deliveries(endpoint!.id)).map(({ attempts }) => attempts)).toEqual([1, 1])
})

test('a process that stops gives its lanes back at once', async () => {
  await fixture.control.add({ url: receiver.url })
  receiver.answer = () => new Promise(() => {})
  await fixture.pay(1)
  await expect.poll(() => receiver.all.length).toBe(1)
  await process.stop()
  receiver.answer = () => 204
  process = await fixture.run()
  await process.settle()
  expect(receiver.taken).toEqual([1])
})

test('endpoints are managed in the transaction of a handler, and are gone with it', async () => {
  const add = (db: unknown) => fixture.webhooks.in(db).add({ url: receiver.url, owner: 'ann' })
  const undone = fixture.transaction(async (db) => {
    await add(db)
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  expect(await fixture.control.list()).toEqual([])
  const { id } = await fixture.transaction(add)
  expect(await fixture.control.get(id)).toMatchObject({ owner: 'ann' })
  await fixture.control.remove(id)
  await expect(fixture.control.get(id)).rejects.toMatchObject({ code: 'not_found' })
})

test('old deliveries and messages are forgotten, and not before their time', async () => {
  const { id } = await fixture.control.add({ url: receiver.url })
  await fixture.pay(1)
  await process.settle()
  await move(30 * day)
  expect(await fixture.control.deliveries(id)).toHaveLength(1)
  await move(minute + 1)
  expect(await fixture.control.deliveries(id)).toHaveLength(0)
  expect(await fixture.control.replay({ endpoint: id, since: new Date(0) })).toEqual({ count: 0, after: null })
})

test('what is wrong in an endpoint is said', async () => {
  const { add } = fixture.control
  const wrong: [object, string][] = [
    [{ url: 'nonsense' }, 'address_refused'],
    [{ url: receiver.url, events: ['order.lost'] }, 'validation_failed'],
    [{ url: receiver.url, events: [] }, 'validation_failed'],
    [{ url: receiver.url, description: 'x'.repeat(501) }, 'validation_failed'],
    [{ url: receiver.url, secret: 'short' }, 'definition_invalid'],
    [{ url: receiver.url, event: 'x' }, 'definition_invalid'],
  ]
  for (const [endpoint, code] of wrong) await expect(add(endpoint as never), code).rejects.toMatchObject({ code })
  await add({ url: receiver.url, description: 'x'.repeat(500) })
})

test('what webhooks are defined with has bounds', () => {
  const day = 86_400_000
  const define = (options: object) => () => createWebhooks({}, { events: [Paid], ...options })
  expect(define({ retry: { delay: 1, longest: day }, timeout: day })).not.toThrow()
  for (const wrong of [
    { retry: { delay: 0 } },
    { retry: { longest: day + 1 } },
    { retry: { every: 1 } },
    { timeout: day + 1 },
    { timeout: 0 },
    { concurrency: 1.5 },
  ])
    expect(define(wrong), JSON.stringify(wrong)).toThrow()
})

test('a message that was received is forgotten after its time, however many there are', async () => {
  const receive = (id: string, keep?: number) =>
    fixture.transaction((db) => receiveOnce(db, { from: 'them', id, ...(keep !== undefined && { keep }) }))
  const tenYears = 10 * 366 * day
  expect(await receive('a', tenYears)).toBe(true)
  expect(await receive('b', 1)).toBe(true)
  for (const keep of [0, -1, 1.5, Number.NaN, tenYears + 1])
    await expect(receive('c', keep), String(keep)).rejects.toMatchObject({ code: 'definition_invalid' })
  fixture.clock.now += 1
  expect([await receive('a'), await receive('b')]).toEqual([false, true])
  await fixture.transaction(async (db) => {
    for (let n = 0; n < 1001; n++) await receiveOnce(db, { from: 'them', id: `${n}`, keep: 1 })
  })
  expect(await pruneReceived(fixture.storage, fixture.clock.now + 1)).toBe(1001)
  expect(await pruneReceived(fixture.storage, fixture.clock.now + 1)).toBe(0)
})
