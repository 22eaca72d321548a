import { backend, endpoint, group, type Middleware } from 'monobloc'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { call, expectProblem } from './call.ts'
import { serveApp } from './served-app.ts'

/** Middleware that notes that it ran, and what it saw. */
function noting(seen: string[]) {
  return (name: string): Middleware =>
    (req, _res, next) => {
      seen.push(`${name} ${req.baseUrl}|${req.url}`)
      next()
    }
}

describe('the order', () => {
  test('app, groups, route; then before hooks likewise; then the handler; then after hooks the other way', async () => {
    const seen: string[] = []
    const note = noting(seen)
    const hooks = (name: string) => ({
      before: () => void seen.push(`before ${name}`),
      after: () => void seen.push(`after ${name}`),
    })
    const read = endpoint('GET /people/:id', {
      ...hooks('route'),
      prepare: () => void seen.push('prepare'),
      handle: ({ params, req }) => {
        seen.push(`handle ${req.baseUrl}|${req.url}`)
        return params
      },
    }).use(note('route'))
    const inner = group({ at: '/v1', serve: [read], ...hooks('inner') }).use(note('inner'))
    const outer = group({ at: '/admin', serve: [inner], ...hooks('outer') }).use(note('outer'))
    const app = backend({ serve: [outer], ...hooks('app') }).use(note('first'), note('second'))
    const { port } = await serveApp(app)
    expect((await call(port, 'GET /admin/v1/people/7?x=1')).json).toEqual({ id: '7' })
    expect(seen).toEqual([
      'first |/admin/v1/people/7?x=1',
      'second |/admin/v1/people/7?x=1',
      'outer /admin|/v1/people/7?x=1',
      'inner /admin/v1|/people/7?x=1',
      'route /admin/v1|/people/7?x=1',
      'before app',
      'before outer',
      'before inner',
      'before route',
      'prepare',
      expect.stringMatching(/^handle (undefined)?\|\/admin\/v1\/people\/7\?x=1$/),
      'after route',
      'after inner',
      'after outer',
      'after app',
    ])
  })
  test.each([
    '/v1/admin/people',
    '/V1/admin/people',
    '/%761/admin/people',
    'http://x/v1/admin/people',
    '/v2/admin/people',
  ])('what guards a path guards it in every version: %s', async (path) => {
    const guard: Middleware = (_req, res) => res.writeHead(401).end()
    const read = endpoint('GET /admin/people', { handle: () => 'secret' })
    const inner = () => group({ at: '/admin', serve: [endpoint('GET /people', { handle: () => 'secret' })] })
    const versions = { known: ['v1', 'v2'] }
    for (const app of [
      backend({ serve: [read], versions }).use('/admin', guard),
      backend({ serve: [inner().use(guard)], versions }),
      backend({ serve: [inner().use('/people', guard)], versions }),
    ]) {
      const { port } = await serveApp(app)
      expect((await call(port, `GET ${path}`)).body).not.toContain('secret')
      expect((await call(port, 'GET /v1/admin/people')).status).toBe(401)
    }
  })
  test('middleware sees the path without its version, and may change it', async () => {
    const seen: string[] = []
    const app = backend({
      serve: [endpoint('GET /api/people', { handle: ({ req }) => req.url! })],
      versions: { known: ['v1', 'v2'], by: { path: '/api' } },
    }).use(noting(seen)('app'), (req, _res, next) => {
      seen.push(req.originalUrl)
      if (req.url.endsWith('?new')) req.url = '/api/people?newer'
      next()
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'GET /api/v1/people?x=1')).json).toBe('/api/v1/people?x=1')
    expect((await call(port, 'GET /api/v1/people?new')).json).toBe('/api/v1/people?newer')
    expect(seen).toEqual(['app |/api/people?x=1', '/api/v1/people?x=1', 'app |/api/people?new', '/api/v1/people?new'])
  })
  test('a path is guarded however it is written, also where middleware makes another method of the request', async () => {
    const app = backend({ serve: [endpoint('DELETE /admin', { handle: () => 'done' })] }).use(
      '/admin',
      (_req, res) => void res.writeHead(401).end(),
    )
    app.use((req, _res, next) => {
      req.method = 'DELETE'
      next()
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'POST /%61dmin')).status).toBe(401)
  })
  test('middleware comes before identity and body; before hooks come after both', async () => {
    const seen: string[] = []
    const create = endpoint('POST /people', {
      body: z.object({ name: z.string() }),
      before: ({ body }) => void seen.push(`before ${body.name}`),
      handle: ({ body }) => body,
    }).use(noting(seen)('middleware'))
    const { port } = await serveApp(backend({ serve: [create] }))
    expectProblem(await call(port, 'POST /people', { body: { name: 1 } }), 422, 'validation_failed')
    expect(seen).toEqual(['middleware |/people'])
    await call(port, 'POST /people', { body: { name: 'ann' } })
    expect(seen.slice(1)).toEqual(['middleware |/people', 'before ann'])
  })
  test('the limits of the header come before all middleware', async () => {
    const seen: string[] = []
    const app = backend({ serve: [], limits: { target: 50 } }).use(noting(seen)('app'))
    const { port } = await serveApp(app)
    expectProblem(await call(port, `GET /${'x'.repeat(50)}`), 414, 'uri_too_long')
    expect(seen).toEqual([])
    expectProblem(await call(port, `GET /${'x'.repeat(49)}`), 404, 'not_found')
    expect(seen).toHaveLength(1)
  })
  test('a path is matched as Express does it, and below it is seen without it', async () => {
    const seen: string[] = []
    const note = noting(seen)
    const app = backend({ serve: [endpoint('GET /a/b', { handle: () => 1 })] })
      .use('/a', note('a'))
      .use('/a/', note('a/'))
      .use(['/x', '/a/b'], note('list'))
      .use(/^\/a/, note('pattern'))
      .use('/:name', (req, _res, next) => {
        seen.push(req.params.name)
        next()
      })
      .use('/ab', note('never'))
    const { port } = await serveApp(app)
    await call(port, 'GET /a/b')
    expect(seen).toEqual(['a /a|/b', 'a/ /a|/b', 'list /a/b|/', 'pattern /a|/b', 'a'])
  })
  test('a path that is written otherwise does not pass by', async () => {
    const admin = endpoint('GET /admin/:page', { handle: ({ params }) => params.page })
    const own = group({ at: '/own', serve: [endpoint('GET /page', { handle: () => 'page' })] })
    const refuse: Middleware = (_req, res) => res.status(403).end()
    const app = backend({ serve: [admin, own.use(refuse)] }).use('/admin', refuse)
    const { port } = await serveApp(app)
    for (const path of [
      '/admin/a',
      '/%61dmin/a',
      '/adm%69n/a',
      '/admin/a/',
      'http://x/admin/a',
      '/own/page',
      '/%6fwn/pag%65',
    ])
      expect([path, (await call(port, `GET ${path}`)).status]).toEqual([path, 403])
    for (const path of ['/ADMIN/a', '/admin%2Fa', '//admin/a', '/own'])
      expect([path, (await call(port, `GET ${path}`)).status >= 400]).toEqual([path, true])
  })
  test('what middleware makes of method and address is what is routed', async () => {
    const app = backend({
      serve: [
        endpoint('DELETE /new/:id', { handle: ({ params, request }) => [params.id, request.url, request.method] }),
      ],
    }).use((req, _res, next) => {
      req.method = 'DELETE'
      req.url = req.url.replace('/old', '/new')
      next()
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'POST /old/7')).json).toEqual(['7', '/old/7', 'DELETE'])
  })
  test('middleware that answers ends the request; what it adds is in the handler’s req', async () => {
    const app = backend({ serve: [endpoint('GET /', { handle: ({ req }) => [req.user, req.res.locals.a] })] })
      .use('/closed', (_req, res) => res.status(418).json({ closed: true }))
      .use(async (req, res, next) => {
        req.user = 'ann'
        res.locals.a = 1
        next()
      })
    const { port, lines } = await serveApp(app)
    const closed = await call(port, 'GET /closed')
    expect([closed.status, closed.json]).toEqual([418, { closed: true }])
    expect(closed.headers['x-request-id']).toBeUndefined()
    expect((await call(port, 'GET /')).json).toEqual(['ann', 1])
    await expect
      .poll(() => lines.filter(({ event }) => event === 'http.request').map(({ status }) => status))
      .toEqual([418, 200])
  })
})

