// What Fastify is told of requests and answers, on every database.

export const itemSchema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    title: { type: 'string' },
    body: { type: 'string' },
    done: { type: 'boolean' },
    createdAt: { type: 'string' },
  },
}

export const keySchema = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] }

export const pageSchema = {
  type: 'object',
  properties: {
    sort: { type: 'string', enum: ['-id'] },
    limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
  },
}

export const newItemSchema = {
  type: 'object',
  properties: { title: { type: 'string', minLength: 1, maxLength: 200 }, body: { type: 'string', maxLength: 10_000 } },
  required: ['title', 'body'],
}
