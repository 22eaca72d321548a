import { serve } from '@hono/node-server'
import { zValidator } from '@hono/zod-validator'
import { Hono } from 'hono'
import { openByHand } from './by-hand.ts'
import { file, ready } from './listen.ts'
import { Key, List, New } from './schemas.ts'

const db = openByHand(file)
const app = new Hono()
app.get('/', (c) => c.json({ hello: 'world' }))
app.get('/items/:id', zValidator('param', Key), (c) => {
  const item = db.item(c.req.valid('param').id)
  return item ? c.json(item) : c.json({ error: 'not found' }, 404)
})
app.get('/items', zValidator('query', List), (c) => c.json(db.items(c.req.valid('query') as never)))
app.post('/items', zValidator('json', New), (c) => c.json(db.add(c.req.valid('json')) as object, 201))
app.get('/articles', zValidator('query', List), (c) => c.json(db.articles(c.req.valid('query').limit)))

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => ready(port))