describe('what is no middleware', () => {
  test.each<[string, unknown[]]>([
    ['nothing', []],
    ['a path alone', ['/a']],
    ['an object', [{}]],
    ['something among middleware', [() => {}, 'x']],
    ['a path that is none', [5, () => {}]],
  ])('is refused at once: %s', (_, given) => {
    const app = backend({ serve: [] })
    expect(() => (app.use as (...all: unknown[]) => unknown)(...given)).toThrow(/use\(path\?, middleware\)/)
  })
  test('nor is it taken while the backend runs', async () => {
    const app = backend({ serve: [] })
    await serveApp(app)
    expect(() => app.use(() => {})).toThrow(/before the backend starts/)
  })
})

describe('errors', () => {
  const fail = endpoint('GET /fail', {
    handle() {
      throw Object.assign(new Error('of the handler'), { status: 409 })
    },
  })
  test('go to error middleware from the inside out, and become a problem where none answers', async () => {
    const seen: string[] = []
    const taking = (name: string) => (error: any, _req: any, _res: any, next: any) => {
      seen.push(`${name} ${error.message}`)
      next(error)
    }
    const inner = group({ serve: [fail] }).use(taking('group'))
    const app = backend({ serve: [inner] }).use(taking('app'))
    const { port } = await serveApp(app)
    expectProblem(await call(port, 'GET /fail'), 409, 'conflict')
    expect(seen).toEqual(['group of the handler', 'app of the handler'])
    seen.length = 0
    expectProblem(await call(port, 'GET /none'), 404, 'not_found')
    expect(seen).toEqual([])
  })
  test('are answered by error middleware, and logged as what they were', async () => {
    const broken = endpoint('GET /broken', {
      handle() {
        throw new Error('secret')
      },
    })
    const app = backend({ serve: [broken] }).use((error: any, _req: any, res: any, _next: any) =>
      res.status(500).send(`Something broke: ${error.message.length}`),
    )
    const { port, lines } = await serveApp(app)
    const answer = await call(port, 'GET /broken')
    expect([answer.status, answer.body]).toEqual([500, 'Something broke: 6'])
    await expect.poll(() => lines.find(({ event }) => event === 'http.failed')?.error.cause.message).toBe('secret')
  })
  test.each<[string, Middleware]>([
    [
      'thrown',
      () => {
        throw Object.assign(new Error('no'), { statusCode: 403 })
      },
    ],
    [
      'rejected',
      async () => {
        throw Object.assign(new Error('no'), { statusCode: 403 })
      },
    ],
    ['given to next', (_req, _res, next) => next(Object.assign(new Error('no'), { statusCode: 403 }))],
  ])(
    'of middleware that are %s go to the error middleware after it, then to that of the levels around it',
    async (_, bad) => {
      const seen: string[] = []
      const taking = (name: string) => (error: any, _req: any, _res: any, next: any) => {
        seen.push(name)
        next(error)
      }
      const route = endpoint('GET /', { handle: () => 1 })
        .use(taking('before'))
        .use(bad)
        .use(taking('after'))
      const { port } = await serveApp(backend({ serve: [route] }).use(taking('app')))
      expectProblem(await call(port, 'GET /'), 403, 'forbidden')
      expect(seen).toEqual(['after', 'app'])
    },
  )
  test('of error middleware take the place of the first', async () => {
    const app = backend({ serve: [fail] }).use((_error: any, _req: any, _res: any, _next: any) => {
      throw Object.assign(new Error('worse'), { status: 403 })
    })
    const { port } = await serveApp(app)
    expectProblem(await call(port, 'GET /fail'), 403, 'forbidden')
  })
})

