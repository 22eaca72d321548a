import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createEndpoint,
  createHttpServer,
  type Endpoint,
  type HttpServer,
  type HttpServerOptions,
  VersionList,
} from '../../src/http/index.ts'
import { define, model, t } from '../../src/index.ts'
import { call, expectProblem } from './call.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const endpoint = createEndpoint<{ db: unknown }, TestUser>()
const list = endpoint('GET /items', { anyone: true, handle: () => ['a'] })
const create = endpoint('POST /items', { body: z.object({ name: z.string() }), handle: ({ body }) => body })
const remove = endpoint('DELETE /items/:id', { handle: () => undefined })
const open = endpoint('GET /open', { anyone: true, cors: { origins: '*', credentials: false }, handle: () => 'open' })
const closed = endpoint('GET /closed', { anyone: true, cors: false, handle: () => 'closed' })
const closedPost = endpoint('POST /open', { anyone: true, cors: false, handle: () => 'closed' })
const routes = [list, create, remove, open, closed, closedPost]

const app = 'https://app.example'
const cors = { origins: [app, 'http://localhost:5173'], credentials: true }

const running: HttpServer[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.close()
})

async function serve(options: HttpServerOptions = { cors }, served: readonly Endpoint[] = routes): Promise<number> {
  const server = createHttpServer({ routes: served, host: memoryHost(), options })
  running.push(server)
  return (await server.listen({ port: 0 })).port
}

function preflight(port: number, path: string, method: string, origin = app, headers: Record<string, string> = {}) {
  return call(port, `OPTIONS ${path}`, { headers: { origin, 'access-control-request-method': method, ...headers } })
}

/** What an answer says to the browser. */
function told(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
}

describe('without any word of CORS', () => {
  test('no answer says anything, and browsers keep other pages out', async () => {
    const port = await serve({}, [list, create])
    const answers = [
      await call(port, 'GET /items', { headers: { origin: app } }),
      await preflight(port, '/items', 'GET'),
      await preflight(port, '/nothing', 'GET'),
    ]
    for (const { headers } of answers) {
      expect(told(headers)).toEqual({})
      expect(headers.vary).toBeUndefined()
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 204, 404])
  })
})

describe('an origin', () => {
  test('that is named is told so, with what its pages may read', async () => {
    const port = await serve()
    const { headers, json } = await call(port, 'GET /items', { headers: { origin: app } })
    expect(json).toEqual(['a'])
    expect(headers['access-control-allow-origin']).toBe(app)
    expect(headers['access-control-allow-credentials']).toBe('true')
    expect(headers['access-control-expose-headers']!.split(', ')).toEqual(
      expect.arrayContaining(['ETag', 'Link', 'Location', 'Retry-After', 'X-Request-Id']),
    )
    expect(headers.vary).toBe('Origin')
  })

  test.each([
    'https://app.example:8443',
    'http://app.example',
    'https://app.example.evil.example',
    'https://evil.example',
    'https://APP.example',
    'https://sub.app.example',
    'https://app.example/',
    'https://app.exampl',
    'null',
    '',
    'https://app.example https://evil.example',
  ])('%j is not %s', async (origin) => {
    const port = await serve()
    const answers = [
      await call(port, 'GET /items', { headers: { origin } }),
      await preflight(port, '/items', 'GET', origin),
    ]
    for (const { headers } of answers) {
      expect(told(headers)).toEqual({})
      expect(headers.vary).toContain('Origin')
    }
    expect(answers[0]!.status).toBe(200)
  })

  test('is varied by where there is none, since a cache may keep the answer', async () => {
    const port = await serve()
    const { headers } = await call(port, 'GET /items')
    expect(headers.vary).toBe('Origin')
    expect(told(headers)).toEqual({})
  })

  test('that is null is let in where a list names it, and never by a function', async () => {
    const named = await serve({ cors: { origins: ['null'] } })
    expect((await call(named, 'GET /items', { headers: { origin: 'null' } })).headers).toMatchObject({
      'access-control-allow-origin': 'null',
    })
    const asked: string[] = []
    const origins = (origin: string) => asked.push(origin) > 0
    const port = await serve({ cors: { origins } })
    for (const origin of ['null', 'app.example', 'https://a.example, https://b.example']) {
      const { headers } = await call(port, 'GET /items', { headers: { origin } })
      expect(told(headers)).toEqual({})
    }
    const { headers } = await call(port, 'GET /items', { headers: { origin: 'https://any.example' } })
    expect(headers['access-control-allow-origin']).toBe('https://any.example')
    expect(asked).toEqual(['https://any.example'])
  })

  test('of a customer is a function to decide', async () => {
    const port = await serve({ cors: { origins: (origin) => /^https:\/\/[a-z]+\.shop\.example$/.test(origin) } })
    const of = async (origin: string) =>
      (await call(port, 'GET /items', { headers: { origin } })).headers['access-control-allow-origin']
    expect(await of('https://ann.shop.example')).toBe('https://ann.shop.example')
    expect(await of('https://ann.shop.example.evil.example')).toBeUndefined()
  })

  test('at which the function throws is refused, and the request is answered', async () => {
    const port = await serve({ cors: { origins: (origin) => new URL(origin).host === 'app.example' } })
    const origin = 'http://['
    const answers = [
      await call(port, 'GET /items', { headers: { origin } }),
      await call(port, 'GET /nothing', { headers: { origin } }),
      await preflight(port, '/items', 'GET', origin),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 204])
    for (const { headers } of answers) expect(told(headers)).toEqual({})
  })

  test('may be any, for answers that are the same for all', async () => {
    const port = await serve({ cors: { origins: '*' } })
    for (const origin of [app, 'null']) {
      const { headers } = await call(port, 'GET /items', { headers: { origin } })
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(headers['access-control-allow-credentials']).toBeUndefined()
      expect(headers.vary).toBeUndefined()
    }
  })
})

