import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import {
  createEndpoint,
  createHttpServer,
  type Endpoint,
  type HttpServer,
  type HttpServerOptions,
  requestDone,
  requestFailed,
  requestUnread,
} from '../../src/http/index.ts'
import { Diagnostics } from '../../src/observe/index.ts'
import { call, callRaw, expectProblem } from './call.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const endpoint = createEndpoint<{ db: unknown }, TestUser>()
const hello = endpoint('GET /hello', { anyone: true, handle: () => ({ hello: 'world' }) })
const take = endpoint('POST /take', {
  anyone: true,
  body: z.object({ text: z.string() }),
  handle: ({ body }) => body.text.length,
})
const small = endpoint('POST /small', {
  anyone: true,
  bodyLimit: 20,
  body: z.object({ text: z.string() }),
  handle: ({ body }) => body.text.length,
})
const fail = endpoint('GET /fail', {
  anyone: true,
  handle() {
    throw new Error('the private side')
  },
})

const running: HttpServer[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.close()
})

async function serve(
  options: HttpServerOptions = {},
  routes: Endpoint[] = [hello, take, small, fail],
): Promise<{ server: HttpServer; port: number }> {
  const server = createHttpServer({ routes, host: memoryHost(), options })
  running.push(server)
  return { server, port: (await server.listen({ port: 0 })).port }
}

/** A GET whose target, names and values of the header have this many bytes together. */
function requestOf(bytes: number): string {
  const counted = '/hello' + 'Host' + 'x' + 'Connection' + 'close' + 'X-Fill'
  return `GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Fill: ${'x'.repeat(bytes - counted.length)}\r\n\r\n`
}

describe('limits, at the bound and one past it', () => {
  test('bytes of a body, said in advance', async () => {
    const { port } = await serve({ limits: { body: 100 } })
    const body = (bytes: number) => ({
      body: `{"text":"${'x'.repeat(bytes - 11)}"}`,
      headers: { 'content-type': 'application/json' },
    })
    expect((await call(port, 'POST /take', body(100))).json).toBe(89)
    const refused = await call(port, 'POST /take', body(101))
    expectProblem(refused, 413, 'body_too_large')
    expect(refused.json.errors).toEqual([
      { in: 'body', pointer: '#', code: 'too_big', detail: 'must have at most 100 bytes' },
    ])
    expect((await call(port, 'POST /small', body(20))).json).toBe(9)
    expectProblem(await call(port, 'POST /small', body(21)), 413, 'body_too_large')
  })
  test('bytes of a body in chunks, and the connection lives on', async () => {
    const { port } = await serve({ limits: { body: 100 } })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const send = (bytes: number) => {
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; socket: unknown }>()
      const outgoing = http.request(
        { port, method: 'POST', path: '/take', agent, headers: { 'content-type': 'application/json' } },
        (response) => {
          const { socket } = response
          response.resume().on('end', () => resolve({ status: response.statusCode!, socket }))
        },
      )
      outgoing.on('error', reject)
      outgoing.write('{"text":"')
      outgoing.write('x'.repeat(bytes - 11))
      outgoing.end('"}')
      return promise
    }
    const results = [await send(100), await send(101), await send(100)]
    expect(results.map(({ status }) => status)).toEqual([200, 413, 200])
    expect(new Set(results.map(({ socket }) => socket)).size).toBe(1)
    agent.destroy()
  })
  test('bytes of the header', async () => {
    const { port } = await serve({ limits: { header: 2000 } })
    expect(await callRaw(port, requestOf(2000))).toMatch(/^HTTP\/1.1 200/)
    const answer = await callRaw(port, requestOf(2001))
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    expect(answer).toContain('"code":"headers_too_large"')
  })
  test('fields of the header', async () => {
    const { port } = await serve({ limits: { headerFields: 10 } })
    const fields = (count: number) =>
      `GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${Array.from({ length: count - 2 }, (_, at) => `X-${at}: 1\r\n`).join('')}\r\n`
    expect(await callRaw(port, fields(10))).toMatch(/^HTTP\/1.1 200/)
    expect(await callRaw(port, fields(11))).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"headers_too_large"/)
    expect(await callRaw(port, fields(60))).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"headers_too_large"/)
  })
  test('bytes of the target', async () => {
    const { port } = await serve({ limits: { target: 50 } })
    expect((await call(port, `GET /hello?${'x'.repeat(43)}`)).status).toBe(200)
    expectProblem(await call(port, `GET /hello?${'x'.repeat(44)}`), 414, 'uri_too_long')
  })
  test('levels of JSON', async () => {
    const { port } = await serve({ limits: { jsonDepth: 3 } }, [
      endpoint('POST /any', { anyone: true, body: z.any(), handle: () => 1 }),
    ])
    expect((await call(port, 'POST /any', { body: [[[]]] })).status).toBe(200)
    expectProblem(await call(port, 'POST /any', { body: [[[[]]]] }), 400, 'malformed_json')
  })
  test('time for the header and for the whole request', async () => {
    const { port } = await serve({ limits: { headerTimeout: 50, requestTimeout: 100 } })
    expect(await callRaw(port, 'GET /hello HTTP/1.1\r\nHost: x\r\n')).toMatch(
      /^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/,
    )
    const slow = 'POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'
    expect(await callRaw(port, slow)).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/)
  })
  test('the defaults are what the documentation says', async () => {
    const { port } = await serve()
    const body = (bytes: number) => ({
      body: `{"text":"${'x'.repeat(bytes - 11)}"}`,
      headers: { 'content-type': 'application/json' },
    })
    expect((await call(port, 'POST /take', body(1_048_576))).status).toBe(200)
    expectProblem(await call(port, 'POST /take', body(1_048_577)), 413, 'body_too_large')
    expect((await call(port, `GET /hello?${'x'.repeat(8185)}`)).status).toBe(200)
    expectProblem(await call(port, `GET /hello?${'x'.repeat(8186)}`), 414, 'uri_too_long')
    expect(await callRaw(port, requestOf(16_384))).toMatch(/^HTTP\/1.1 200/)
    expect(await callRaw(port, requestOf(16_385))).toMatch(/^HTTP\/1.1 431/)
  })
})

