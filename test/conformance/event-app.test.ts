import { backend, define, event, model, t } from 'monobloc'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { testBackend } from '../../src/testing/index.ts'

const Order = model('order', { id: t.serial(), item: t.text() })
const Stock = model('stock', { id: t.serial(), item: t.text(), left: t.integer() })
const Mail = model('mail', { id: t.serial(), text: t.text() })
const { endpoint, job, on, policy } = define({ models: { Order, Stock, Mail } })
policy(Order, { anyone: { create: true, read: true } })

const Placed = event('order.placed', { schema: z.object({ item: z.string(), at: z.coerce.date() }) })
const SoldOut = event('stock.out', { schema: z.object({ item: z.string() }) })

const place = endpoint('POST /orders', {
  body: z.object({ item: z.string() }),
  async handle({ body, db, emit }) {
    const order = await db.insert(Order, body)
    emit(Placed, { item: order.item, at: '2026-11-23T10:00:00Z' })
    return order
  },
})
const send = job('send', {
  input: z.object({ text: z.string() }),
  handle: ({ input, db }) => db.insert(Mail, input),
})
const reserve = on(Placed, {
  name: 'reserve',
  within: true,
  async handle({ data, db, emit }) {
    const stock = await db.first(Stock, { where: { item: data.item } })
    if (!stock || stock.left === 0) throw new Error(`no ${data.item} left`)
    await db.update(Stock, stock.id, { left: stock.left - 1 })
    if (stock.left === 1) await emit(SoldOut, { item: data.item })
  },
})
const confirm = on(Placed, {
  name: 'confirm',
  handle({ data, enqueue }) {
    enqueue(send, { text: `${data.item} on ${data.at.getUTCFullYear()}` })
  },
})
const warn = on(SoldOut, {
  name: 'warn',
  key: ({ item }) => item,
  handle: ({ data, db }) => db.insert(Mail, { text: `no ${data.item}` }),
})
const app = backend({ serve: [place, send, reserve, confirm, warn] })

test('events of a request lead to what follows, once, and the log says what came of what', async () => {
  await using it = await testBackend(app)
  await it.db.insert(Stock, { item: 'bread', left: 1 })
  expect(await it.post('/orders', { item: 'bread' })).toMatchObject({ status: 200 })
  await it.settled()
  const mails = await it.db.find(Mail, { sort: 'text' })
  expect(mails.map(({ text }) => text)).toEqual(['bread on 2026', 'no bread'])
  expect(await it.emitted()).toMatchObject([
    { name: 'order.placed', version: 1, data: { item: 'bread', at: '2026-11-23T10:00:00Z' } },
    { name: 'stock.out', data: { item: 'bread' } },
  ])
  const [placed] = await it.emitted(Placed)
  expect(placed!.data.at).toEqual(new Date('2026-11-23T10:00:00Z'))
  expect((await it.written()).map(({ table }) => table)).toEqual(['stock', 'order', 'stock', 'mail', 'mail'])
})

test('an app with nothing but a subscriber settles', async () => {
  const quiet = on(Placed, { name: 'quiet', handle: ({ data, db }) => db.insert(Mail, { text: data.item }) })
  await using it = await testBackend(backend({ serve: [quiet] }))
  await it.transaction(async (_db, { emit }) => emit(Placed, { item: 'bread', at: '2026-11-23T10:00:00Z' }))
  await it.settled()
  expect(await it.db.count(Mail)).toBe(1)
})

test('what a listener within the transaction refuses is undone with the request', async () => {
  await using it = await testBackend(app)
  expect(await it.post('/orders', { item: 'cake' })).toMatchObject({ status: 500 })
  await it.settled()
  expect([await it.written(), await it.emitted()]).toEqual([[], []])
})
