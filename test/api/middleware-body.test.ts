import net from 'node:net'
import { gzipSync } from 'node:zlib'
import express from 'express'
import { backend, endpoint, type Middleware } from 'monobloc'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createEndpoint, createHttpServer, type Used, useInto } from '../../src/http/index.ts'
import { call, expectProblem } from './call.ts'
import { memoryHost } from './memory-host.ts'
import { serveApp, serveNode } from './served-app.ts'

const take = () => endpoint('POST /take', { body: z.object({ a: z.coerce.number() }), handle: ({ body }) => body })
const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const big = { a: 1, fill: 'x'.repeat(200_000) }

/** Reads all of a body, and says nothing of it. */
const swallow: Middleware = async (req, _res, next) => {
  for await (const _ of req);
  next()
}

/** Listens in, as a logger does, and goes on at once. */
const listen: Middleware = (req, _res, next) => {
  req.on('data', () => {})
  next()
}

const later: Middleware = (_req, _res, next) => setTimeout(next, 5)

describe('a body that middleware has in its hands', () => {
  test.each<[string, Middleware[]]>([
    ['parsed as JSON', [express.json({ limit: '1mb' })]],
    ['parsed on a route above', [express.json({ limit: '1mb' }), later]],
    ['read to its end and thrown away', [swallow]],
    ['listened to', [listen]],
    ['listened to, and waited for', [listen, later]],
    ['not touched, but waited for', [later]],
  ])('reaches the route: %s', async (_, middleware) => {
    const { port } = await serveApp(backend({ serve: [take()] }).use(...middleware))
    expect((await call(port, 'POST /take', { body: { a: 1 } })).json).toEqual({ a: 1 })
    const large = await call(port, 'POST /take', { body: big })
    expectProblem(large, 422, 'validation_failed')
    const chunks = new Blob(['{"a":', '2}']).stream()
    const chunked = await fetch(`http://127.0.0.1:${port}/take`, {
      method: 'POST',
      body: chunks,
      headers: json,
      duplex: 'half',
    } as RequestInit)
    expect(await chunked.json()).toEqual({ a: 2 })
  })
  test('in whatever form a parser has made of it', async () => {
    const app = backend({
      serve: [take(), endpoint('POST /text', { body: z.string(), handle: ({ body }) => `text ${body}` })],
    }).use(express.urlencoded(), express.text(), express.json())
    const { port } = await serveApp(app)
    expect((await call(port, 'POST /take', { body: 'a=5', headers: form })).json).toEqual({ a: 5 })
    expect((await call(port, 'POST /text', { body: 'hi', headers: { 'content-type': 'text/plain' } })).json).toBe(
      'text hi',
    )
    const packed = gzipSync('{"a":6}')
    expect(
      (await call(port, 'POST /take', { body: packed, headers: { ...json, 'content-encoding': 'gzip' } })).json,
    ).toEqual({ a: 6 })
    expectProblem(
      await call(port, 'POST /take', { body: '<a/>', headers: { 'content-type': 'text/xml' } }),
      415,
      'unsupported_media_type',
    )
  })
  test('changed by middleware, and changed it is what the route sees', async () => {
    const app = backend({ serve: [take()] }).use(express.json(), (req, _res, next) => {
      req.body = { a: req.body.a * 10 }
      next()
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'POST /take', { body: { a: 1 } })).json).toEqual({ a: 10 })
  })
  test('is not taken from an older parser that has made {} of what it did not read', async () => {
    const app = backend({ serve: [take()] }).use((req, _res, next) => {
      req.body = {}
      next()
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'POST /take', { body: { a: 1 } })).json).toEqual({ a: 1 })
  })
  test('has the strictness of ours where no parser has read it', async () => {
    const { port } = await serveApp(backend({ serve: [take()] }).use(swallow))
    expectProblem(await call(port, 'POST /take', { body: '{"a":1,"a":2}', headers: json }), 400, 'malformed_json')
    expectProblem(await call(port, 'POST /take', { body: '{"a":1}', headers: form }), 415, 'unsupported_media_type')
  })
  test('is held to our limit where we read it, to the parser’s where that does', async () => {
    const limited = () =>
      endpoint('POST /take', { bodyLimit: 50, body: z.any(), handle: ({ body }) => JSON.stringify(body).length })
    const of = (bytes: number) => ({ body: JSON.stringify('x'.repeat(bytes - 2)), headers: json })
    for (const middleware of [swallow, listen, later]) {
      const { port } = await serveApp(backend({ serve: [limited()] }).use(middleware))
      expect((await call(port, 'POST /take', of(50))).json).toBe(50)
      expectProblem(await call(port, 'POST /take', of(51)), 413, 'body_too_large')
    }
    const { port } = await serveApp(backend({ serve: [limited()] }).use(express.json({ strict: false, limit: 60 })))
    expect((await call(port, 'POST /take', of(60))).json).toBe(60)
    expectProblem(await call(port, 'POST /take', of(61)), 413, 'body_too_large')
  })
  test('is held to our limit unpacked, where a parser that unpacks takes more', async () => {
    const limited = endpoint('POST /take', { bodyLimit: 50, body: z.any(), handle: ({ body }) => body.length })
    const { port } = await serveApp(backend({ serve: [limited] }).use(express.json({ strict: false })))
    const headers = { ...json, 'content-encoding': 'gzip' }
    const of = (bytes: number) => ({ body: gzipSync(JSON.stringify('x'.repeat(bytes - 2))), headers })
    expect((await call(port, 'POST /take', of(50))).json).toBe(48)
    expectProblem(await call(port, 'POST /take', of(51)), 413, 'body_too_large')
  })
  test('that a parser refuses is a problem', async () => {
    const { port } = await serveApp(backend({ serve: [take()] }).use(express.json()))
    expectProblem(await call(port, 'POST /take', { body: '{', headers: json }), 400, 'malformed_request')
  })
  test('that was read before us and left nowhere is our fault, and said so in the log', async () => {
    const app = backend({ serve: [take()] })
    const { lines } = await serveApp(app, { listen: false })
    const { toNodeHandler } = await import('monobloc')
    const handler = toNodeHandler(app)
    const port = await serveNode(async (req, res) => {
      for await (const _ of req);
      handler(req, res)
    })
    expectProblem(await call(port, 'POST /take', { body: { a: 1 } }), 500, 'internal')
    expect(lines.find(({ event }) => event === 'http.failed').error.message).toContain('left no req.body')
  })
})