describe('hooks', () => {
  test('before: what it throws is the answer, and the handler does not run', async () => {
    let ran = 0
    const route = endpoint('GET /', { handle: () => ++ran })
    const app = backend({
      serve: [
        group({
          serve: [route],
          before: async () => {
            throw Object.assign(new Error(), { status: 403 })
          },
        }),
      ],
    })
    const { port } = await serveApp(app)
    expectProblem(await call(port, 'GET /'), 403, 'forbidden')
    expect(ran).toBe(0)
  })
  test('after: sees status and error, adds to the header, and can break nothing', async () => {
    const seen: unknown[] = []
    const routes = [
      endpoint('GET /good', { handle: ({ reply }) => void reply.status(202).header('x-a', 'handler') }),
      endpoint('GET /bad', {
        handle: () => {
          throw new Error('x')
        },
      }),
    ]
    const app = backend({
      serve: [
        ...routes,
        group({
          at: '/throws',
          serve: routes,
          after: () => {
            throw new Error('of the hook')
          },
        }),
      ],
      after: async (_context, answer) => {
        seen.push([answer.status, answer.error?.code])
        answer.header('x-a', 'hook')
        answer.header('set-cookie', 'a=1')
        answer.header('set-cookie', 'b=2')
      },
    })
    const { port, lines } = await serveApp(app)
    const good = await call(port, 'GET /good')
    expect([good.status, good.headers['x-a'], good.headers['set-cookie']]).toEqual([202, 'hook', ['a=1', 'b=2']])
    const bad = await call(port, 'GET /bad')
    expectProblem(bad, 500, 'internal')
    expect(bad.headers['x-a']).toBe('hook')
    expect(seen).toEqual([
      [202, undefined],
      [500, 'internal'],
    ])
    expect((await call(port, 'GET /throws/good')).status).toBe(202)
    expect(lines.some(({ message }) => message === 'An after hook threw')).toBe(true)
    expectProblem(await call(port, 'GET /none'), 404, 'not_found')
    expect(seen).toHaveLength(2)
  })
  test('after: runs once the unit of work has ended', async () => {
    const seen: string[] = []
    const route = endpoint('POST /', {
      handle: async () => void seen.push('handle'),
      after: () => void seen.push('after'),
    })
    const { port } = await serveApp(backend({ serve: [route] }))
    await call(port, 'POST /')
    expect(seen).toEqual(['handle', 'after'])
  })
})

