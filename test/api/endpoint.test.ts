import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { MonoblocError } from '../../src/errors.ts'
import { createEndpoint, createHttpServer, type HttpServer, JsonText } from '../../src/http/index.ts'
import { model, t } from '../../src/schema/index.ts'
import { call, expectProblem } from './call.ts'
import { type MemoryDb, memoryHost, type TestUser } from './memory-host.ts'

interface Tools {
  db: MemoryDb
  auth: { issue(user: TestUser): string }
}
const endpoint = createEndpoint<Tools, TestUser>()
const Article = model('article', {
  id: t.id(),
  title: t.text().min(1).max(5),
  secret: t.text().writeOnly().default(''),
  at: t.createdAt(),
})
const id = '0192f0c1-2345-7abc-8def-0123456789ab'
const row = { id, title: 'One', at: new Date(0), secret: 'hidden' }

const late = Readable.from(['late'])
const routes = [
  endpoint('GET /open', { anyone: true, handle: ({ user }) => ({ user }) }),
  endpoint('GET /who', { handle: ({ user, auth }) => ({ name: user.name, token: auth.issue(user) }) }),
  endpoint('GET /articles/:slug', { anyone: true, returns: Article, handle: () => row }),
  endpoint('GET /articles', { anyone: true, returns: [Article], handle: () => [row, row] }),
  endpoint('GET /articles/feed', { anyone: true, handle: () => 'feed' }),
  endpoint('POST /articles', {
    anyone: true,
    body: Article.input('title'),
    returns: { 201: Article, 204: null },
    handle({ body, reply }) {
      if (body.title === 'gone') return
      reply.created(`/articles/${body.title} ü`)
      return { ...row, title: body.title }
    },
  }),
  endpoint('DELETE /articles/:slug', { anyone: true, returns: null, handle() {} }),
  endpoint('PUT /items/:number', {
    anyone: true,
    params: z.object({ number: z.coerce.number().int().max(10) }),
    query: z.strictObject({ limit: z.coerce.number().max(5).default(3) }),
    body: z.strictObject({ a: z.string(), list: z.array(z.object({ b: z.number() })) }),
    handle: ({ params, query, body }) => ({ params, query, body }),
  }),
  endpoint('QUERY /search', {
    anyone: true,
    body: z.object({ words: z.string() }),
    handle: ({ body, db }) => ({ words: body.words, mode: db.mode }),
  }),
  endpoint('PATCH /modes', {
    anyone: true,
    prepare: ({ db }) => ({ first: db.mode }),
    handle: ({ db, prepared }) => ({ ...prepared, after: db.mode }),
  }),
  endpoint('PUT /modes', {
    anyone: true,
    transaction: false,
    prepare: async () => 'ready',
    handle: ({ db, prepared }) => ({ mode: db.mode, prepared }),
  }),
  endpoint('GET /text', {
    anyone: true,
    handle({ reply }) {
      reply.header('Content-Type', 'text/plain')
      return 'plain ü'
    },
  }),
  endpoint('GET /bytes', { anyone: true, handle: () => new Uint8Array([0, 255]) }),
  endpoint('GET /stream', { anyone: true, handle: () => Readable.from(['a', 'b']) }),
  endpoint('GET /nothing', { anyone: true, handle() {} }),
  endpoint('GET /json', { anyone: true, handle: () => new JsonText('{"raw":true}', 'v7') }),
  endpoint('GET /echo/:text', { anyone: true, handle: ({ params, query }) => ({ ...params, query }) }),
  endpoint('GET /files/*', { anyone: true, handle: ({ params }) => params['*'] }),
  endpoint('GET /wrong', {
    anyone: true,
    returns: z.object({ count: z.number() }),
    handle: () => ({ count: 'x' as never }),
  }),
  endpoint('GET /unlisted', {
    anyone: true,
    returns: { 200: z.object({}) },
    handle({ reply }) {
      reply.status(202)
      return {}
    },
  }),
  endpoint('GET /bug', {
    anyone: true,
    handle() {
      throw new Error('password is hunter2')
    },
  }),
  endpoint('GET /late-bug', { anyone: true, handle: () => Promise.reject(new Error('password is hunter2')) }),
  endpoint('GET /busy', {
    anyone: true,
    handle() {
      throw new MonoblocError('database_busy')
    },
  }),
  endpoint('GET /late', {
    anyone: true,
    transaction: false,
    deadline: 20,
    handle: async () => {
      await delay(60)
      return late
    },
  }),
  endpoint('GET /slow', { anyone: true, transaction: false, deadline: 20, handle: () => new Promise(() => {}) }),
  endpoint('GET /header', { anyone: true, handle: ({ reply }) => reply.header('X-Bad', 'a\r\nSet-Cookie: b') }),
  endpoint('GET /cookies', {
    anyone: true,
    handle({ reply }) {
      reply.header('Set-Cookie', 'a=1').header('set-cookie', 'b=2').header('X-A', 1).header('x-a', 2)
    },
  }),
]

