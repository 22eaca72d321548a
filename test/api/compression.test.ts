import http from 'node:http'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createEndpoint,
  createHttpServer,
  type Endpoint,
  type HttpServer,
  type HttpServerOptions,
} from '../../src/http/index.ts'
import { type Called, call } from './call.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const endpoint = createEndpoint<{ db: unknown }, TestUser>()
const anyone = { anyone: true } as const
/** JSON of so many bytes. */
const text = (bytes: number) => 'x'.repeat(bytes - 2)

const sized = endpoint('GET /sized/:bytes', { ...anyone, handle: ({ params }) => text(Number(params.bytes)) })
const issue = endpoint('POST /tokens', { ...anyone, handle: () => text(5000) })
const forced = endpoint('POST /forced', { ...anyone, compress: true, handle: () => text(5000) })
const never = endpoint('GET /never', { ...anyone, compress: false, handle: () => text(5000) })
const always = endpoint('GET /always', { ...anyone, compress: true, handle: () => text(5000) })
const typed = endpoint('GET /typed/*', {
  ...anyone,
  handle({ params, reply }) {
    reply.header('content-type', params['*'])
    return Buffer.alloc(5000, 'a')
  },
})
const said = endpoint('GET /said', {
  ...anyone,
  query: z.record(z.string(), z.string()),
  handle({ query, reply }) {
    for (const [name, value] of Object.entries(query)) reply.header(name, value)
    return text(5000)
  },
})
const fail = endpoint('GET /fail', {
  ...anyone,
  handle({ reply }) {
    reply.status(404)
    return text(5000)
  },
})
const count = endpoint('GET /count', {
  ...anyone,
  handle({ reply }) {
    reply.header('content-type', 'text/plain')
    return Readable.from(['one', 'two'])
  },
})
const events = endpoint('GET /events', {
  ...anyone,
  handle({ reply }) {
    reply.header('content-type', 'text/event-stream')
    return Readable.from(['data: one\n\n'])
  },
})
const routes = [sized, issue, forced, never, always, typed, said, fail, count, events]

const running: HttpServer[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.close()
})

async function serve(options: HttpServerOptions = {}, served: readonly Endpoint[] = routes): Promise<number> {
  const server = createHttpServer({ routes: served, host: memoryHost(), options })
  running.push(server)
  return (await server.listen({ port: 0 })).port
}

const decoders: Record<string, (bytes: Buffer) => Buffer> = {
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
  zstd: zlib.zstdDecompressSync,
}

const get = (port: number, path: string, headers: Record<string, string> = {}) =>
  call(port, `GET ${path}`, { headers: { 'accept-encoding': 'gzip, br', ...headers } })

function encodingOf({ headers }: Called): string | undefined {
  return headers['content-encoding']
}

test.each(['br', 'gzip', 'zstd'])('%s is read back as what was sent', async (encoding) => {
  const port = await serve()
  // At once, in another thread, and both again from memory or not.
  for (const bytes of [1024, 32_768, 32_769, 65_536, 65_537, 200_000, 5000, 5000]) {
    const answer = await call(port, `GET /sized/${bytes}`, { headers: { 'accept-encoding': encoding } })
    expect(answer.headers['content-encoding']).toBe(encoding)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(Number(answer.headers['content-length'])).toBe(answer.bytes.length)
    expect(answer.bytes.length).toBeLessThan(bytes / 5)
    expect(JSON.parse(decoders[encoding]!(answer.bytes).toString())).toHaveLength(bytes - 2)
  }
})

test('begins at 1 KiB, and not a byte below', async () => {
  const port = await serve()
  const [below, at] = [await get(port, '/sized/1023'), await get(port, '/sized/1024')]
  expect([encodingOf(below), encodingOf(at)]).toEqual([undefined, 'br'])
  expect([below.headers.vary, at.headers.vary]).toEqual([undefined, 'Accept-Encoding'])
})

test('says that it depends on Accept-Encoding to whoever sends none, too', async () => {
  const port = await serve()
  const plain = await call(port, 'GET /sized/1024')
  expect(encodingOf(plain)).toBeUndefined()
  expect(plain.headers.vary).toBe('Accept-Encoding')
  expect(plain.headers['content-length']).toBe('1024')
})

