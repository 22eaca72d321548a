import { define, event, model, t } from 'monobloc'
import type { TestBackend } from 'monobloc/testing'
import { z } from 'zod'

const Order = model('order', { id: t.id(), item: t.text() })
const { endpoint, on } = define({ models: { Order } })
const Placed = event('order.placed', {
  schema: z.object({ item: z.string(), at: z.coerce.date(), count: z.int().default(1) }),
})
const Sent = event('order.sent', { schema: z.object({ parcel: z.int() }) })

on(Placed, {
  name: 'all',
  async prepare({ data, event, db }) {
    data.at satisfies Date
    event.position satisfies number | null
    await db.count(Order)
    return { rate: 2 }
  },
  async handle({ data, event, db, emit, prepared, signal, log }) {
    data.item satisfies string
    data.count satisfies number
    // @ts-expect-error the schema has no such field
    data.other
    prepared.rate satisfies number
    event.id satisfies string
    event.at satisfies Date
    signal.aborted satisfies boolean
    log.info('handled')
    const order = await db.get(Order, event.id)
    order.item satisfies string
    emit(Sent, { parcel: 1 })
    // @ts-expect-error another event's data
    emit(Sent, { item: 'pot' })
  },
})

on(Placed, {
  name: 'keyed',
  key: ({ item }) => item,
  parallel: 2,
  retry: { delay: 10 },
  handle({ prepared }) {
    prepared satisfies undefined
  },
})

// @ts-expect-error a key is text
on(Placed, { name: 'wrong', key: ({ count }) => count, handle() {} })
// @ts-expect-error a subscriber has a name
on(Placed, { handle() {} })
// @ts-expect-error there is a handler
on(Placed, { name: 'none' })
// @ts-expect-error on is given an event
on('order.placed', { name: 'text', handle() {} })

endpoint('POST /orders', {
  handle({ emit }) {
    // What is emitted is what the schema takes; defaults may be left out.
    emit(Placed, { item: 'pot', at: '2026-11-23T10:00:00Z' })
    // @ts-expect-error an item is text
    emit(Placed, { item: 1, at: '2026-11-23T10:00:00Z' })
  },
})

export async function inTests(app: TestBackend): Promise<void> {
  const [placed] = await app.emitted(Placed)
  placed!.data.at satisfies Date
  const [any] = await app.emitted()
  any!.data satisfies unknown
}
