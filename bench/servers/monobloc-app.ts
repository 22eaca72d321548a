import { sql } from 'kysely'
import { backend, define, model, t } from 'monobloc'
import { itemAt, itemCount } from '../item.ts'

const Item = model('item', {
  id: t.serial(),
  title: t.text().min(1).max(200),
  body: t.text().max(10_000),
  done: t.boolean().default(false),
  createdAt: t.createdAt(),
})

const { policy, resource, endpoint } = define({ models: { Item } })

policy(Item, { anyone: { read: true, create: true } })

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })

const items = resource(Item, { at: '/items', actions: ['list', 'read', 'create'] })

/** A statement that counts for some seconds and reads nothing: nobody asked what it would cost. */
const slow = endpoint('GET /slow', {
  transaction: 'read',
  async handle({ db }) {
    const counting = sql<{
      n: number
    }>`with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000000) select max(n) as n from c`
    return (await counting.execute(db.asSystem().sql)).rows[0]
  },
})

export const app = backend({
  name: 'bench',
  serve: [hello, items, slow],
  async seed(db) {
    for (let from = 1; from <= itemCount; from += 1000) {
      const items = Array.from({ length: 1000 }, (_, at) => itemAt(from + at))
      await db.insert(
        Item,
        items.map(({ id: _, createdAt, ...item }) => ({ ...item, createdAt: new Date(createdAt) })),
      )
    }
  },
})