describe('a secret is not compressed beside what a stranger may choose', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['nobody', {}, 'br'],
    ['a bearer token, which no other page can make a browser send', { authorization: 'Bearer ann' }, 'br'],
    ['a cookie, which any page can', { cookie: 'a=b' }, undefined],
  ])('%s', async (_who, headers, expected) => {
    const port = await serve()
    expect(encodingOf(await get(port, '/sized/5000', headers))).toBe(expected)
  })

  test.each(['Basic YTpi', 'basic YTpi', 'Negotiate x'])(
    'credentials that a browser keeps: %s',
    async (authorization) => {
      const host = { ...memoryHost(), identify: () => null }
      const server = createHttpServer({ routes, host })
      running.push(server)
      const { port } = await server.listen({ port: 0 })
      expect(encodingOf(await get(port, '/sized/5000', { authorization }))).toBeUndefined()
      expect(encodingOf(await get(port, '/always', { authorization }))).toBe('br')
    },
  )

  test('answers to changes, where tokens are issued', async () => {
    const port = await serve()
    const headers = { 'accept-encoding': 'br' }
    expect(encodingOf(await call(port, 'POST /tokens', { headers }))).toBeUndefined()
    expect(encodingOf(await call(port, 'POST /forced', { headers }))).toBe('br')
  })

  test('what must not be stored, and what sets a cookie', async () => {
    const port = await serve()
    for (const query of ['cache-control=no-store', 'cache-control=private,%20No-Store', 'set-cookie=a%3Db'])
      expect(encodingOf(await get(port, `/said?${query}`))).toBeUndefined()
    expect(encodingOf(await get(port, '/said?cache-control=max-age%3D60'))).toBe('br')
  })

  test('errors', async () => {
    const port = await serve()
    expect(encodingOf(await get(port, '/fail'))).toBeUndefined()
  })

  test('but where a route says that it holds none', async () => {
    const port = await serve()
    expect(encodingOf(await get(port, '/always', { cookie: 'a=b' }))).toBe('br')
    expect(encodingOf(await get(port, '/never'))).toBeUndefined()
  })
})

test('is off or on for a whole app, and a route goes before', async () => {
  const off = await serve({ compress: false })
  const answer = await get(off, '/sized/5000')
  expect([encodingOf(answer), answer.headers.vary]).toEqual([undefined, undefined])
  expect(encodingOf(await get(off, '/always'))).toBe('br')
  const on = await serve({ compress: true })
  expect(encodingOf(await get(on, '/sized/5000', { cookie: 'a=b' }))).toBe('br')
  expect(encodingOf(await get(on, '/never'))).toBeUndefined()
})

test.each([
  ['text/html; charset=utf-8', 'br'],
  ['text/css', 'br'],
  ['application/javascript', 'br'],
  ['application/problem+json', 'br'],
  ['application/xml', 'br'],
  ['application/atom+xml', 'br'],
  ['application/wasm', 'br'],
  ['image/svg+xml', 'br'],
  ['font/ttf', 'br'],
  ['image/png', undefined],
  ['image/jpeg', undefined],
  ['font/woff2', undefined],
  ['video/mp4', undefined],
  ['application/zip', undefined],
  ['application/pdf', undefined],
  ['application/octet-stream', undefined],
])('%s: %s', async (type, expected) => {
  const port = await serve()
  expect(encodingOf(await get(port, `/typed/${type.replace(' ', '%20')}`))).toBe(expected)
})

test('what is encoded, or may not be changed on its way, is left alone', async () => {
  const port = await serve()
  const encoded = await get(port, '/said?content-encoding=x-own')
  expect(encodingOf(encoded)).toBe('x-own')
  expect(JSON.parse(encoded.body)).toHaveLength(4998)
  expect(encodingOf(await get(port, '/said?cache-control=no-transform'))).toBeUndefined()
})

