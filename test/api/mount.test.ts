import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import express from 'express'
import { backend, endpoint, type Mountable } from 'monobloc'
import { describe, expect, test } from 'vitest'
import { call, callRaw, expectProblem } from './call.ts'
import { serveApp } from './served-app.ts'

const ours = endpoint('GET /ours', { handle: () => 'ours' })

describe('an app of Express', () => {
  test('answers what is below its path, and sees the rest of it', async () => {
    const legacy = express()
    const inner = express.Router()
    inner.get('/:id', (req, res) => {
      res.json([
        req.baseUrl,
        req.url,
        req.originalUrl,
        req.path,
        req.params.id,
        req.query.q,
        req.get('host')?.slice(0, 9),
      ])
    })
    legacy.use('/people', inner)
    const { port } = await serveApp(backend({ serve: [ours], mount: { '/legacy': legacy } }))
    const answer = await call(port, 'GET /legacy/people/7?q=x')
    expect(answer.json).toEqual(['/legacy/people', '/7?q=x', '/legacy/people/7?q=x', '/7', '7', 'x', '127.0.0.1'])
    expect(answer.headers['x-powered-by']).toBe('Express')
    for (const name of ['x-request-id', 'content-security-policy', 'cache-control'])
      expect(answer.headers[name]).toBeUndefined()
    expect((await call(port, 'GET /ours')).json).toBe('ours')
    expectProblem(await call(port, 'GET /legacyx/people/7'), 404, 'not_found')
  })
  test('at the root has all but our routes, and each method of a path goes to whom it belongs', async () => {
    const legacy = express()
    legacy.all('/ours', (req, res) => void res.send(`legacy ${req.method}`))
    legacy.get('/other', (_req, res) => void res.send('other'))
    const { port } = await serveApp(backend({ serve: [ours], mount: { '/': legacy } }))
    expect((await call(port, 'GET /ours')).json).toBe('ours')
    expect((await call(port, 'HEAD /ours')).headers['content-type']).toBe('application/json')
    expect((await call(port, 'POST /ours')).body).toBe('legacy POST')
    expect((await call(port, 'GET /other')).body).toBe('other')
    const head = await call(port, 'HEAD /other')
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '5', ''])
    expect((await call(port, 'OPTIONS /other')).headers.allow).toBe('GET, HEAD')
    expect((await call(port, 'OPTIONS /ours')).headers.allow).toBe('GET, HEAD, OPTIONS')
  })
  test('is listed with the routes', () => {
    const app = backend({ serve: [ours], mount: { '/': express(), '/legacy': express() } })
    expect(app.routes().map(({ method, path, source }) => [method, path, source])).toEqual([
      ['*', '/*', 'mount'],
      ['*', '/legacy/*', 'mount'],
      ['GET', '/ours', 'endpoint'],
    ])
  })
  test('says its own 404 and its own errors', async () => {
    const legacy = express()
    legacy.set('env', 'test')
    legacy.get('/boom', () => {
      throw Object.assign(new Error('boom'), { status: 418 })
    })
    const { port } = await serveApp(backend({ serve: [], mount: { '/legacy': legacy } }))
    const missing = await call(port, 'GET /legacy/none')
    expect([missing.status, missing.body]).toEqual([404, expect.stringContaining('Cannot GET /legacy/none')])
    const failed = await call(port, 'GET /legacy/boom')
    expect([failed.status, failed.body]).toEqual([418, expect.stringContaining('Error: boom')])
    const malformed = await call(port, 'GET /legacy/%zz')
    expect([malformed.status, malformed.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8'])
  })
  test('comes after our middleware, and gets the request as it came, with what that has added', async () => {
    const legacy = express()
    legacy.get('/', (req, res) => void res.json([(req as any).user, res.locals.a, req.app === legacy, req.originalUrl]))
    const plain: Mountable = (req, res) =>
      res.end([typeof res.json, typeof req.get, req.user, req.next, req.params].join())
    const app = backend({ serve: [], mount: { '/legacy': legacy, '/plain': plain } }).use((req, res, next) => {
      req.user = 'ann'
      res.locals.a = 1
      res.set('x-ours', 'yes')
      next()
    })
    const { port } = await serveApp(app)
    const answer = await call(port, 'GET /legacy')
    expect([answer.json, answer.headers['x-ours']]).toEqual([['ann', 1, true, '/legacy'], 'yes'])
    expect((await call(port, 'GET /plain')).body).toBe('undefined,undefined,ann,,')
  })
})