describe('idle connections', () => {
  test('are closed after their time, and not while something comes or is answered', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<string>()
    const slow = endpoint('GET /slow', { anyone: true, transaction: false, handle: () => held })
    const { port } = await serve({ limits: { keepAlive: 200 } }, [hello, slow])
    const idle = net.connect(port, '127.0.0.1')
    const busy = net.connect(port, '127.0.0.1')
    const answers = { idle: '', busy: '' }
    idle.on('data', (chunk) => (answers.idle += chunk)).write('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n')
    busy.on('data', (chunk) => (answers.busy += chunk)).write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(idle, 'close')
    expect(answers.idle).toContain('"hello"')
    release('done')
    await once(busy, 'close')
    expect(answers.busy).toContain('"done"')
  })
})

test('a client that stops reading an answer is cut', async () => {
  const large = endpoint('GET /large', { anyone: true, handle: () => 'x'.repeat(20_000_000) })
  const { server, port } = await serve({ limits: { streamStall: 200 } }, [large])
  const stopped = net.connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void stopped.destroy())
  stopped.pause().write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(server.fastify.server, 'request')
  const connections = () =>
    new Promise<number>((resolve) => server.fastify.server.getConnections((_, count) => resolve(count)))
  await vi.waitFor(async () => expect(await connections()).toBe(0), 45_000)
})

