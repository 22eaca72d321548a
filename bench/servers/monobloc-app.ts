import { backend, define, endpoint, model, t } from 'monobloc'
import { itemAt, itemCount } from '../item.ts'

const Item = model('item', {
  id: t.serial(),
  title: t.text().min(1).max(200),
  body: t.text().max(10_000),
  done: t.boolean().default(false),
  createdAt: t.createdAt(),
})

const { policy, resource } = define({ models: { Item } })

policy(Item, { anyone: { read: true, create: true } })

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })

const items = resource(Item, { at: '/items', actions: ['list', 'read', 'create'] })

export const app = backend({
  name: 'bench',
  serve: [hello, items],
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