describe('a preflight', () => {
  test('is told the methods that the path has, and the fields that may be set', async () => {
    const port = await serve({ cors: { ...cors, headers: ['X-Tenant', 'if-match'], exposed: ['X-Total'], maxAge: 60 } })
    const { status, headers, body } = await preflight(port, '/items', 'POST', app, {
      'access-control-request-headers': 'content-type,x-tenant,x-evil',
    })
    expect([status, body]).toEqual([204, ''])
    expect(headers['access-control-allow-origin']).toBe(app)
    expect(headers['access-control-allow-methods']).toBe('GET, POST, HEAD')
    const allowed = headers['access-control-allow-headers']!.split(', ')
    expect(allowed).toEqual(expect.arrayContaining(['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Tenant']))
    expect(allowed).not.toContain('x-evil')
    expect(allowed.filter((name) => /^if-match$/i.test(name))).toEqual(['If-Match'])
    expect(headers['access-control-max-age']).toBe('60')
    expect(headers.vary).toContain('Origin')
    const { headers: read } = await call(port, 'GET /items', { headers: { origin: app } })
    expect(read['access-control-expose-headers']).toContain('X-Total')
  })

  test('needs no identity, and asks for none', async () => {
    const port = await serve()
    const { status, headers } = await preflight(port, '/items/7', 'DELETE')
    expect([status, headers['access-control-allow-methods']]).toEqual([204, 'DELETE'])
  })

  test('for a method that the path has not is told those that it has', async () => {
    const port = await serve()
    const { headers } = await preflight(port, '/items/7', 'PUT')
    expect(headers['access-control-allow-methods']).toBe('DELETE')
  })

  test('for a path that is not there is 404, which a page may not know from a refusal', async () => {
    const port = await serve()
    expectProblem(await preflight(port, '/nothing', 'GET'), 404, 'not_found')
  })

  test('that asks about a private network learns no more', async () => {
    const port = await serve()
    const { headers } = await preflight(port, '/items', 'GET', app, {
      'access-control-request-private-network': 'true',
    })
    expect(headers['access-control-allow-private-network']).toBeUndefined()
    expect(headers['access-control-allow-origin']).toBe(app)
  })

  test('is one only with an origin and a method: any other OPTIONS says what is allowed', async () => {
    const port = await serve()
    for (const headers of [{}, { origin: app }, { 'access-control-request-method': 'POST' }] as Record<
      string,
      string
    >[]) {
      const answer = await call(port, 'OPTIONS /items', { headers })
      expect([answer.status, answer.headers.allow]).toEqual([204, 'GET, POST, HEAD, OPTIONS'])
      expect(answer.headers['access-control-allow-methods']).toBeUndefined()
    }
  })
})

test('a page says the version of an API, and reads which one it got', async () => {
  const versions = new VersionList({ known: ['v1', 'v2'], by: { header: 'X-Version' } })
  const port = await serve({ cors, versions })
  expect((await preflight(port, '/items', 'GET')).headers['access-control-allow-headers']).toContain('X-Version')
  const { headers } = await call(port, 'GET /items', { headers: { origin: app, 'x-version': 'v1' } })
  expect(headers['access-control-expose-headers']).toContain('X-Version')
  expect(headers.vary!.toLowerCase().split(', ').sort()).toEqual(['origin', 'x-version'])
})

test('a resource says otherwise than its app', async () => {
  const Item = model('item', { id: t.id(), text: t.text() })
  const { resource, policy } = define({ models: { Item } })
  policy(Item, { read: true })
  const items = resource(Item, { at: '/things', cors: { origins: '*', credentials: false }, compress: false })
  const port = await serve({ cors }, items.endpoints)
  const { headers } = await preflight(port, '/things', 'POST', 'https://elsewhere.example')
  expect(told(headers)).toMatchObject({ 'access-control-allow-origin': '*' })
})

