import { backend, define, model, t } from 'monobloc'

/** The table of the other benchmarks, whose answers are kept. */
const Item = model('item', {
  id: t.serial(),
  title: t.text().min(1).max(200),
  body: t.text().max(10_000),
  done: t.boolean().default(false),
  createdAt: t.createdAt(),
})

const { policy, resource } = define({ models: { Item } })

policy(Item, { anyone: { read: true, create: true, update: true } })

const items = resource(Item, {
  at: '/items',
  actions: ['list', 'read', 'create', 'update'],
  cache: process.env.BENCH_CACHE !== 'off',
})

export const app = backend({ name: 'bench', serve: [items] })