describe('an Idempotency-Key', () => {
  test.each<[string, Middleware[]]>([
    ['parsed', [express.json()]],
    ['read', [swallow]],
    ['untouched', [later]],
  ])('knows another body from the same: %s', async (_, middleware) => {
    const used: Used[] = []
    useInto(used)(...middleware)
    const route = createEndpoint<unknown, null>()('POST /take', {
      anyone: true,
      body: z.any(),
      handle: ({ body }) => body,
    })
    const server = createHttpServer({ routes: [route], host: memoryHost(), options: { around: { used } } })
    const { port } = await server.listen({ port: 0 })
    const headers = { 'idempotency-key': 'k' }
    expect((await call(port, 'POST /take', { body: { a: 1 }, headers })).json).toEqual({ a: 1 })
    const again = await call(port, 'POST /take', { body: { a: 1 }, headers })
    expect([again.json, again.headers['idempotency-replayed']]).toEqual([{ a: 1 }, 'true'])
    expectProblem(await call(port, 'POST /take', { body: { a: 2 }, headers }), 422, 'idempotency_mismatch')
    await server.close()
  })
})

test('a client that goes away in the middle of a body leaves nothing behind', async () => {
  let ran = 0
  const app = backend({
    serve: [endpoint('POST /take', { body: z.any(), handle: () => ++ran }), endpoint('GET /', { handle: () => 1 })],
  }).use(listen)
  const { port } = await serveApp(app)
  const socket = net.connect(port, '127.0.0.1')
  socket.write('POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a"')
  await new Promise((resolve) => socket.once('connect', resolve))
  expect((await call(port, 'GET /')).json).toBe(1)
  socket.destroy()
  expect((await call(port, 'GET /')).json).toBe(1)
  expect(ran).toBe(0)
})

describe('JSON that middleware has parsed', () => {
  test.each<[string, string | Uint8Array, object]>([
    ['a key that stands there twice', '{"a":1,"a":2}', {}],
    ['a number that is lost', '{"a":1,"fill":9007199254740993}', {}],
    ['a key that reaches for the prototype', '{"a":1,"__proto__":{}}', {}],
    ['packed', gzipSync('{"a":1,"a":2}'), { 'content-encoding': 'gzip' }],
  ])('is refused where ours would be: %s', async (_, body, headers) => {
    const { port } = await serveApp(backend({ serve: [take()] }).use(express.json()))
    expectProblem(
      await call(port, 'POST /take', { body, headers: { ...json, ...headers } as Record<string, string> }),
      400,
      'malformed_json',
    )
  })
})