describe.each([
  ['straight from Node, synchronous host', {}, true],
  ['straight from Node, asynchronous host', {}, false],
  ['through Fastify', { extend() {} }, true],
])('endpoints %s', (_, options, sync) => {
  let server: HttpServer
  let port: number
  beforeAll(async () => {
    server = createHttpServer({ routes, host: memoryHost({ sync }), options })
    port = (await server.listen({ port: 0 })).port
  })
  afterAll(() => server.close())

  describe('identity', () => {
    test('anyone gets in where it says so, and is somebody with credentials', async () => {
      expect((await call(port, 'GET /open')).json).toEqual({ user: null })
      expect((await call(port, 'GET /open', { headers: { authorization: 'Bearer ann' } })).json).toEqual({
        user: { name: 'ann' },
      })
    })
    test('is asked for everywhere else', async () => {
      const refused = await call(port, 'GET /who')
      expectProblem(refused, 401, 'unauthenticated')
      expect(refused.headers['www-authenticate']).toBe('Bearer')
      expect((await call(port, 'GET /who', { headers: { authorization: 'Bearer ann' } })).json).toEqual({
        name: 'ann',
        token: 'token of ann',
      })
    })
    test('credentials that are there must be valid, for anyone too', async () => {
      for (const path of ['/open', '/who']) {
        const refused = await call(port, `GET ${path}`, { headers: { authorization: 'Bearer eve' } })
        expectProblem(refused, 401, 'invalid_token')
        expect(refused.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
      }
    })
  })

  describe('answers', () => {
    test('are written by returns, and what is not in it stays', async () => {
      const one = await call(port, 'GET /articles/one')
      expect(one.status).toBe(200)
      expect(one.headers['content-type']).toBe('application/json')
      expect(one.body).toBe(`{"id":"${id}","title":"One","at":"1970-01-01T00:00:00.000Z"}`)
      expect((await call(port, 'GET /articles')).json).toHaveLength(2)
    })
    test('take the one 2xx status of returns, and 204 for nothing', async () => {
      const made = await call(port, 'POST /articles', { body: { title: 'two' } })
      expect(made.status).toBe(201)
      expect(made.headers.location).toBe('/articles/two%20%C3%BC')
      const nothing = await call(port, 'POST /articles', { body: { title: 'gone' } })
      expect(nothing).toMatchObject({ status: 204, body: '' })
      expect(nothing.headers).not.toHaveProperty('content-length')
      expect(nothing.headers).not.toHaveProperty('content-type')
      expect(await call(port, 'DELETE /articles/x')).toMatchObject({ status: 204, body: '' })
      expect(await call(port, 'GET /nothing')).toMatchObject({ status: 204, body: '' })
    })
    test.each([
      ['/text', 'text/plain', 'plain ü'],
      ['/json', 'application/json', '{"raw":true}'],
      ['/stream', 'application/octet-stream', 'ab'],
      ['/articles/feed', 'application/json', '"feed"'],
    ])('%s is sent as %s', async (path, type, body) => {
      const answer = await call(port, `GET ${path}`)
      expect(answer.headers['content-type']).toBe(type)
      expect(answer.body).toBe(body)
    })
    test('add every cookie and keep the last of other fields', async () => {
      const { headers } = await call(port, 'GET /cookies')
      expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
      expect(headers['x-a']).toBe('2')
    })
    test.each(['/wrong', '/unlisted', '/header'])('that do not fit are a fault of ours: %s', async (path) => {
      const answer = await call(port, `GET ${path}`)
      expectProblem(answer, 500, 'response_invalid')
      expect(Object.keys(answer.json)).toEqual(['type', 'title', 'status', 'code', 'instance'])
    })
    test.each(['/bug', '/late-bug'])('to a bug show nothing of it: %s', async (path) => {
      const answer = await call(port, `GET ${path}`)
      expectProblem(answer, 500, 'internal')
      expect(answer.body + JSON.stringify(answer.headers)).not.toMatch(/hunter2|Error|at /)
    })
    test('to an overload say when to come again', async () => {
      const answer = await call(port, 'GET /busy')
      expectProblem(answer, 503, 'database_busy')
      expect(answer.headers['retry-after']).toBe('1')
    })
    test('come at the deadline when the work does not', async () => {
      expectProblem(await call(port, 'GET /slow'), 503, 'deadline_exceeded')
    })
    test('leave nothing open of an answer that comes later', async () => {
      expectProblem(await call(port, 'GET /late'), 503, 'deadline_exceeded')
      await vi.waitFor(() => expect(late.destroyed).toBe(true), 45_000)
    })
  })

  describe('units of work', () => {
    test.each([
      ['QUERY /search', { words: 'a' }, { words: 'a', mode: 'read' }],
      ['PATCH /modes', undefined, { first: 'prepare', after: 'write' }],
      ['PUT /modes', undefined, { mode: false, prepared: 'ready' }],
    ])('%s', async (request, body, answer) => {
      expect((await call(port, request, { body })).json).toEqual(answer)
    })
  })

  describe('input', () => {
    test('is converted', async () => {
      const answer = await call(port, 'PUT /items/7?limit=2', { body: { a: 'x', list: [{ b: 1 }] } })
      expect(answer.json).toEqual({ params: { number: 7 }, query: { limit: 2 }, body: { a: 'x', list: [{ b: 1 }] } })
      expect((await call(port, 'PUT /items/10', { body: { a: '', list: [] } })).json.query).toEqual({ limit: 3 })
    })
    test('loses no key without a word', async () => {
      const answer = await call(port, 'PUT /items/7', { body: { a: 'x', list: [{ b: 1, c: 2 }] } })
      expect(answer.json.errors).toMatchObject([{ pointer: '#/list/0/c', code: 'unknown_field' }])
    })
    test('is refused with every violation and its place', async () => {
      const answer = await call(port, 'PUT /items/11?limit=6&other=1', { body: { list: [{ b: 'x' }], more: 1 } })
      expectProblem(answer, 400, 'invalid_params')
      expect(answer.json.errors.map(({ detail, ...rest }: { detail: string }) => rest)).toEqual([
        { in: 'params', parameter: 'number', code: 'too_big' },
        { in: 'query', parameter: 'limit', code: 'too_big' },
        { in: 'query', parameter: 'other', code: 'unknown_field' },
        { in: 'body', pointer: '#/a', code: 'required' },
        { in: 'body', pointer: '#/list/0/b', code: 'invalid_type' },
        { in: 'body', pointer: '#/more', code: 'unknown_field' },
      ])
    })
    test('is refused with 100 violations at most', async () => {
      for (const [more, told] of [
        [99, 99],
        [100, 100],
        [101, 100],
      ] as const) {
        const body = { a: '', list: [], ...Object.fromEntries(Array.from({ length: more }, (_, at) => [`x${at}`, 1])) }
        expect((await call(port, 'PUT /items/1', { body })).json.errors).toHaveLength(told)
      }
    })
    test('is 400 for the query and 422 for the body', async () => {
      expectProblem(await call(port, 'PUT /items/1?limit=6', { body: { a: '', list: [] } }), 400, 'invalid_query')
      expectProblem(await call(port, 'PUT /items/1', { body: {} }), 422, 'validation_failed')
      const none = await call(port, 'PUT /items/1')
      expectProblem(none, 422, 'validation_failed')
      expect(none.json.errors).toEqual([{ in: 'body', pointer: '#', code: 'required', detail: 'is required' }])
    })
    test('is decoded, and refused when it can not be', async () => {
      expect((await call(port, 'GET /echo/a%2Fb%20%C3%BC?x=1+2&x=%26&y&=z')).json).toEqual({
        text: 'a/b ü',
        query: { x: ['1 2', '&'], y: '', '': 'z' },
      })
      expectProblem(await call(port, 'GET /echo/%ff'), 400, 'malformed_request')
      expectProblem(await call(port, 'GET /echo/%'), 400, 'malformed_request')
      expectProblem(await call(port, 'GET /echo/a?x=%c3'), 400, 'invalid_query')
      expect((await call(port, 'GET /files/a/b%20c/')).json).toBe('a/b c/')
      expect((await call(port, 'GET /echo/a?__proto__=1&constructor=2')).body).toBe(
        '{"text":"a","query":{"__proto__":"1","constructor":"2"}}',
      )
    })
  })

  describe('methods', () => {
    test('HEAD is GET without its body', async () => {
      for (const path of ['/articles/one', '/json', '/text']) {
        const get = await call(port, `GET ${path}`)
        const head = await call(port, `HEAD ${path}`)
        expect(head).toMatchObject({ status: 200, body: '' })
        for (const volatile of ['x-request-id', 'date']) {
          delete get.headers[volatile]
          delete head.headers[volatile]
        }
        expect(head.headers).toEqual(get.headers)
      }
      expect(await call(port, 'HEAD /stream')).toMatchObject({ status: 200, body: '' })
      expect(await call(port, 'HEAD /missing')).toMatchObject({ status: 404, body: '' })
    })
    test('OPTIONS says what there is', async () => {
      const answer = await call(port, 'OPTIONS /articles/feed')
      expect(answer).toMatchObject({ status: 204, body: '' })
      expect(answer.headers.allow).toBe('GET, DELETE, HEAD, OPTIONS')
      expect((await call(port, 'OPTIONS /articles')).headers).toMatchObject({
        allow: 'GET, POST, HEAD, OPTIONS',
        'accept-post': 'application/json',
      })
      expect((await call(port, 'OPTIONS *')).headers.allow).toContain('QUERY')
      expectProblem(await call(port, 'OPTIONS /missing'), 404, 'not_found')
    })
    test('others are 405 with what there is', async () => {
      const answer = await call(port, 'PATCH /articles', { body: {} })
      expectProblem(answer, 405, 'method_not_allowed')
      expect(answer.headers.allow).toBe('GET, POST, HEAD, OPTIONS')
      expectProblem(await call(port, 'PROPFIND /articles'), 405, 'method_not_allowed')
      expectProblem(await call(port, 'GET /missing'), 404, 'not_found')
      expectProblem(await call(port, 'GET //articles'), 404, 'not_found')
      expectProblem(await call(port, 'GET /articles//'), 404, 'not_found')
    })
    test('fixed paths go first, each method on its own; one slash at the end is nothing', async () => {
      expect((await call(port, 'GET /articles/feed')).json).toBe('feed')
      expect((await call(port, 'GET /articles/fe%65d')).json).toBe('feed')
      expect((await call(port, 'DELETE /articles/feed')).status).toBe(204)
      expect((await call(port, 'GET /articles/')).status).toBe(200)
      expect((await call(port, 'GET /articles/feed/')).json).toBe('feed')
      expectProblem(await call(port, 'GET /Articles'), 404, 'not_found')
    })
    test('an absolute address is its path', async () => {
      expect((await call(port, 'GET http://example.com/json?x=1')).status).toBe(200)
      expectProblem(await call(port, 'GET ftp://example.com/json'), 400, 'malformed_request')
    })
  })

  describe('media types', () => {
    test.each([
      ['application/json', 201],
      ['application/json; charset=utf-8', 201],
      ['Application/JSON;charset="UTF-8"', 201],
      ['application/json; charset=latin1', 415],
      ['text/plain', 415],
      ['application/jsonx', 415],
      ['application/x-www-form-urlencoded', 415],
      ['', 415],
    ])('a body as "%s" is %i', async (type, status) => {
      const answer = await call(port, 'POST /articles', {
        body: '{"title":"x"}',
        headers: type ? { 'content-type': type } : {},
      })
      expect(answer.status).toBe(status)
      if (status === 415) expect(answer.headers['accept-post']).toBe('application/json')
    })
    test('a compressed body is refused with what is read', async () => {
      const answer = await call(port, 'POST /articles', {
        body: '{"title":"x"}',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      })
      expectProblem(answer, 415, 'unsupported_media_type')
      expect(answer.headers['accept-encoding']).toBe('identity')
    })
    test.each([
      ['*/*', 200],
      ['application/json', 200],
      ['text/html, application/*;q=0.1', 200],
      ['text/html', 406],
      ['application/json;q=0, */*', 406],
      ['application/problem+json', 406],
    ])('an answer for Accept: %s is %i', async (accept, status) => {
      expect((await call(port, 'GET /articles', { headers: { accept } })).status).toBe(status)
    })
  })

  describe('conditions', () => {
    test('an unchanged answer is 304 without content', async () => {
      const first = await call(port, 'GET /articles/one')
      expect(first.headers.etag).toMatch(/^"[\w-]{22}"$/)
      expect(first.headers['cache-control']).toBe('private, no-cache')
      for (const known of [first.headers.etag!, `W/${first.headers.etag}`, `"x", ${first.headers.etag}`, '*']) {
        const again = await call(port, 'GET /articles/one', { headers: { 'if-none-match': known } })
        expect(again).toMatchObject({ status: 304, body: '' })
        expect(again.headers.etag).toBe(first.headers.etag)
        expect(again.headers).not.toHaveProperty('content-length')
      }
      expect((await call(port, 'GET /articles/one', { headers: { 'if-none-match': '"x"' } })).status).toBe(200)
      expect((await call(port, 'GET /json')).headers.etag).toBe('"v7"')
    })
    test('another than asked for is 412', async () => {
      expect((await call(port, 'GET /json', { headers: { 'if-match': '"v7"' } })).status).toBe(200)
      expectProblem(await call(port, 'GET /json', { headers: { 'if-match': '"v6"' } }), 412, 'precondition_failed')
      expectProblem(await call(port, 'GET /json', { headers: { 'if-match': 'W/"v7"' } }), 412, 'precondition_failed')
    })
  })

  describe('idempotency', () => {
    test('the same request is answered again as it was, another one is refused', async () => {
      const headers = { 'idempotency-key': `key-${Math.random()}` }
      const first = await call(port, 'POST /articles', { body: { title: 'a' }, headers })
      const again = await call(port, 'POST /articles', { body: { title: 'a' }, headers })
      expect(again).toMatchObject({ status: 201, body: first.body })
      expect(again.headers).toMatchObject({ location: first.headers.location, 'idempotency-replayed': 'true' })
      expect(first.headers).not.toHaveProperty('idempotency-replayed')
      expectProblem(await call(port, 'POST /articles', { body: { title: 'b' }, headers }), 422, 'idempotency_mismatch')
    })
    test.each([
      ['x', 201],
      ['x'.repeat(255), 201],
      ['x'.repeat(256), 400],
      ['', 400],
      ['a b', 400],
      ['ä', 400],
    ])('the key "%s" is %i', async (key, status) => {
      expect(
        (await call(port, 'POST /articles', { body: { title: 'k' }, headers: { 'idempotency-key': key } })).status,
      ).toBe(status)
    })
  })

  describe('every answer', () => {
    test('has an id, the one that came when it is plain', async () => {
      const answer = await call(port, 'GET /open')
      expect(answer.headers['x-request-id']).toMatch(/^[\w-]{8}\.\w+$/)
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
      expect(answer.headers).not.toHaveProperty('x-powered-by')
      expect(answer.headers).not.toHaveProperty('server')
      expect((await call(port, 'GET /open', { headers: { 'x-request-id': 'mine-1' } })).headers['x-request-id']).toBe(
        'mine-1',
      )
      expect((await call(port, 'GET /open', { headers: { 'x-request-id': 'a b' } })).headers['x-request-id']).not.toBe(
        'a b',
      )
    })
    test('continues a trace', async () => {
      const trace = '0af7651916cd43dd8448eb211c80319c'
      const answer = await call(port, 'GET /open', { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } })
      expect(answer.headers.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
      expect(answer.headers.traceparent).not.toContain('b7ad6b7169203331')
      expect((await call(port, 'GET /open', { headers: { traceparent: '00-0-0-00' } })).headers).not.toHaveProperty(
        'traceparent',
      )
    })
  })
})
