import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { backend, define, eventStream, model, ndjson, t } from 'monobloc'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createEndpoint, createHttpServer, type Endpoint, type HttpServerOptions } from '../../src/http/index.ts'
import type { Logger } from '../../src/observe/index.ts'
import { call, callRaw, expectProblem } from './call.ts'
import { memoryHost } from './memory-host.ts'
import { openApiErrors } from './openapi-check.ts'

const endpoint = createEndpoint<{ db: unknown }, null>()
const Tick = z.object({ n: z.int() })
const anyone = { anyone: true } as const

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const warnings: string[] = []
const log = {
  child: () => log,
  warn: (message: string) => warnings.push(message),
  error() {},
  info() {},
  debug() {},
} as unknown as Logger

async function serve(routes: Endpoint[], options: HttpServerOptions = {}) {
  const server = createHttpServer({ routes, host: memoryHost(), options: { log, ...options } })
  ends.push(() => server.close())
  return { server, port: (await server.listen({ port: 0 })).port }
}

const get = (target: string, fields = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${fields}Connection: close\r\n\r\n`

/** A client that is gone when `leave` is called, and reads only while it is told to. */
async function open(port: number, target: string): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  ends.push(async () => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(get(target))
  return socket
}

describe('events', () => {
  test('are written as the standard says, under fields that keep everyone from holding them back', async () => {
    const events = endpoint('GET /events', {
      ...anyone,
      returns: eventStream(Tick, { retry: 5000 }),
      async *handle({ lastEventId }) {
        yield { id: '1', data: { n: 1, hidden: lastEventId } as { n: number } }
        yield { id: 'é2', event: 'tock', retry: 10, data: { n: 2 } }
      },
    })
    const { port } = await serve([events], { compress: true as never })
    const { status, headers, body } = await call(port, 'GET /events', {
      headers: { accept: 'text/event-stream', 'accept-encoding': 'gzip' },
    })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(headers).not.toHaveProperty('content-encoding')
    expect(body).toBe('retry: 5000\n\nid: 1\ndata: {"n":1}\n\nretry: 10\nevent: tock\nid: é2\ndata: {"n":2}\n\n')
    expectProblem(await call(port, 'GET /events', { headers: { accept: 'application/json' } }), 406, 'not_acceptable')
    expect((await call(port, 'HEAD /events')).body).toBe('')
  })

  test('go on where the client left off', async () => {
    const events = endpoint('GET /events', {
      ...anyone,
      returns: { 200: eventStream(Tick), 204: null },
      handle({ lastEventId }) {
        if (lastEventId === 'ende') return undefined
        return (async function* () {
          yield { data: { n: Number(lastEventId?.length ?? 0) } }
        })()
      },
    })
    const { port } = await serve([events])
    expect((await call(port, 'GET /events')).body).toContain('data: {"n":0}')
    const utf8 = Buffer.from('né').toString('latin1')
    expect((await call(port, 'GET /events', { headers: { 'last-event-id': utf8 } })).body).toContain('data: {"n":2}')
    expect((await call(port, 'GET /events', { headers: { 'last-event-id': 'ende' } })).status).toBe(204)
  })

  test('begin before there is one, and a heartbeat stands in for those that do not come', async () => {
    const events = endpoint('GET /events', {
      ...anyone,
      returns: eventStream(Tick, { heartbeat: 100 }),
      async *handle({ signal }) {
        await once(signal, 'abort')
        yield { data: { n: 1 } }
      },
    })
    const { port } = await serve([events])
    const comments = (answer: string) => answer.split(':\n\n').length - 1
    const answer = await callRaw(port, get('/events'), { until: (text) => comments(text) >= 3 })
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/)
    expect(answer).not.toContain('data')
  })

  test.each([
    ['an id with a line end', { id: 'a\nb', data: { n: 1 } }],
    ['an id with U+0000', { id: 'a\0', data: { n: 1 } }],
    ['a type with a line end', { event: 'a\rb', data: { n: 1 } }],
    ['data that its schema does not describe', { data: { n: 'one' } }],
    ['no data', { id: '1' }],
    ['a retry that is no time', { data: { n: 1 }, retry: -1 }],
  ])('%s breaks the stream', async (_, event) => {
    const events = endpoint('GET /events', {
      ...anyone,
      returns: eventStream(Tick),
      async *handle() {
        yield event as never
      },
    })
    const { port } = await serve([events])
    await expect(call(port, 'GET /events')).rejects.toThrow(/aborted|hang up/)
  })

  test.each([99, 600_001, 1.5])('a heartbeat of %s ms is refused', (heartbeat) => {
    expect(() => eventStream(Tick, { heartbeat })).toThrow('heartbeat')
  })
  test.each([100, 600_000])('a heartbeat of %s ms is taken', (heartbeat) => {
    expect(eventStream(Tick, { heartbeat }).heartbeat).toBe(heartbeat)
  })
})

describe('lines', () => {
  test('are JSON, as their schema has them', async () => {
    const lines = endpoint('GET /lines', {
      ...anyone,
      returns: ndjson(Tick),
      async *handle() {
        yield { n: 1 }
        yield { n: 2, more: 'left out' } as { n: number }
      },
    })
    const { port } = await serve([lines])
    const answer = await call(port, 'GET /lines')
    expect(answer.headers['content-type']).toBe('application/x-ndjson')
    expect(answer.body).toBe('{"n":1}\n{"n":2}\n')
  })

  test('come of any async iterable without a description; text and bytes under a type of their own', async () => {
    async function* parts() {
      yield 'one '
      yield 'two'
    }
    const routes = [
      endpoint('GET /lines', { ...anyone, handle: parts }),
      endpoint('GET /text', {
        ...anyone,
        handle({ reply }) {
          reply.header('content-type', 'text/plain')
          return parts()
        },
      }),
      endpoint('GET /web', { ...anyone, handle: () => new Blob(['bytes']).stream() }),
    ]
    const { port } = await serve(routes)
    expect((await call(port, 'GET /lines')).body).toBe('"one "\n"two"\n')
    expect(await call(port, 'GET /text')).toMatchObject({ body: 'one two', headers: { 'content-type': 'text/plain' } })
    expect((await call(port, 'GET /web')).body).toBe('bytes')
  })

  test('what breaks half-way breaks the connection, and is logged', async () => {
    const lines = endpoint('GET /lines', {
      ...anyone,
      returns: ndjson(Tick),
      async *handle() {
        yield { n: 1 }
        throw new Error('the source broke')
      },
    })
    const { port } = await serve([lines])
    warnings.length = 0
    const answer = await callRaw(port, get('/lines'))
    expect(answer).toContain('{"n":1}')
    expect(answer).not.toContain('\r\n0\r\n')
    expect(warnings).toEqual(['A streamed answer broke off'])
  })
})

describe('clients', () => {
  test('one that goes ends the source, and is no fault', async () => {
    const told: string[] = []
    const lines = endpoint('GET /lines', {
      ...anyone,
      returns: ndjson(Tick),
      async *handle({ signal }) {
        try {
          yield { n: 1 }
          await once(signal, 'abort')
          told.push('aborted')
        } finally {
          told.push('returned')
        }
      },
    })
    const { port } = await serve([lines])
    warnings.length = 0
    const socket = await open(port, '/lines')
    await once(socket, 'data')
    socket.destroy()
    await vi.waitFor(() => expect(told).toEqual(['aborted', 'returned']), 45_000)
    expect(warnings).toEqual([])
  })

  test('one that goes: a source that heeds no signal is told that nobody reads', async () => {
    let returned = 0
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => (returned ? Promise.race([]) : Promise.resolve({ value: 'x'.repeat(65_536), done: false })),
        return: async () => {
          returned++
          return { value: undefined, done: true }
        },
      }),
    }
    const { port } = await serve([
      endpoint('GET /lines', { ...anyone, returns: ndjson(z.string()), handle: () => source }),
    ])
    const socket = await open(port, '/lines')
    await once(socket, 'data')
    socket.destroy()
    await vi.waitFor(() => expect(returned).toBe(1), 45_000)
  })

  test('a slow one is not written to faster than it reads; one that stops reading is cut', async () => {
    let made = 0
    const lines = endpoint('GET /lines', {
      ...anyone,
      returns: ndjson(z.string()),
      async *handle() {
        for (; made < 5000; made++) yield 'x'.repeat(65_536)
      },
    })
    const slow = await serve([lines])
    const socket = await open(slow.port, '/lines')
    socket.pause()
    let before = -1
    await vi.waitFor(
      () => {
        const still = before === made && made > 0
        before = made
        expect(still).toBe(true)
      },
      { interval: 100, timeout: 45_000 },
    )
    // Buffers of two sockets hold some megabytes; the source would have made 320.
    expect(made).toBeLessThan(1000)
    socket.resume()
    await vi.waitFor(() => expect(made).toBeGreaterThan(before), 45_000)
    socket.destroy()
    made = 0
    const strict = await serve([lines], { limits: { streamStall: 100 } })
    const stopped = await open(strict.port, '/lines')
    stopped.pause()
    await vi.waitFor(() => expect(made).toBeGreaterThan(0), 45_000)
    await vi.waitFor(
      async () => {
        const count = await new Promise<number>((resolve) =>
          strict.server.fastify.server.getConnections((_, open) => resolve(open)),
        )
        expect(count).toBe(0)
      },
      { timeout: 45_000 },
    )
    expect(made).toBeLessThan(1000)
  })

  test('one that has gone before there was an answer leaves no source behind, and takes nobody’s place', async () => {
    const gone = Promise.withResolvers<void>()
    const made: Readable[] = []
    const reasons: unknown[] = []
    const late = endpoint('GET /late', {
      ...anyone,
      async handle(context) {
        const { socket } = context.req as http.IncomingMessage
        if (!socket.destroyed) await once(socket, 'close')
        reasons.push((context.signal.reason as { code: string } | undefined)?.code)
        made.push(new Readable({ read() {} }))
        gone.resolve()
        return made[0]
      },
    })
    const now = endpoint('GET /now', { ...anyone, handle: () => Readable.from([Buffer.from('now')]) })
    const { port } = await serve([late, now], { limits: { streams: 1 } })
    const socket = await open(port, '/late')
    socket.destroy()
    await gone.promise
    await vi.waitFor(() => expect(made[0]!.destroyed).toBe(true))
    expect(reasons).toEqual(['request_timeout'])
    expect((await call(port, 'GET /now')).body).toBe('now')
  })

  test('are as many as they may be, and no more', async () => {
    const events = endpoint('GET /events', {
      ...anyone,
      returns: eventStream(Tick),
      async *handle({ signal }) {
        await once(signal, 'abort')
        yield { data: { n: 1 } }
      },
    })
    const { port } = await serve([events], { limits: { streams: 2 } })
    const sockets = [await open(port, '/events'), await open(port, '/events')]
    for (const socket of sockets) await once(socket, 'data')
    expectProblem(await call(port, 'GET /events'), 503, 'overloaded')
    sockets[0]!.destroy()
    await vi.waitFor(async () => {
      const answer = await callRaw(port, get('/events'), {
        until: (text) => text.includes(':\n\n') || /^HTTP\/1.1 503/.test(text),
      })
      expect(answer).toMatch(/^HTTP\/1.1 200/)
    }, 45_000)
  })
})

test('a server that stops ends what has no end, and lets finish what has one', async () => {
  const told: unknown[] = []
  const { promise: go, resolve: start } = Promise.withResolvers<void>()
  const events = endpoint('GET /events', {
    ...anyone,
    returns: eventStream(Tick),
    async *handle({ signal }) {
      signal.addEventListener('abort', () => told.push((signal.reason as { code: string }).code))
      yield { data: { n: 1 } }
      await once(signal, 'abort')
    },
  })
  const lines = endpoint('GET /lines', {
    ...anyone,
    returns: ndjson(Tick),
    async *handle() {
      yield { n: 1 }
      await go
      yield { n: 2 }
    },
  })
  const { port, server } = await serve([events, lines])
  const streams = ['/events', '/lines'].map((target) => callRaw(port, get(target)))
  const again = http.request({ port, path: '/events', agent: new http.Agent({ keepAlive: true }) })
  await vi.waitFor(() => expect(told).toEqual([]), 45_000)
  await callRaw(port, get('/events'), { until: (text) => text.includes('"n":1') })
  await callRaw(port, get('/lines'), { until: (text) => text.includes('"n":1') })
  server.endStreams()
  // Whoever comes now is sent on, by a stream that ends.
  again.end()
  const [late] = (await once(again, 'response')) as [http.IncomingMessage]
  expect((await late.toArray()).join('')).toBe(':\n\n')
  const closed = server.close()
  start()
  const [ended, finished] = await Promise.all(streams)
  expect(ended).toMatch(/data: \{"n":1\}.*\r\n0\r\n\r\n$/s)
  expect(finished).toMatch(/\{"n":1\}.*\{"n":2\}.*\r\n0\r\n\r\n$/s)
  expect(told).toContain('shutting_down')
  await closed
})

describe('with a database', () => {
  const Note = model('note', { id: t.id(), text: t.text() })
  const { endpoint, policy } = define({ models: { Note } })
  policy(Note, { anyone: { read: true, create: true } })

  test('a stream reads rows as they are when it comes to them; in a transaction it is refused', async () => {
    const add = endpoint('POST /notes', {
      body: Note.input('text'),
      returns: { 201: Note },
      handle: ({ db, body }) => db.insert(Note, body),
    })
    const open = endpoint('GET /open', {
      returns: eventStream(Note),
      async *handle({ db }) {
        for (let seen = 0; seen < 2; ) {
          const notes = await db.find(Note, { sort: ['id'] })
          for (const note of notes.slice(seen)) yield { id: note.id, data: note }
          seen = notes.length
          await setImmediate()
        }
      },
    })
    const refused = endpoint('GET /refused', {
      async *handle({ db }) {
        yield await db.count(Note)
      },
    })
    const allowed = endpoint('GET /allowed', {
      transaction: false,
      async *handle({ db }) {
        yield await db.count(Note)
      },
    })
    const folder = mkdtempSync(path.join(tmpdir(), 'streams-'))
    const app = backend({ serve: [add, open, refused, allowed] })
    const { port } = await app.start({ port: 0, folder, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' } })
    ends.push(async () => {
      await app.stop()
      rmSync(folder, { recursive: true })
    })
    await call(port, 'POST /notes', { body: { text: 'one' } })
    const streamed = callRaw(port, get('/open'))
    await call(port, 'POST /notes', { body: { text: 'two' } })
    expect((await streamed).match(/"text":"\w+"/g)).toEqual(['"text":"one"', '"text":"two"'])
    expectProblem(await call(port, 'GET /refused'), 500, 'stream_in_transaction')
    expect((await call(port, 'GET /allowed')).body).toBe('2\n')
    const document = (await call(port, 'GET /openapi.json')).json
    expect(await openApiErrors(document)).toEqual([])
    expect(document.paths['/open'].get.responses[200].content).toHaveProperty(['text/event-stream'])
    expect(app.routes().map(({ path, transaction }) => [path, transaction])).toContainEqual(['/open', 'none'])
  })

  test.each([{ transaction: 'read' }, { transaction: 'write' }, { idempotency: true }] as const)(
    '%j is refused',
    (option) => {
      const make = () => endpoint('GET /x', { ...option, returns: ndjson(Note), async *handle() {} })
      expect(make).toThrow('a stream outlives its transaction')
    },
  )
})
