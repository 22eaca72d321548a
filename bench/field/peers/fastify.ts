import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { type NewItem, openByHand } from './by-hand.ts'
import { file, ready } from './listen.ts'

const db = openByHand(file)

const Author = {
  type: 'object',
  properties: { id: { type: 'integer' }, name: { type: 'string' }, email: { type: 'string' } },
}
const Item = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    title: { type: 'string' },
    body: { type: 'string' },
    status: { type: 'string' },
    authorId: { type: 'integer' },
    createdAt: { type: 'string' },
    author: Author,
  },
}
const Key = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] }
const List = {
  type: 'object',
  properties: {
    include: { type: 'string', enum: ['author'] },
    status: { type: 'string', enum: ['open', 'closed', 'draft'] },
    sort: { type: 'string', enum: ['-id', '-createdAt'] },
    limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
  },
}
const New = {
  type: 'object',
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 200 },
    body: { type: 'string', maxLength: 10_000 },
    status: { type: 'string', enum: ['open', 'closed', 'draft'] },
    authorId: { type: 'integer', minimum: 1 },
  },
  required: ['title', 'body', 'status', 'authorId'],
}
const text = { type: 'string' }
const Profile = {
  type: 'object',
  properties: {
    username: text,
    bio: { type: 'string', nullable: true },
    image: { type: 'string', nullable: true },
    following: { type: 'boolean' },
  },
}
const Article = {
  type: 'object',
  properties: {
    slug: text,
    title: text,
    description: text,
    createdAt: text,
    updatedAt: text,
    tagList: { type: 'array', items: text },
    favorited: { type: 'boolean' },
    favoritesCount: { type: 'integer' },
    author: Profile,
  },
}
const Articles = {
  type: 'object',
  properties: { articles: { type: 'array', items: Article }, articlesCount: { type: 'integer' } },
}

const app = fastify({ logger: false })

app.get('/', { schema: { response: { 200: { type: 'object', properties: { hello: text } } } } }, async () => ({
  hello: 'world',
}))

app.get<{ Params: { id: number } }>(
  '/items/:id',
  { schema: { params: Key, response: { 200: Item } } },
  async (request, reply) => db.item(request.params.id) ?? reply.code(404).send({ error: 'not found' }),
)

app.get<{ Querystring: { include?: 'author'; status?: string; limit: number } }>(
  '/items',
  { schema: { querystring: List, response: { 200: { type: 'array', items: Item } } } },
  async ({ query }) => db.items(query),
)

app.post<{ Body: NewItem }>('/items', { schema: { body: New, response: { 201: Item } } }, async (request, reply) =>
  reply.code(201).send(db.add(request.body)),
)

app.get<{ Querystring: { limit: number } }>(
  '/articles',
  { schema: { querystring: List, response: { 200: Articles } } },
  async ({ query }) => db.articles(query.limit),
)

await app.listen({ port: 0, host: '127.0.0.1' })
ready((app.server.address() as AddressInfo).port)
