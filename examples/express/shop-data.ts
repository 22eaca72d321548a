import type { Backend, SystemDb } from 'monobloc'
import type { Shop } from './legacy/app.ts'
import { Order, Product, User } from './models.ts'

type ShopDb = SystemDb<{ User: typeof User; Product: typeof Product; Order: typeof Order }, typeof User>

/** The database for the part that is still Express: the same rows, in transactions of its own, as the system. */
export function shopData(app: () => Backend): Shop {
  const work = <T>(run: (db: ShopDb) => Promise<T>): Promise<T> => app().transaction(run)
  return {
    isStaff: (userId) => work(async (db) => (await db.get(User, userId))?.role === 'staff'),
    totals: () => work(async (db) => ({ products: await db.count(Product), orders: await db.count(Order) })),
    ordersOf: (userId) =>
      work(async (db) => {
        const found = await db.find(Order, { where: { customer: userId }, include: { product: true } })
        return found.map(({ id, count, product }) => ({ id, count, product: product.name }))
      }),
    cancel: (userId, id) =>
      work(async (db) => {
        const order = await db.first(Order, { where: { id, customer: userId } })
        if (!order) return false
        const product = await db.get(Product, order.product)
        await db.update(Product, order.product, { stock: product!.stock + order.count })
        await db.delete(Order, id)
        return true
      }),
  }
}
