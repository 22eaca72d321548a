import { backend, define, model, t } from 'monobloc'
import { z } from 'zod'
import { itemAt, itemCount } from '../item.ts'
import { pageSize } from '../workload.ts'

const Item = model('item', {
  id: t.serial(),
  title: t.text().min(1).max(200),
  body: t.text().max(10_000),
  done: t.boolean().default(false),
  createdAt: t.createdAt(),
})

const { policy, endpoint } = define({ models: { Item } })

policy(Item, { anyone: { read: true, create: true } })

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })

const read = endpoint('GET /items/:id', {
  params: z.object({ id: z.coerce.number().int().positive() }),
  returns: Item,
  handle: ({ params, db }) => db.get(Item, params.id) as never,
})

const list = endpoint('GET /items', {
  query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(pageSize) }),
  returns: [Item],
  handle: ({ query, db }) => db.find(Item, { limit: query.limit, sort: '-id' }) as never,
})

const create = endpoint('POST /items', {
  body: Item.input('title', 'body'),
  returns: { 201: Item },
  handle: ({ body, db }) => db.insert(Item, body),
})

export const app = backend({
  name: 'bench',
  serve: [hello, read, list, create],
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
