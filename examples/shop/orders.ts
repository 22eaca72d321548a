import { MonoblocError, type Violation } from 'monobloc'
import { z } from 'zod'
import { OrderPlaced } from './lifecycle.ts'
import { endpoint, Line, Order, Product, resource, type ShopDb } from './models.ts'
import { cents, money } from './money.ts'

const Item = z.object({ product: z.int(), count: z.int().min(1).max(1000) })
type Items = z.infer<typeof Item>[]

/** Customers see theirs, the admin sees all and says what was sent. */
export const orders = resource(Order, {
  at: '/orders',
  actions: ['list', 'read', 'update'],
  include: ['lines', 'lines.product', 'customer'],
})

export const checkout = endpoint('POST /orders', {
  summary: 'Buy: all of it or nothing. With an Idempotency-Key it can be sent again and buys once.',
  body: z.object({ items: z.array(Item).min(1).max(50) }),
  returns: { 201: Order },
  async handle({ body, user, db, emit, reply }) {
    const shop = db.asSystem() // nobody may write orders by themselves: they come from here alone
    const bought = await takeFromStock(shop, body.items)
    const total = bought.reduce((sum, line) => sum + cents(line.total), 0n)
    const order = await shop.insert(Order, { customer: user.id, total: money(total) })
    const lines = bought.map((line) => ({ ...line, order: order.id }))
    await shop.insert(Line, lines)
    emit(OrderPlaced, { order: order.id })
    reply.created(`/orders/${order.id}`)
    return order
  },
})

/** Transactions run as if one after another, so that a stock which was read here is the stock until this one ends. */
async function takeFromStock(db: ShopDb, items: Items) {
  const missing: Violation[] = []
  const taken = []
  for (const [at, { product: id, count }] of items.entries()) {
    const product = await db.first(Product, { where: { id } })
    if (!product || product.stock < count) {
      const message = product ? `only ${product.stock} left` : 'is not sold here'
      missing.push({ path: ['body', 'items', at], code: 'out_of_stock', message })
      continue
    }
    await db.update(Product, id, { stock: product.stock - count })
    taken.push({ product: id, count, price: product.price, total: money(cents(product.price) * BigInt(count)) })
  }
  if (missing.length > 0) throw new MonoblocError('conflict', { subject: 'stock', violations: missing })
  return taken
}

const kept = { order: { state: { ne: 'declined' } } } as const
const Sold = z.object({ product: z.int(), count: z.int().nullable(), total: z.string().nullable() })

/** The policy holds for sums, too: for the admin it is what the shop has sold, for a customer what they have bought. */
export const sales = endpoint('GET /sales', {
  returns: [Sold],
  async handle({ db }) {
    const sold = await db.aggregate(Line, {
      by: ['product'],
      where: kept,
      sum: ['count', 'total'],
      sort: '-sum.total',
      limit: 100,
    })
    return sold.map(({ product, sum }) => ({ product, ...sum }))
  },
})
