import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { itemSchema, keySchema, newItemSchema, pageSchema } from './item-schemas.ts'
import { sayReady } from './listening.ts'
import { openPeerItems } from './peer-items.ts'

const items = openPeerItems(process.argv[2]!)

const Hello = { type: 'object', properties: { hello: { type: 'string' } } }

// Handlers are not async: Fastify is a little faster so, and nothing here waits.
const app = fastify({ logger: false })

app.get('/', { schema: { response: { 200: Hello } } }, (_request, reply) => {
  reply.send({ hello: 'world' })
})

app.get<{ Params: { id: number } }>(
  '/items/:id',
  { schema: { params: keySchema, response: { 200: itemSchema } } },
  (request, reply) => {
    const item = items.find(request.params.id)
    if (item) reply.send(item)
    else reply.code(404).send({ error: 'not found' })
  },
)

app.get<{ Querystring: { limit: number } }>(
  '/items',
  { schema: { querystring: pageSchema, response: { 200: { type: 'array', items: itemSchema } } } },
  (request, reply) => {
    reply.send(items.newest(request.query.limit))
  },
)

app.post<{ Body: { title: string; body: string } }>(
  '/items',
  { schema: { body: newItemSchema, response: { 201: itemSchema } } },
  (request, reply) => {
    reply.code(201).send(items.add(request.body.title, request.body.body))
  },
)

await app.listen({ port: 0, host: '127.0.0.1' })
sayReady((app.server.address() as AddressInfo).port)
