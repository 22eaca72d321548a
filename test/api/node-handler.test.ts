import express from 'express'
import { backend, define, endpoint, model, type NodeHandler, t, toNodeHandler } from 'monobloc'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { call, expectProblem } from './call.ts'
import { folderWith } from './child-app.ts'
import { serveApp, serveNode } from './served-app.ts'

const ours = () => [
  endpoint('GET /ours', { handle: ({ request }) => request.url }),
  endpoint('POST /take', { body: z.object({ a: z.number() }), handle: ({ body }) => body }),
  endpoint('GET /broken', {
    handle() {
      throw new Error('x')
    },
  }),
]

describe('a backend in an Express app', () => {
  test('answers what it routes, at its place among the others, and lets the rest go on as it came', async () => {
    const app = backend({ serve: ours() }).use((req, _res, next) => {
      req.touched = true
      next()
    })
    await serveApp(app, { listen: false })
    const outer = express()
    outer.get('/api/first', (_req, res) => void res.send('first'))
    outer.use('/api', toNodeHandler(app))
    outer.use(
      (req, res) => void res.json([req.url, req.baseUrl, req.originalUrl, req.app === outer, (req as any).touched]),
    )
    const port = await serveNode(outer)
    expect((await call(port, 'GET /api/first')).body).toBe('first')
    const answer = await call(port, 'GET /api/ours?x=1')
    expect([answer.json, answer.headers['x-powered-by']]).toEqual(['/api/ours?x=1', 'Express'])
    expect(answer.headers['x-request-id']).toBeDefined()
    for (const request of ['GET /api/none?x=1', 'DELETE /api/ours?x=1', 'GET /api/%zz?x=1'])
      expect((await call(port, request)).json).toEqual([request.split(' ')[1], '', request.split(' ')[1], true, true])
    expect((await call(port, 'OPTIONS /api/ours')).headers.allow).toBe('GET, HEAD, OPTIONS')
    expect((await call(port, 'HEAD /api/ours')).headers['content-type']).toBe('application/json')
    expect((await call(port, 'GET /api/livez')).json).toEqual({ status: 'ok' })
  })
  test('answers its own errors, and leaves those of others alone', async () => {
    const app = backend({ serve: ours() })
    await serveApp(app, { listen: false })
    const seen: string[] = []
    const outer = express()
    outer.use(toNodeHandler(app))
    outer.get('/fails', () => {
      throw new Error('of the outer app')
    })
    outer.use(((error, _req, res, _next) => {
      seen.push(error.message)
      res.status(500).send('outer')
    }) as express.ErrorRequestHandler)
    const port = await serveNode(outer)
    expectProblem(await call(port, 'GET /broken'), 500, 'internal')
    expectProblem(await call(port, 'POST /take', { body: { a: 'x' } }), 422, 'validation_failed')
    expect((await call(port, 'GET /fails')).body).toBe('outer')
    expect(seen).toEqual(['of the outer app'])
  })
  test('sees the body that a parser in front of it has read, or reads it', async () => {
    const app = backend({ serve: ours() })
    await serveApp(app, { listen: false })
    const outer = express()
    outer.use('/parsed', express.json(), toNodeHandler(app))
    const later: express.RequestHandler = (_req, _res, next) => void setTimeout(() => next(), 5)
    outer.use('/plain', later, toNodeHandler(app))
    const port = await serveNode(outer)
    expect((await call(port, 'POST /parsed/take', { body: { a: 1 } })).json).toEqual({ a: 1 })
    expect((await call(port, 'POST /plain/take', { body: { a: 2 } })).json).toEqual({ a: 2 })
  })
  test('gives its addresses as clients see them', async () => {
    const Note = model('note', { id: t.id(), text: t.text() })
    const { policy, resource, endpoint } = define({ models: { Note } })
    policy(Note, { anyone: { read: true, create: true } })
    const away = endpoint('POST /away', {
      anyone: true,
      handle: ({ reply }) => void reply.created('https://b.example/1'),
    })
    const app = backend({ serve: [resource(Note, { at: '/notes', limit: { default: 1 } }), away] })
    await serveApp(app, { listen: false })
    const outer = express()
    outer.use('/api', toNodeHandler(app))
    const port = await serveNode(outer)
    const made = await call(port, 'POST /api/notes', { body: { text: 'a' } })
    expect(made.headers.location).toBe(`/api/notes/${made.json.id}`)
    await call(port, 'POST /api/notes', { body: { text: 'b' } })
    const page = await call(port, 'GET /api/notes')
    const next = /^<(\/api\/notes\?[^>]*)>; rel="next"$/.exec(page.headers.link as string)![1]
    expect((await call(port, `GET ${next}`)).json).toHaveLength(1)
    expect((await call(port, 'POST /api/away')).headers.location).toBe('https://b.example/1')
  })
})

