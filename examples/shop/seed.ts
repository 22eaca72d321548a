import { password } from 'monobloc'
import { Line, Order, Product, type ShopDb, User } from './models.ts'
import { cents, money } from './money.ts'

const goods = [
  { name: 'Teapot', about: 'Cast iron, for four cups', price: '49.90', stock: 12 },
  { name: 'Cup', about: 'Holds more than it seems', price: '6.35', stock: 100 },
  { name: 'Kettle', about: 'Sings when it is done', price: '38.00', stock: 3 },
  { name: 'Green tea', about: '100 g, first flush', price: '11.20', stock: 40 },
  { name: 'Strainer', about: 'Fine enough for rooibos', price: '4.99', stock: 25 },
  { name: 'Tea towel', about: 'Linen, blue stripe', price: '9.05', stock: 0 },
]

/** Goods, people and what they have bought so far. Everyone signs in with the password `password`. */
export async function seed(db: ShopDb) {
  const hash = await password.hash('password')
  await db.transaction(async (db) => {
    const people = await db.insert(User, [
      { name: 'ada', password: hash },
      { name: 'bo', password: hash },
      { name: 'admin', password: hash, role: 'admin' },
    ])
    const products = await db.insert(Product, goods)
    for (let at = 0; at < 8; at++) {
      const { id: product, price } = products[(at * 5) % products.length]!
      const count = 1 + (at % 3)
      const total = money(cents(price) * BigInt(count))
      const createdAt = new Date(Date.now() - (8 - at) * 86_400_000)
      const state = at < 6 ? 'sent' : 'paid'
      const order = await db.insert(Order, { customer: people[at % 2]!.id, total, state, createdAt })
      await db.insert(Line, { order: order.id, product, count, price, total })
    }
  })
}
