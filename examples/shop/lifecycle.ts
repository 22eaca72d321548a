import { event } from 'monobloc'
import { z } from 'zod'
import { job, Letter, Line, Order, on, Product, resource } from './models.ts'
import { charge } from './payments.ts'

// placed ─▶ paid ─▶ sent
//        └▶ declined: what was taken goes back on the shelves
const AnOrder = z.object({ order: z.int() })
export const OrderPlaced = event('order.placed', { schema: AnOrder })
export const OrderPaid = event('order.paid', { schema: AnOrder })
export const OrderDeclined = event('order.declined', { schema: AnOrder })

export const startPaying = on(OrderPlaced, {
  name: 'start-paying',
  handle: ({ data, enqueue }) => enqueue(pay, data),
})

/**
 * The payment server fails now and then, or charges and its answer is lost. So it is asked before the transaction, as often
 * as it takes, under a key by which it knows that it is the same payment; what it said and what follows are written
 * together, once.
 */
export const pay = job('pay', {
  input: AnOrder,
  retry: { attempts: 20, delay: 200 },
  prepare: async ({ input, db, idempotencyKey, signal }) =>
    charge(await db.get(Order, input.order), idempotencyKey, signal),
  async handle({ input, prepared: payment, db, emit }) {
    await db.update(Order, input.order, { state: payment ? 'paid' : 'declined', payment })
    emit(payment ? OrderPaid : OrderDeclined, input)
  },
})

export const thank = on(OrderPaid, {
  name: 'thank',
  async handle({ data, db }) {
    const { id, customer, total } = await db.get(Order, data.order)
    await db.insert(Letter, { customer, text: `Thank you. Order ${id} is paid: ${total}.` })
  },
})

export const putBack = on(OrderDeclined, {
  name: 'put-back',
  async handle({ data, db }) {
    for (const { product, count } of await db.find(Line, { where: { order: data.order } })) {
      const { stock } = await db.get(Product, product)
      await db.update(Product, product, { stock: stock + count })
    }
    const { id, customer } = await db.get(Order, data.order)
    await db.insert(Letter, { customer, text: `Order ${id} could not be paid, and is void.` })
  },
})

export const letters = resource(Letter, { at: '/letters', actions: ['list'] })
