import { createServer } from 'node:http'
import express from 'express'
import { z } from 'zod'
import { listenAnywhere } from './listening.ts'
import { openPeerItems } from './peer-items.ts'

const items = openPeerItems(process.argv[2]!)

const Key = z.object({ id: z.coerce.number().int().positive() })
const Page = z.object({
  sort: z.enum(['-id']).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
const NewItem = z.object({ title: z.string().min(1).max(200), body: z.string().max(10_000) })

const app = express()
app.disable('x-powered-by')
app.use(express.json())

app.get('/', (_request, response) => {
  response.json({ hello: 'world' })
})

app.get('/items/:id', (request, response) => {
  const key = Key.safeParse(request.params)
  const item = key.success ? items.find(key.data.id) : undefined
  if (item) response.json(item)
  else response.status(404).json({ error: 'not found' })
})

app.get('/items', (request, response) => {
  const page = Page.safeParse(request.query)
  if (page.success) response.json(items.newest(page.data.limit))
  else response.status(400).json({ error: page.error.issues })
})

app.post('/items', (request, response) => {
  const given = NewItem.safeParse(request.body)
  if (given.success) response.status(201).json(items.add(given.data.title, given.data.body))
  else response.status(422).json({ error: given.error.issues })
})

listenAnywhere(createServer(app))