test('errors are for the page to read, too', async () => {
  const port = await serve()
  const headers = { origin: app }
  const answers = [
    [await call(port, 'GET /nothing', { headers }), 404, 'not_found'],
    [await call(port, 'POST /items', { headers, body: { name: 'a' } }), 401, 'unauthenticated'],
    [await call(port, 'GET /items', { headers: { ...headers, authorization: 'Bearer x' } }), 401, 'invalid_token'],
    [await call(port, 'PUT /items', { headers }), 405, 'method_not_allowed'],
    [
      await call(port, 'POST /items', { headers: { ...headers, authorization: 'Bearer ann' }, body: {} }),
      422,
      'validation_failed',
    ],
  ] as const
  for (const [answer, status, code] of answers) {
    expectProblem(answer, status, code)
    expect(answer.headers['access-control-allow-origin']).toBe(app)
    expect(answer.headers['access-control-expose-headers']).toContain('WWW-Authenticate')
  }
})

describe('a route', () => {
  test('says otherwise than its app', async () => {
    const port = await serve()
    const headers = { origin: 'https://elsewhere.example' }
    expect(told((await call(port, 'GET /open', { headers })).headers)).toMatchObject({
      'access-control-allow-origin': '*',
    })
    expect(told((await call(port, 'GET /closed', { headers: { origin: app } })).headers)).toEqual({})
    expect(told((await preflight(port, '/closed', 'GET')).headers)).toEqual({})
  })

  test('is opened in an app that says nothing', async () => {
    const port = await serve({}, [list, open])
    const headers = { origin: app }
    expect(told((await call(port, 'GET /open', { headers })).headers)).toMatchObject({
      'access-control-allow-origin': '*',
    })
    expect(told((await call(port, 'GET /items', { headers })).headers)).toEqual({})
  })

  test('is named to a preflight only where the origin may use it', async () => {
    const port = await serve()
    expect((await preflight(port, '/open', 'GET')).headers['access-control-allow-methods']).toBe('GET, HEAD')
    expect(told((await preflight(port, '/open', 'POST')).headers)).toEqual({})
  })
})

describe('what could not be meant is refused at the start, all of it at once', () => {
  test.each<[unknown, RegExp]>([
    [{ origins: ['https://app.example/'] }, /write 'https:\/\/app\.example'/],
    [{ origins: ['https://App.example'] }, /write 'https:\/\/app\.example'/],
    [{ origins: ['https://app.example:443'] }, /write 'https:\/\/app\.example'/],
    [{ origins: ['app.example'] }, /"app\.example" is no origin/],
    [{ origins: ['https://*.example'] }, /say a function/],
    [{ origins: [''] }, /is no origin/],
    [{ origins: [] }, /origins names the pages/],
    [{}, /origins names the pages/],
    [{ origins: app }, /origins names the pages/],
    [{ origins: ['*', app] }, /stands alone/],
    [{ origins: '*', credentials: true }, /every page could act as its visitor/],
    [{ origins: ['*'], credentials: true }, /every page could act as its visitor/],
    [{ origins: [app], headers: ['*'] }, /no name of a header field/],
    [{ origins: [app], exposed: ['a b'] }, /no name of a header field/],
    [{ origins: [app], maxAge: 86_401 }, /maxAge/],
    [{ origins: [app], maxAge: -1 }, /maxAge/],
    [{ origins: ['a', 'b'], maxAge: 1.5 }, /"a" is no origin; "b" is no origin; maxAge/],
  ])('%j', (options, message) => {
    expect(() => createHttpServer({ routes, host: memoryHost(), options: { cors: options as never } })).toThrow(
      expect.objectContaining({ code: 'definition_invalid', message: expect.stringMatching(message) }),
    )
  })

  test('at its bounds it is taken, and so are the origins of apps in a shell', async () => {
    const origins = [app, 'http://[::1]:3000', 'capacitor://localhost', 'null']
    const port = await serve({ cors: { origins, maxAge: 86_400 } })
    for (const origin of origins) {
      const { headers } = await call(port, 'GET /items', { headers: { origin } })
      expect(headers['access-control-allow-origin']).toBe(origin)
    }
    await serve({ cors: { origins, maxAge: 0 } })
  })

  test('a route that would let any page act as its visitor', () => {
    const bad = endpoint('GET /bad', { cors: { origins: '*' }, handle: () => 'bad' })
    expect(() => createHttpServer({ routes: [bad], host: memoryHost(), options: { cors } })).toThrow(/GET \/bad/)
  })
})