describe('routers, functions and paths', () => {
  test('a router that has nothing lets go on to a shorter path, and at last to our 404', async () => {
    const router = express.Router()
    router.get('/a', (req, res) => void res.send(`router ${req.baseUrl}`))
    router.get('/fails', (_req, _res, next) => next(Object.assign(new Error(), { status: 403 })))
    const plain: Mountable = (req, res, next) => (req.url === '/api/b' ? res.end(`plain ${req.url}`) : next())
    const { port } = await serveApp(backend({ serve: [], mount: { '/': plain, '/api': router } }))
    expect((await call(port, 'GET /api/a')).body).toBe('router /api')
    expect((await call(port, 'GET /api/b')).body).toBe('plain /api/b')
    expectProblem(await call(port, 'GET /api/c'), 404, 'not_found')
    expectProblem(await call(port, 'GET /api/fails'), 403, 'forbidden')
  })
  test('a function that throws or rejects is a problem', async () => {
    const mount = {
      '/throws': () => {
        throw new Error('x')
      },
      '/rejects': async () => {
        throw new Error('x')
      },
    } satisfies Record<`/${string}`, Mountable>
    const { port } = await serveApp(backend({ serve: [], mount }))
    expectProblem(await call(port, 'GET /throws'), 500, 'internal')
    expectProblem(await call(port, 'GET /rejects/x'), 500, 'internal')
  })
  test.each<[Record<string, unknown>, RegExp]>([
    [{ '/:id': () => {} }, /fixed segments only/],
    [{ '/a*': () => {} }, /fixed segments only/],
    [{ a: () => {} }, /fixed segments only/],
    [{ '/a': {} }, /takes an Express app/],
    [{ '/a': () => {}, '/A/': () => {} }, /the same path/],
  ])('is refused: %j', async (mount, message) => {
    await expect(backend({ serve: [], mount: mount as never }).start({ port: 0 })).rejects.toThrow(message)
  })
})

