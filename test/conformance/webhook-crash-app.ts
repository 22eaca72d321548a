import { backend, define, event, model, t } from 'monobloc'
import { z } from 'zod'

const Order = model('order', { number: t.integer() }, { key: ['number'] })
const Paid = event('order.paid', { schema: z.object({ order: z.int() }) })
const { webhooks } = define({ models: { Order } })

const hooks = webhooks({ events: [Paid], egress: { allow: ['127.0.0.1'], http: true, ports: 'any' } })

export const app = backend({ serve: [hooks] })

/** What the parent tells its child: what time it is, and what happens then. */
export interface Told {
  /** Milliseconds by which its clock is ahead. */
  ahead: number
  orders: number[]
}

if (process.env.WEBHOOK_CHILD) {
  let ahead = Number(process.env.WEBHOOK_CHILD)
  const now = () => Date.now() + ahead
  await app.start({ listen: false, now, logTo: { write() {} } })
  process.on('disconnect', () => process.exit())
  process.on('message', async (told: Told) => {
    await app
      .transaction(async (db, { emit }) => {
        for (const number of told.orders) {
          await db.insert(Order, { number })
          void emit(Paid, { order: number })
        }
      })
      .catch((error) => {
        // A child before this one has committed it, and died before it could say so.
        if (error.code !== 'unique_violation') throw error
      })
    ahead = told.ahead
    process.send!('paid')
  })
  process.send!('ready')
}
