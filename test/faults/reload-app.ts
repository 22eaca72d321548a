// What is reloaded under load: each request makes a row and a job, and the job another row. Nothing would hide a second one.
import { backend, define, model, t } from 'monobloc'
import { z } from 'zod'

const Order = model('order', { id: t.id(), request: t.text() })
const Receipt = model('receipt', { id: t.id(), request: t.text() })
const { policy, endpoint, job } = define({ models: { Order, Receipt } })
policy(Order, { anyone: { create: true, read: true } })
policy(Receipt, { anyone: { create: true, read: true } })

const request = z.object({ request: z.string() })

const receipt = job('receipt', {
  input: request,
  async handle({ input, db }) {
    await db.insert(Receipt, { request: input.request })
  },
})

const order = endpoint('POST /orders', {
  anyone: true,
  body: request,
  returns: { 201: z.object({ request: z.string() }) },
  async handle({ body, db, enqueue }) {
    const made = await db.insert(Order, body)
    enqueue(receipt, body)
    return { request: made.request }
  },
})

await backend({ name: 'reload', serve: [order, receipt] }).listen()
