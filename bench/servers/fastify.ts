import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { sayReady } from './listening.ts'
import { openPeerItems } from './peer-items.ts'

const items = openPeerItems(process.argv[2]!)

const Item = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    title: { type: 'string' },
    body: { type: 'string' },
    done: { type: 'boolean' },
    createdAt: { type: 'string' },
  },
}
const Key = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] }
const Page = {
  type: 'object',
  properties: {
    sort: { type: 'string', enum: ['-id'] },
    limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
  },
}
const NewItem = {
  type: 'object',
  properties: { title: { type: 'string', minLength: 1, maxLength: 200 }, body: { type: 'string', maxLength: 10_000 } },
  required: ['title', 'body'],
}
const Hello = { type: 'object', properties: { hello: { type: 'string' } } }

// Handlers are not async: Fastify is a little faster so, and nothing here waits.
const app = fastify({ logger: false })

app.get('/', { schema: { response: { 200: Hello } } }, (_request, reply) => {
  reply.send({ hello: 'world' })
})

app.get<{ Params: { id: number } }>(
  '/items/:id',
  { schema: { params: Key, response: { 200: Item } } },
  (request, reply) => {
    const item = items.find(request.params.id)
    if (item) reply.send(item)
    else reply.code(404).send({ error: 'not found' })
  },
)

app.get<{ Querystring: { limit: number } }>(
  '/items',
  { schema: { querystring: Page, response: { 200: { type: 'array', items: Item } } } },
  (request, reply) => {
    reply.send(items.newest(request.query.limit))
  },
)

app.post<{ Body: { title: string; body: string } }>(
  '/items',
  { schema: { body: NewItem, response: { 201: Item } } },
  (request, reply) => {
    reply.code(201).send(items.add(request.body.title, request.body.body))
  },
)

await app.listen({ port: 0, host: '127.0.0.1' })
sayReady((app.server.address() as AddressInfo).port)