describe('what is no request', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['an unknown method', 'FETCH / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no host', 'GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two hosts', 'GET /hello HTTP/1.1\r\nHost: x\r\nhost: y\r\nConnection: close\r\n\r\n'],
    ['two equal hosts', 'GET /hello HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nHOST: x\r\nConnection: close\r\n\r\n'],
    ['two hosts in HTTP/1.0', 'GET /hello HTTP/1.0\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n'],
    ['two hosts in one', 'GET /hello HTTP/1.1\r\nHost: x, y\r\nConnection: close\r\n\r\n'],
    ['a host with a path', 'GET /hello HTTP/1.1\r\nHost: x/y\r\nConnection: close\r\n\r\n'],
    ['a host with a user', 'GET /hello HTTP/1.1\r\nHost: a@x\r\nConnection: close\r\n\r\n'],
    ['a host with a wrong port', 'GET /hello HTTP/1.1\r\nHost: x:80x\r\nConnection: close\r\n\r\n'],
    ['a host with half an address', 'GET /hello HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n'],
    ['two lengths', 'POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a header with a control character', 'GET /hello HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n'],
    ['a folded header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n'],
  ])('is refused as a problem: %s', async (_, text) => {
    const { port } = await serve()
    const answer = await callRaw(port, text)
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
    expect(answer).toContain('content-type: application/problem+json')
    expect(answer).toContain('"code":"malformed_request"')
  })
  test.each(['x', 'x:80', 'x:', '', '127.0.0.1:3000', '[::1]', '[::1]:80', 'a_b.example', '%C3%A4.example', 'x'])(
    'not so the host "%s"',
    async (host) => {
      const { port } = await serve()
      expect((await call(port, 'GET /hello', { headers: { host } })).status).toBe(200)
    },
  )
  test('an answer on the same connection before it is whole', async () => {
    const { port } = await serve()
    const answer = await callRaw(port, 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 200 OK[\s\S]*"hello"[\s\S]*HTTP\/1.1 400 /)
  })
  test('chunks that break off leave the server standing', async () => {
    const { port } = await serve()
    const answer = await callRaw(
      port,
      'POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    const socket = net.connect(port, '127.0.0.1', () =>
      socket.end('POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{'),
    )
    await new Promise((resolve) => socket.resume().on('close', resolve))
    expect((await call(port, 'GET /hello')).status).toBe(200)
  })
})

describe('errors', () => {
  test('show the private side in development only', async () => {
    const { port } = await serve({ development: true })
    const answer = await call(port, 'GET /fail')
    expectProblem(answer, 500, 'internal')
    expect(answer.json.debug.cause).toContain('the private side')
  })
  test('take the form that the app gives them', async () => {
    const { port } = await serve({
      errors: (problem, error) =>
        problem.code === 'validation_failed'
          ? {
              status: 400,
              headers: { 'X-Form': 'own' },
              body: { errors: problem.errors!.map((one) => one.pointer), is: (error as Error).name },
            }
          : undefined,
    })
    const own = await call(port, 'POST /take', { body: {} })
    expect(own).toMatchObject({ status: 400, json: { errors: ['#/text'], is: 'MonoblocError' } })
    expect(own.headers).toMatchObject({ 'content-type': 'application/json', 'x-form': 'own' })
    expectProblem(await call(port, 'GET /missing'), 404, 'not_found')
  })
  test('in a form of the app that can not be sent still end the request, and not the server', async () => {
    const forms = { take: { body: { big: 1n } }, missing: { body: {}, headers: { 'x-form': 'a\r\nb' } } }
    const { port } = await serve({
      errors: ({ status }) => ({ status, ...forms[status === 404 ? 'missing' : 'take'] }),
    })
    for (const request of ['POST /take', 'GET /missing']) {
      const answer = await call(port, request, { body: {} })
      expect(answer).toMatchObject({ status: 500, body: '' })
      expect(answer.headers['x-request-id']).toMatch(/./)
    }
    expect((await call(port, 'GET /hello')).status).toBe(200)
  })
  test('are problems when the app fails to give them a form', async () => {
    const { port } = await serve({
      errors() {
        throw new Error('mapper')
      },
    })
    expectProblem(await call(port, 'GET /missing'), 404, 'not_found')
  })
})