describe('its life', () => {
  test('starts with its first request, where nobody has started it', async () => {
    const app = backend({ serve: ours(), logLevel: 'silent' })
    const port = await serveNode(toNodeHandler(app))
    const answers = await Promise.all([call(port, 'GET /ours'), call(port, 'GET /ours')])
    expect(answers.map(({ json }) => json)).toEqual(['/ours', '/ours'])
    expect(app.address).toBeUndefined()
    expectProblem(await call(port, 'GET /none'), 404, 'not_found')
    await app.stop()
  })
  test('once stopped it answers 503 or lets the outer app say so, and starts again only when told', async () => {
    const app = backend({ serve: ours(), logLevel: 'silent' })
    await app.start({ listen: false })
    const outer = express()
    outer.use('/api', toNodeHandler(app))
    outer.use(
      ((error, _req, res, _next) => void res.status(error.status).send(error.code)) as express.ErrorRequestHandler,
    )
    const [within, alone] = [await serveNode(outer), await serveNode(toNodeHandler(app))]
    await app.stop()
    const refused = await call(within, 'GET /api/ours')
    expect([refused.status, refused.body]).toEqual([503, 'shutting_down'])
    expectProblem(await call(alone, 'GET /ours'), 503, 'shutting_down')
    await app.start({ listen: false })
    expect((await call(alone, 'GET /ours')).json).toBe('/ours')
    await app.stop()
  })
  test('a start that fails is told to each request, and tried again', async () => {
    let works = false
    const Thing = model('thing', { id: t.id() })
    const { policy, endpoint } = define({ models: { Thing } })
    policy(Thing, { anyone: { read: true } })
    const app = backend({
      serve: [endpoint('GET /', { anyone: true, handle: () => 'up' })],
      database: `${folderWith({})}/app.db`,
      logLevel: 'silent',
      seed: async () => {
        if (!works) throw new Error('not yet')
      },
    })
    const outer = express()
    outer.use(toNodeHandler(app))
    outer.use(((error, _req, res, _next) => void res.status(500).send(error.message)) as express.ErrorRequestHandler)
    const port = await serveNode(outer)
    expect((await call(port, 'GET /')).body).toMatch(/not yet/)
    works = true
    await expect.poll(async () => (await call(port, 'GET /')).json).toBe('up')
    await app.stop()
  })
  test('stop waits for what is under way', async () => {
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const slow = endpoint('GET /slow', {
      async handle() {
        entered.resolve()
        await gate.promise
        return 'done'
      },
    })
    const app = backend({ serve: [slow], logLevel: 'silent' })
    const port = await serveNode(toNodeHandler(app))
    const answer = call(port, 'GET /slow')
    await entered.promise
    let stopped = false
    const stopping = app.stop().then(() => (stopped = true))
    expect(stopped).toBe(false)
    gate.resolve()
    expect((await answer).json).toBe('done')
    await stopping
  })
  test('what takes longer than the drain is cut', async () => {
    const entered = Promise.withResolvers<void>()
    const hang = endpoint('GET /hang', {
      handle: () => {
        entered.resolve()
        return new Promise(() => {})
      },
    })
    const app = backend({ serve: [hang], logLevel: 'silent', drain: 20 })
    const port = await serveNode(toNodeHandler(app))
    const answer = call(port, 'GET /hang')
    answer.catch(() => {})
    await entered.promise
    await app.stop()
    await expect(answer).rejects.toThrow(/socket hang up/)
  })
  test('listens and answers for another server at once', async () => {
    const app = backend({ serve: ours() })
    const { port: own } = await serveApp(app)
    const port = await serveNode(toNodeHandler(app))
    for (const one of [own, port]) expect((await call(one, 'GET /ours')).json).toBe('/ours')
  })
  test('takes a backend and nothing else', () => {
    expect(() => toNodeHandler({} as never)).toThrow(/toNodeHandler takes a backend/)
    const handler: NodeHandler = toNodeHandler(backend({ serve: [] }))
    expect(handler).toHaveLength(3)
  })
})

test('a backend mounts in another', async () => {
  const inner = backend({ serve: ours(), logLevel: 'silent' })
  const { port } = await serveApp(backend({ serve: [], mount: { '/inner': toNodeHandler(inner) } }))
  expect((await call(port, 'GET /inner/ours')).json).toBe('/inner/ours')
  expectProblem(await call(port, 'GET /inner/none'), 404, 'not_found')
  await inner.stop()
})