describe('a group', () => {
  test('puts its path before those of endpoints, and its manners under theirs', async () => {
    const take = endpoint('POST /take', { body: z.string(), handle: ({ body }) => body.length })
    const wide = endpoint('POST /wide', { bodyLimit: 100, body: z.string(), handle: ({ body }) => body.length })
    const root = endpoint('GET /', { handle: () => 'root' })
    const app = backend({ serve: [group({ at: '/g', bodyLimit: 10, serve: [{ take, wide }, root] })] })
    const { port } = await serveApp(app)
    expect((await call(port, 'GET /g')).json).toBe('root')
    const body = (length: number) => ({
      body: JSON.stringify('x'.repeat(length)),
      headers: { 'content-type': 'application/json' },
    })
    expect((await call(port, 'POST /g/take', body(8))).json).toBe(8)
    expectProblem(await call(port, 'POST /g/take', body(9)), 413, 'body_too_large')
    expect((await call(port, 'POST /g/wide', body(90))).json).toBe(90)
    expect(app.routes().map(({ path }) => path)).toEqual(['/g', '/g/take', '/g/wide'])
  })
  test.each(['admin', '/', '/a/', '/:id', '/a*'])('is refused at %s', (at) => {
    expect(() => group({ at: at as '/', serve: [] })).toThrow(/is no path/)
  })
})

describe('middleware that neither answers nor goes on', () => {
  const stuck: Middleware = () => {}
  const hi = (deadline?: number) => endpoint('GET /hi', { deadline, handle: () => 'hi' })
  test('is given up at the deadline, wherever it stands', async () => {
    const limits = { deadline: 50 }
    const apps: [string, ReturnType<typeof backend>][] = [
      ['/hi', backend({ serve: [hi()], limits }).use(stuck)],
      ['/hi', backend({ serve: [hi().use(stuck)], limits })],
      ['/in/hi', backend({ serve: [group({ at: '/in', serve: [hi()] }).use(stuck)], limits })],
      ['/hi', backend({ serve: [hi(50)] }).use(stuck)],
    ]
    for (const [path, app] of apps) {
      const { port } = await serveApp(app)
      expectProblem(await call(port, `GET ${path}`), 503, 'deadline_exceeded')
    }
  })
  test('on its way back too: the error goes on without it', async () => {
    const app = backend({
      serve: [endpoint('GET /hi', { handle: () => Promise.reject(new Error('no')) })],
      limits: { deadline: 50 },
    })
    app.use((_error: unknown, _req: unknown, _res: unknown, _next: unknown) => {})
    const { port } = await serveApp(app)
    expectProblem(await call(port, 'GET /hi'), 500, 'internal')
  })
  test('may take its time to write', async () => {
    const app = backend({ serve: [hi()], limits: { deadline: 30 } }).use((_req, res) => {
      res.write('slow')
      setTimeout(() => res.end('ly'), 150)
    })
    const { port } = await serveApp(app)
    expect((await call(port, 'GET /hi')).body).toBe('slowly')
  })
})