describe('events', () => {
  test('tell each request in one, without header fields, and each failure with its cause', async () => {
    const diagnostics = new Diagnostics()
    const done: any[] = []
    const failed: any[] = []
    const unread: any[] = []
    diagnostics.subscribe((kind, event) =>
      (kind === requestDone ? done : kind === requestFailed ? failed : unread).push(event),
    )
    const { port } = await serve({ diagnostics })
    const answer = await call(port, 'GET /hello?a=1', { headers: { authorization: 'Bearer ann', cookie: 'secret=1' } })
    await call(port, 'GET /missing')
    await call(port, 'GET /fail')
    await callRaw(port, 'nonsense\r\n\r\n')
    expect(done).toHaveLength(3)
    expect(done[0]).toEqual({
      request: answer.headers['x-request-id'],
      method: 'GET',
      route: '/hello',
      url: '/hello?a=1',
      status: 200,
      duration: expect.any(Number),
      bytes: 17,
      address: expect.stringContaining('127.0.0.1'),
    })
    expect(done[1]).toMatchObject({ route: null, status: 404, code: 'not_found' })
    expect(failed).toMatchObject([
      { route: '/fail', code: 'internal', error: { cause: { message: 'the private side' } } },
    ])
    expect(unread).toMatchObject([{ code: 'malformed_request' }])
    expect(requestDone).toMatchObject({ name: 'http.request' })
    expect(requestUnread).toMatchObject({ name: 'http.unread' })
  })
})

describe('the life of a server', () => {
  test('lists its routes and refuses what is declared twice', async () => {
    const { server } = await serve()
    expect(server.routes().map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /hello',
      'POST /take',
      'POST /small',
      'GET /fail',
    ])
    expect(() => createHttpServer({ routes: [hello, hello], host: memoryHost() })).toThrow(
      expect.objectContaining({ code: 'definition_invalid' }),
    )
  })
  test('finishes what has begun when it closes, and closes connections after it', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: held, resolve: release } = Promise.withResolvers<string>()
    const slow = endpoint('GET /slow', {
      anyone: true,
      handle() {
        begin()
        return held
      },
    })
    const { server, port } = await serve({}, [slow])
    const answer = call(port, 'GET /slow', { headers: { connection: 'keep-alive' } })
    await begun
    const closed = Promise.all([server.close(), server.close()])
    release('done')
    expect(await answer).toMatchObject({ status: 200, json: 'done', headers: { connection: 'close' } })
    await closed
    await expect(call(port, 'GET /slow')).rejects.toThrow('ECONNREFUSED')
  })
  test('tells the handler when the client has gone', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: aborted, resolve: abort } = Promise.withResolvers<AbortSignal>()
    const slow = endpoint('GET /slow', {
      anyone: true,
      transaction: false,
      handle({ signal }) {
        signal.addEventListener('abort', () => abort(signal))
        begin()
        return new Promise(() => {})
      },
    })
    const { port } = await serve({}, [slow])
    const outgoing = http.get({ port, path: '/slow' })
    outgoing.on('error', () => {})
    await begun
    outgoing.destroy()
    expect((await aborted).reason).toMatchObject({ code: 'request_timeout' })
  })
})