describe('the tag of an encoded answer', () => {
  test('is another one, and both are known again', async () => {
    const port = await serve()
    const tagOf = async (accept: string) =>
      (await get(port, '/sized/5000', { 'accept-encoding': accept })).headers.etag!
    const tags = [await tagOf('identity'), await tagOf('br'), await tagOf('gzip'), await tagOf('zstd')]
    expect(new Set(tags).size).toBe(4)
    for (const tag of tags) {
      expect(tag).toMatch(/^"/)
      for (const accept of ['identity', 'br']) {
        const again = await get(port, '/sized/5000', { 'accept-encoding': accept, 'if-none-match': tag })
        expect([again.status, again.body, again.headers.etag]).toEqual([304, '', tag])
        expect(again.headers.vary).toBe('Accept-Encoding')
        expect(encodingOf(again)).toBeUndefined()
      }
      expect((await get(port, '/sized/5000', { 'if-match': tag })).status).toBe(200)
      expect((await get(port, '/sized/5001', { 'if-match': tag })).status).toBe(412)
      expect((await get(port, '/sized/5001', { 'if-none-match': tag })).status).toBe(200)
    }
  })

  test('stays weak where the handler says a weak one', async () => {
    const port = await serve()
    expect((await get(port, '/said?etag=W/"1"')).headers.etag).toBe('W/"1"')
    expect((await get(port, '/said?etag="1"')).headers.etag).toBe('"1--br"')
  })
})

test('HEAD says what GET would, and sends nothing', async () => {
  const port = await serve()
  const answer = await call(port, 'HEAD /sized/5000', { headers: { 'accept-encoding': 'br' } })
  const { etag, vary } = (await get(port, '/sized/5000')).headers
  expect([answer.status, answer.body, encodingOf(answer)]).toEqual([200, '', 'br'])
  expect(answer.headers).toMatchObject({ etag, vary })
  expect(answer.headers['content-length']).toBeUndefined()
})

describe('a stream', () => {
  test('is encoded as it comes', async () => {
    const port = await serve()
    const answer = await get(port, '/count')
    expect(encodingOf(answer)).toBe('br')
    expect(zlib.brotliDecompressSync(answer.bytes).toString()).toBe('onetwo')
  })

  test.each(['br', 'gzip', 'zstd'])('leaves piece by piece in %s, and does not wait for its end', async (encoding) => {
    const source = new Readable({ read() {} })
    const pieces = endpoint('GET /pieces', {
      ...anyone,
      handle({ reply }) {
        reply.header('content-type', 'text/plain')
        return source
      },
    })
    const port = await serve({}, [pieces])
    const { promise, resolve } = Promise.withResolvers<string>()
    const asked = http.get({ port, path: '/pieces', headers: { 'accept-encoding': encoding } }, (response) => {
      const decoder = { br: zlib.createBrotliDecompress, gzip: zlib.createGunzip, zstd: zlib.createZstdDecompress }
      response.pipe(decoder[encoding as 'br']()).once('data', (piece) => resolve(String(piece)))
    })
    source.push('first')
    expect(await promise).toBe('first')
    source.push(null)
    asked.destroy()
  })

  test('of events is not: each client would keep an encoder for hours', async () => {
    const port = await serve()
    expect(encodingOf(await get(port, '/events'))).toBeUndefined()
    expect(encodingOf(await get(await serve({ compress: true }), '/events'))).toBe('br')
  })

  test('whose HEAD is asked for is let go', async () => {
    let closed = false
    const source = new Readable({
      read() {},
      destroy(error, done) {
        closed = true
        done(error)
      },
    })
    const endless = endpoint('GET /endless', {
      ...anyone,
      handle({ reply }) {
        reply.header('content-type', 'text/plain')
        return source
      },
    })
    const port = await serve({}, [endless])
    const answer = await call(port, 'HEAD /endless', { headers: { 'accept-encoding': 'br' } })
    expect([encodingOf(answer), closed]).toEqual(['br', true])
  })
})

test('an answer from memory is never an older one', async () => {
  let value = 'a'
  const changing = endpoint('GET /changing', { ...anyone, handle: () => value.repeat(5000) })
  const port = await serve({}, [changing])
  for (const next of ['a', 'a', 'b', 'a']) {
    value = next
    const { bytes } = await get(port, '/changing')
    expect(JSON.parse(zlib.brotliDecompressSync(bytes).toString())).toBe(next.repeat(5000))
  }
})