describe('what travels', () => {
  /** A mounted function, and a raw connection to it. */
  async function mounted(answer: (req: http.IncomingMessage, res: http.ServerResponse) => unknown) {
    return (await serveApp(backend({ serve: [ours], mount: { '/m': answer } }))).port
  }

  test('streams in both directions, with backpressure', async () => {
    const port = await mounted((req, res) => req.pipe(res))
    const body = Buffer.alloc(8_000_000, 'abcdefgh')
    const answer = await call(port, 'POST /m', {
      body,
      headers: { 'transfer-encoding': 'chunked', 'content-length': [] },
    })
    expect(answer.bytes.equals(body)).toBe(true)
  })
  test('answers that come late, in pieces, and with trailers', async () => {
    const port = await mounted(async (_req, res) => {
      await turn()
      res.writeHead(200, { trailer: 'x-sum' })
      res.write('a')
      await turn()
      res.write('b')
      res.addTrailers({ 'x-sum': '2' })
      res.end()
    })
    const request = http.get({ port, path: '/m', agent: false })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const text = (await response.toArray()).join('')
    expect([text, response.trailers]).toEqual(['ab', { 'x-sum': '2' }])
  })
  test('trailers and 100-continue of a request', async () => {
    const port = await mounted(async (req, res) => {
      const body = (await req.toArray()).join('')
      res.end(JSON.stringify([body, req.trailers]))
    })
    const raw = await callRaw(
      port,
      'POST /m HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nTrailer: x-a\r\n\r\n2\r\nhi\r\n0\r\nx-a: 1\r\n\r\n',
    )
    expect(raw).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
    expect(raw).toContain('["hi",{"x-a":"1"}]')
  })
  test('requests that are broken off', async () => {
    const closed = Promise.withResolvers<boolean>()
    const begun = Promise.withResolvers<void>()
    const port = await mounted((req, res) => {
      req.on('data', () => begun.resolve())
      res.once('close', () => closed.resolve(req.destroyed && !res.writableFinished))
    })
    const socket = net.connect(port, '127.0.0.1')
    socket.write('POST /m HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
    await begun.promise
    socket.destroy()
    expect(await closed.promise).toBe(true)
    expect((await call(port, 'GET /ours')).json).toBe('ours')
  })
  test('connections are kept, and pipelined answers stay in order', async () => {
    const port = await mounted(
      (req, res) => void (req.url === '/slow' ? setTimeout(() => res.end('slow'), 10) : res.end('fast')),
    )
    const get = (path: string, last = false) =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\n${last ? 'Connection: close\r\n' : ''}\r\n`
    const raw = await callRaw(port, get('/m/slow') + get('/ours') + get('/m/fast', true))
    expect([...raw.matchAll(/HTTP\/1.1 200|slow|fast|"ours"/g)].map(([match]) => match)).toEqual([
      'HTTP/1.1 200',
      'slow',
      'HTTP/1.1 200',
      '"ours"',
      'HTTP/1.1 200',
      'fast',
    ])
  })
  test('an upgrade goes to whoever listens for it on the server, and else is a request', async () => {
    const port = await mounted((req, res) => {
      const { server } = req.socket as unknown as { server: http.Server }
      if (server.listenerCount('upgrade') === 0) {
        server.on('upgrade', (_request, socket) =>
          socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\nConnection: Upgrade\r\n\r\nhello'),
        )
      }
      res.end('plain')
    })
    const asks = 'GET /m HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n'
    const socket = net.connect(port, '127.0.0.1')
    socket.write(asks)
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*plain/)
    socket.destroy()
    expect(await callRaw(port, asks)).toMatch(/^HTTP\/1.1 101[\s\S]*hello$/)
  })
})

describe('limits', () => {
  test('of ours are not a mounted app’s: length of the target, fields, body and time are Node’s and its own', async () => {
    const legacy = express()
    legacy.post(
      '/',
      express.text({ limit: '3mb' }),
      (req, res) => void res.json([req.body.length, req.url.length, req.rawHeaders.length / 2]),
    )
    const app = backend({ serve: [ours], mount: { '/m': legacy }, limits: { deadline: 20 } })
    const { port } = await serveApp(app)
    const fields = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`x-${at}`, '1']))
    const query = 'q'.repeat(9000)
    const answer = await call(port, `POST /m?${query}`, {
      body: 'x'.repeat(2_000_000),
      headers: { ...fields, 'content-type': 'text/plain' },
    })
    expect(answer.json).toEqual([2_000_000, 9002, expect.any(Number)])
    expect(answer.json[2]).toBeGreaterThan(200)
    expectProblem(await call(port, `GET /ours?${query}`), 414, 'uri_too_long')
    expectProblem(await call(port, 'GET /ours', { headers: fields }), 431, 'headers_too_large')
    expect(await callRaw(port, 'GET /m HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400/)
    const oddHost = 'Host: http://x\r\nConnection: close\r\n\r\n'
    expect(await callRaw(port, `GET /m HTTP/1.1\r\n${oddHost}`)).toMatch(/^HTTP\/1.1 404 [\s\S]*Cannot GET/)
    expect(await callRaw(port, `GET /ours HTTP/1.1\r\n${oddHost}`)).toMatch(/^HTTP\/1.1 400/)
  })
  test('of ours stay where our route is, at the root too', async () => {
    const { port } = await serveApp(backend({ serve: [ours], mount: { '/': (_req, res) => res.end('m') } }))
    expectProblem(await call(port, `GET /ours?${'q'.repeat(9000)}`), 414, 'uri_too_long')
    expect((await call(port, `GET /x?${'q'.repeat(9000)}`)).body).toBe('m')
  })
})

test('what a mounted app answers is logged, and drained', async () => {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const app = backend({
    serve: [],
    mount: {
      '/m': async (_req, res) => {
        entered.resolve()
        await gate.promise
        res.end('late')
      },
    },
  })
  const { port, lines } = await serveApp(app)
  const answer = call(port, 'GET /m/x?token=1')
  await entered.promise
  const stopped = app.stop()
  gate.resolve()
  expect([(await answer).body, (await answer).headers.connection]).toEqual(['late', 'close'])
  await stopped
  expect(lines.find(({ event }) => event === 'http.request')).toMatchObject({ status: 200, route: null, method: 'GET' })
})