describe('the head of an answer', () => {
  const ask = (method: string, path: string, version: string, fields: string) =>
    `${method} ${path} HTTP/${version}\r\nHost: x\r\n${fields}\r\n`
  const umlaut = endpoint('GET /umlaut', { anyone: true, handle: () => ({ text: 'ü😀' }) })
  const said = endpoint('GET /said', {
    anyone: true,
    handle({ reply }) {
      reply.header('X-Said', 'yes').header('set-cookie', 'a=1').header('set-cookie', 'b=2')
      return { said: true }
    },
  })

  test.each([
    ['/hello', '{"hello":"world"}'],
    ['/umlaut', '{"text":"ü😀"}'],
    ['/said', '{"said":true}'],
  ])('is the same on a connection that goes on as on one that ends: %s', async (path, body) => {
    const { port } = await serve({}, [hello, umlaut, said])
    const answers = await callRaw(
      port,
      ask('GET', path, '1.1', '') + ask('HEAD', path, '1.1', '') + ask('GET', path, '1.1', 'Connection: close\r\n'),
    )
    const last = await callRaw(port, ask('GET', path, '1.0', ''))
    const [going, head, ending, old] = `${answers}${last}`.split(/(?=HTTP\/1\.1 )/).map((one) => {
      const [lines, text] = one.split('\r\n\r\n')
      const [status, ...fields] = lines!.split('\r\n')
      const named = fields.map((field) => field.replace(/^(date|x-request-id): .+/i, '$1').toLowerCase()).sort()
      return {
        status,
        text,
        fields: named.filter((field) => !field.startsWith('connection:')),
        connection: named.find((field) => field.startsWith('connection:')),
      }
    })
    expect(going).toMatchObject({ status: 'HTTP/1.1 200 OK', text: body, connection: 'connection: keep-alive' })
    expect(going!.fields).toContain(`content-length: ${Buffer.byteLength(body)}`)
    expect(head).toEqual({ ...going, text: '' })
    expect(ending).toEqual({ ...going, connection: 'connection: close' })
    expect(old).toEqual(ending)
  })

  test('says a status that has no name, and what is none of ours, and sends nothing behind a 204', async () => {
    const odd = endpoint('GET /odd', { anyone: true, handle: ({ reply }) => reply.status(299) && { odd: true } })
    const none = endpoint('GET /none', { anyone: true, returns: { 204: z.null() }, handle: () => null })
    const { port } = await serve({}, [hello, odd, none])
    const note = (message: unknown) =>
      (message as { response: http.ServerResponse }).response.setHeader('x-watched', 'yes')
    diagnostics.subscribe('http.server.request.start', note)
    onTestFinished(() => void diagnostics.unsubscribe('http.server.request.start', note))
    const watched = await callRaw(
      port,
      ask('GET', '/hello', '1.1', '') + ask('GET', '/hello', '1.1', 'Connection: close\r\n'),
    )
    expect(watched.match(/^x-watched: yes\r$/gm)).toHaveLength(2)
    diagnostics.unsubscribe('http.server.request.start', note)
    const answers = await callRaw(
      port,
      `${ask('GET', '/none', '1.1', '')}${ask('GET', '/odd', '1.1', 'Connection: close\r\n')}`,
    )
    const [empty, last] = answers.split(/(?=HTTP\/1\.1 )/)
    expect(empty).toMatch(/^HTTP\/1\.1 204 No Content\r\n(?:.+\r\n)+\r\n$/)
    expect(last).toMatch(/^HTTP\/1\.1 299 unknown\r\n(?:.+\r\n)+\r\n{"odd":true}$/)
    expect(await callRaw(port, ask('GET', '/odd', '1.0', ''))).toContain('HTTP/1.1 299 unknown')
    const going = await callRaw(
      port,
      ask('GET', '/odd', '1.1', '') + ask('GET', '/odd', '1.1', 'Connection: close\r\n'),
    )
    expect(going.match(/HTTP\/1\.1 299 unknown/g)).toHaveLength(2)
  })
})

describe('plugins of Fastify', () => {
  test('run before our routes: their header fields stay, their errors are problems, their routes are served', async () => {
    const { port } = await serve({
      async extend(fastify: FastifyInstance) {
        fastify.addHook('onRequest', async (request, reply) => {
          reply.header('x-plugin', 'yes')
          if (request.headers['x-stop']) throw Object.assign(new Error('stop'), { statusCode: 429 })
        })
        fastify.get('/theirs', () => ({ by: 'fastify' }))
      },
    })
    const ours = await call(port, 'GET /hello')
    expect(ours).toMatchObject({ status: 200, headers: { 'x-plugin': 'yes' } })
    expect((await call(port, 'GET /theirs')).json).toEqual({ by: 'fastify' })
    expectProblem(await call(port, 'GET /hello', { headers: { 'x-stop': '1' } }), 429, 'too_many_requests')
    expectProblem(await call(port, 'GET /missing'), 404, 'not_found')
    expectProblem(await call(port, 'GET /%ff'), 400, 'malformed_request')
  })
})
