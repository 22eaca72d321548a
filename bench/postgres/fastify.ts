import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import pg from 'pg'
import type { Item as Row } from '../item.ts'
import { itemSchema, keySchema, newItemSchema, pageSchema } from '../servers/item-schemas.ts'
import { sayReady } from '../servers/listening.ts'

/**
 * The peer: Fastify on `pg` as who knows both writes it by hand. Each statement has a name, so that the server plans it once
 * for each connection, and is a transaction of its own; an insert is answered when it is on disk.
 */
const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE, max: Number(process.env.BENCH_POOL) })

// pg makes texts of 64-bit numbers, which the ids of this table never need.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

const columns = 'id, title, body, done, "createdAt"'
const byId = { name: 'by-id', text: `select ${columns} from item where id = $1` }
const newest = { name: 'newest', text: `select ${columns} from item order by id desc limit $1` }
const add = {
  name: 'add',
  text: `insert into item (title, body, done, "createdAt") values ($1, $2, false, $3) returning ${columns}`,
}

const app = fastify({ logger: false })

app.get<{ Params: { id: number } }>(
  '/items/:id',
  { schema: { params: keySchema, response: { 200: itemSchema } } },
  async (request, reply) => {
    const { rows } = await pool.query<Row>({ ...byId, values: [request.params.id] })
    return rows[0] ?? reply.code(404).send({ error: 'not found' })
  },
)

app.get<{ Querystring: { limit: number } }>(
  '/items',
  { schema: { querystring: pageSchema, response: { 200: { type: 'array', items: itemSchema } } } },
  async (request) => (await pool.query<Row>({ ...newest, values: [request.query.limit] })).rows,
)

app.post<{ Body: { title: string; body: string } }>(
  '/items',
  { schema: { body: newItemSchema, response: { 201: itemSchema } } },
  async (request, reply) => {
    const { title, body } = request.body
    const { rows } = await pool.query<Row>({ ...add, values: [title, body, new Date()] })
    reply.code(201)
    return rows[0]
  },
)

await app.listen({ port: 0, host: '127.0.0.1' })
sayReady((app.server.address() as AddressInfo).port)
