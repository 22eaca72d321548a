import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Backend, backend, define, model, t } from 'monobloc'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Endpoint } from '../../src/http/index.ts'
import { engine } from '../conformance/engine.ts'
import { call, expectProblem } from './call.ts'
import { openApiErrors } from './openapi-check.ts'

// v1 knew a name, v2 its two parts, v3 the parts and a country. Handlers and models speak v3.
const Team = model('team', { id: t.id(), title: t.text().min(1) })
const Person = model('person', {
  id: t.id(),
  first: t.text().min(1).max(20),
  last: t.text().min(1).max(20),
  country: t.text().default('fr'),
  get team() {
    return t.ref(Team, { inverse: 'people' }).nullable()
  },
  version: t.version(),
})
const models = { Person, Team }
const { policy, resource, endpoint } = define({ models })
policy(Person, { anyone: { read: true, create: true, update: true, delete: true } })
policy(Team, { anyone: { read: true, create: true } })

const parts = (name: string) => ({ first: name.split(' ')[0]!, last: name.split(' ').slice(1).join(' ') })
const old = { id: z.uuid(), team: z.uuid().nullable(), version: z.int() }
const people = resource(Person, {
  at: '/people',
  include: ['team'],
  changes: {
    v2: {
      note: '`name` is split into `first` and `last`',
      body: z.strictObject({ name: z.string().min(3), country: z.string().optional(), team: z.uuid().nullish() }),
      request: ({ name, ...rest }) => (name === undefined ? rest : { ...rest, ...parts(name) }),
      returns: z.object({ ...old, name: z.string().max(25) }),
      response: ({ first, last, ...rest }) => ({ ...rest, name: `${first} ${last}` }),
      requestQuery: ({ name, ...rest }: any) => (name === undefined ? rest : { ...rest, ...parts(name) }),
    },
    v3: {
      note: '`country` is told',
      returns: z.object({ ...old, first: z.string(), last: z.string() }),
    },
  },
})
const greet = endpoint('POST /greetings', {
  body: z.object({ first: z.string(), loud: z.boolean() }),
  returns: z.object({ text: z.string(), length: z.int() }),
  changes: {
    v3: {
      note: 'A greeting may be loud, and has a length',
      body: z.object({ first: z.string() }),
      request: (body) => ({ ...body, loud: false }),
      returns: z.object({ text: z.string().max(12) }),
      response: ({ text }) => ({ text: text.replace('!', '.') }),
    },
    v2: {
      note: '`name` became `first`',
      body: z.object({ name: z.string() }),
      request: ({ name }) => ({ first: name }),
    },
  },
  handle: async ({ body, db }) => {
    await db.insert(Team, { title: body.first })
    const text = `Hello ${body.loud ? body.first.toUpperCase() : body.first}!`
    return { text, length: text.length }
  },
})
const since2 = endpoint('GET /since', {
  changes: { v2: { added: true, note: 'Came' } },
  handle: ({ query }) => ({ query }),
})
const until3 = endpoint('GET /until', {
  changes: { v3: { removed: true, note: 'Went' } },
  handle: () => ({ here: true }),
})
const own = endpoint('GET /tagged', {
  returns: z.object({ a: z.int(), b: z.int() }),
  changes: { v3: { note: 'b', returns: z.object({ a: z.int() }) } },
  handle({ reply }) {
    reply.header('etag', '"seven"')
    return { a: 1, b: 2 }
  },
})

const serve = [people, greet, since2, until3, own]
const running: { app: Backend; folder: string }[] = []

async function start(versions: object, routes: object[] = serve): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'versions-'))
  const app = backend({ name: 'people', serve: routes as Endpoint[], versions: versions as never })
  const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent', ...(await engine.settings()) }
  const { port } = await app.start({ port: 0, folder, environment })
  running.push({ app, folder })
  return port
}

afterAll(async () => {
  for (const { app, folder } of running) {
    await app.stop()
    rmSync(folder, { recursive: true })
  }
})

let port: number
const known = [
  { name: 'v1', deprecated: '2026-01-01', sunset: '2126-02-03', link: 'https://example.com/moving' },
  { name: 'v2', deprecated: '2026-06-01T12:00:00Z' },
  'v3',
]
beforeAll(async () => {
  port = await start({ known, by: { path: true, query: true, header: true, accept: true } })
})
afterEach(() => {
  vi.useRealTimers()
})

const at = (version: string, request: string, options: Parameters<typeof call>[2] = {}) =>
  call(port, request, { ...options, headers: { 'api-version': version, ...options.headers } })

async function person(body: object = { first: 'Ann', last: 'Bee' }): Promise<{ id: string }> {
  return (await call(port, 'POST /people', { body })).json
}

describe('which version', () => {
  test.each([
    ['a path', 'GET /v2/since', {}, 'v2'],
    ['a path of a whole address', 'GET http://x.example/v2/since', {}, 'v2'],
    ['a query', 'GET /since?a=1&version=v2&b=2', {}, 'v2'],
    ['a header', 'GET /since', { 'api-version': 'v2' }, 'v2'],
    ['a parameter of Accept', 'GET /since', { accept: 'text/html, application/json; version=v2' }, 'v2'],
    ['two that agree', 'GET /v2/since?version=v2', { 'api-version': 'v2' }, 'v2'],
    ['none: the newest', 'GET /since', {}, 'v3'],
  ])('is said by %s', async (_, request, headers, version) => {
    const answer = await call(port, request, { headers })
    expect(answer).toMatchObject({ status: 200, headers: { 'api-version': version } })
    expect(answer.json.query).not.toHaveProperty('version')
  })

  test('what its address does not say, caches are told to ask for', async () => {
    expect((await call(port, 'GET /since')).headers.vary).toBe('api-version, accept')
    expect((await call(port, 'GET /v2/since')).headers.vary).toBeUndefined()
    expect((await call(port, 'GET /since?version=v2')).headers.vary).toBeUndefined()
  })

  test('one that is not known is refused with those that are', async () => {
    const list = { code: 'unknown_version', detail: 'is one of v1, v2, v3' }
    const answers = [
      ['GET /v4/since', {}, 404, 'not_found', { in: 'params', parameter: 'version' }],
      ['GET /2026-01-01/since', {}, 404, 'not_found', { in: 'params', parameter: 'version' }],
      ['GET /since?version=3', {}, 400, 'version_unknown', { in: 'query', parameter: 'version' }],
      ['GET /since?version=v2&version=v9', {}, 400, 'version_unknown', { in: 'query', parameter: 'version' }],
      ['GET /since', { 'api-version': 'V2' }, 400, 'version_unknown', { in: 'headers', parameter: 'api-version' }],
      ['GET /since', { 'api-version': '' }, 400, 'version_unknown', { in: 'headers', parameter: 'api-version' }],
      ['GET /since', { accept: '*/*;version=v0' }, 400, 'version_unknown', { in: 'headers', parameter: 'accept' }],
    ] as const
    for (const [request, headers, status, code, place] of answers) {
      const answer = await call(port, request, { headers })
      expectProblem(answer, status, code)
      expect(answer.json.errors).toEqual([{ ...place, ...list }])
    }
    expect((await call(port, 'GET /verses')).json).not.toHaveProperty('errors')
  })

  test('places that disagree are refused', async () => {
    const answer = await call(port, 'GET /v1/until', { headers: { 'api-version': 'v2' } })
    expectProblem(answer, 400, 'version_unknown')
    expect(answer.json.errors[0]).toMatchObject({ parameter: 'api-version', code: 'version_differs' })
  })

  test('an endpoint is where its version has it', async () => {
    const statuses = []
    for (const version of ['v1', 'v2', 'v3'])
      for (const where of ['since', 'until']) statuses.push((await call(port, `GET /${version}/${where}`)).status)
    expect(statuses).toEqual([404, 200, 200, 200, 200, 404])
  })
})

describe('the default', () => {
  test('may be pinned', async () => {
    const pinned = await start({ known, default: 'v1' })
    expect((await call(pinned, 'GET /since')).status).toBe(404)
    expect((await call(pinned, 'GET /until')).headers['api-version']).toBe('v1')
    expect((await call(pinned, 'GET /openapi.json')).json.info.version).toBe('v1')
  })

  test('may be none: it must be said, but for what is no part of the API', async () => {
    const none = await start({ known, by: { header: true }, default: null })
    expectProblem(await call(none, 'GET /since'), 400, 'version_unknown')
    expect((await call(none, 'GET /since', { headers: { 'api-version': 'v2' } })).status).toBe(200)
    expect((await call(none, 'GET /livez')).status).toBe(200)
    expect((await call(none, 'GET /openapi.json')).json.info.version).toBe('v3')
  })

  test('versions may stand behind a part of the path', async () => {
    const ping = endpoint('GET /api/ping', { handle: ({ request }) => request.url })
    const behind = await start({ known: ['v1', 'v2'], by: { path: '/api' } }, [ping])
    expect((await call(behind, 'GET /api/v1/ping?a=1')).json).toBe('/api/v1/ping?a=1')
    expect((await call(behind, 'GET /api/v3/ping')).status).toBe(404)
    expect((await call(behind, 'GET /v1/api/ping')).status).toBe(404)
    const { servers, paths } = (await call(behind, 'GET /api/v1/openapi.json')).json ?? {}
    expect(servers).toBeUndefined()
    const document = (await call(behind, 'GET /openapi.json')).json
    expect([document.servers[0].url, Object.keys(document.paths)]).toEqual(['/api/v2', ['/ping']])
    expect(paths).toBeUndefined()
  })
})

describe('transforms', () => {
  test('take a request up and an answer down, step by step', async () => {
    const v1 = await at('v1', 'POST /greetings', { body: { name: 'Ann' } })
    expect([v1.status, v1.json]).toEqual([200, { text: 'Hello Ann.' }])
    expect((await at('v2', 'POST /greetings', { body: { first: 'Ann' } })).json).toEqual({ text: 'Hello Ann.' })
    const v3 = await at('v3', 'POST /greetings', { body: { first: 'Ann', loud: true } })
    expect(v3.json).toEqual({ text: 'Hello ANN!', length: 10 })
  })

  test('an older body is held to its own schema', async () => {
    const answer = await at('v1', 'POST /greetings', { body: { first: 'Ann' } })
    expectProblem(answer, 422, 'validation_failed')
    expect(answer.json.errors).toMatchObject([
      { pointer: '#/name', code: 'required' },
      { pointer: '#/first', code: 'unknown_field' },
    ])
  })

  test('an answer that is not what the older version describes leaves nothing behind: at its bound, and one past it', async () => {
    const titles = async () => (await call(port, 'POST /greetings', { body: { first: 'x', loud: true } })).status
    expect(await titles()).toBe(200)
    expect((await at('v2', 'POST /greetings', { body: { first: 'Annie' } })).status).toBe(200)
    expectProblem(await at('v2', 'POST /greetings', { body: { first: 'Marian' } }), 500, 'response_invalid')
    const { app } = running[0]!
    const teams = await app.transaction(async (db: any) => db.find(Team, {}))
    expect(teams.map(({ title }: { title: string }) => title)).not.toContain('Marian')
  })

  test('rows of a resource: alone, in lists, with related rows, in part', async () => {
    const { id } = await person({ first: 'Cleo', last: 'Dee' })
    const v1 = (await at('v1', `GET /people/${id}`)).json
    expect(v1).toEqual({ id, team: null, version: 1, name: 'Cleo Dee' })
    expect((await at('v2', `GET /people/${id}`)).json).toEqual({
      id,
      team: null,
      version: 1,
      first: 'Cleo',
      last: 'Dee',
    })
    expect((await at('v1', 'GET /people?name=Cleo%20Dee')).json).toEqual([v1])
    expect((await at('v1', `GET /people/${id}?fields=name`)).json).toEqual({ name: 'Cleo Dee' })
    expect((await at('v1', 'GET /people?name=Cleo%20Dee&fields=id,name')).json).toEqual([{ id, name: 'Cleo Dee' }])
    const query = { where: { last: 'Dee' }, fields: ['name'] }
    expect((await at('v1', 'QUERY /people', { body: query })).json).toEqual([{ name: 'Cleo Dee' }])
    const unknown = await at('v1', `GET /people/${id}?fields=first`)
    expectProblem(unknown, 400, 'invalid_query')
    expect(unknown.json.errors[0].detail).toBe('has no field "first"; allowed: id, team, version, name')
    const { app } = running[0]!
    const team = await app.transaction(async (db: any) => db.insert(Team, { title: 'Reds' }))
    await call(port, `PATCH /people/${id}`, { body: { team: team.id } })
    expect((await at('v1', `GET /people/${id}?include=team`)).json).toMatchObject({
      name: 'Cleo Dee',
      team: { title: 'Reds' },
    })
  })

  test('writes of a resource: one, several, a part, the whole', async () => {
    const made = await at('v1', 'POST /people', { body: { name: 'Eve Fay' } })
    expect([made.status, made.json.name]).toEqual([201, 'Eve Fay'])
    const { id } = made.json
    expect((await call(port, `GET /people/${id}`)).json).toMatchObject({ first: 'Eve', last: 'Fay', country: 'fr' })
    expect((await at('v1', `PATCH /people/${id}`, { body: { country: 'de' } })).json.name).toBe('Eve Fay')
    expect((await at('v1', `PATCH /people/${id}`, { body: { name: 'Eva May' } })).json.name).toBe('Eva May')
    expect((await call(port, `GET /people/${id}`)).json).toMatchObject({ first: 'Eva', last: 'May', country: 'de' })
    expect((await at('v1', `PUT /people/${id}`, { body: { name: 'Eva Ray' } })).json.name).toBe('Eva Ray')
    const batch = await at('v1', 'POST /people/batch', { body: [{ name: 'Gil Hay' }, { name: 'Ida Joy' }] })
    expect(batch.json.map(({ name }: { name: string }) => name)).toEqual(['Gil Hay', 'Ida Joy'])
    const wrong = await at('v1', 'POST /people/batch', { body: [{ name: 'Gil Hay' }, { name: 'x' }] })
    expect(wrong.json.errors).toMatchObject([{ pointer: '#/1/name' }])
    expectProblem(await at('v1', 'POST /people', { body: { first: 'Eve', last: 'Fay' } }), 422, 'validation_failed')
  })
})

describe('addresses and tags', () => {
  test('whoever came by an address of a version stays in it', async () => {
    const made = await call(port, 'POST /v1/people', { body: { name: 'Kim Lee' } })
    expect(made.headers.location).toBe(`/v1/people/${made.json.id}`)
    await call(port, 'POST /v1/people', { body: { name: 'Kim Moe' } })
    const page = await call(port, 'GET /v1/people?limit=1')
    const next = /<([^>]*)>; rel="next"/.exec(page.headers.link as string)![1]!
    expect(next).toMatch(/^\/v1\/people\?limit=1&after=/)
    expect((await call(port, `GET ${next}`)).json[0]).toHaveProperty('name')
    const queried = await call(port, 'POST /people?version=v1', { body: { name: 'Kim Lee' } })
    expect(queried.headers.location).toBe(`/people/${queried.json.id}?version=v1`)
    const said = await at('v1', 'POST /people', { body: { name: 'Kim Lee' } })
    expect(said.headers.location).toBe(`/people/${said.json.id}`)
  })

  test('each version has its own tag, and a change is held to the row by any of them', async () => {
    const { id } = await person()
    const tags = new Map<string, string>()
    for (const version of ['v1', 'v2', 'v3'])
      tags.set(version, (await at(version, `GET /people/${id}`)).headers.etag as string)
    expect(new Set(tags.values()).size).toBe(3)
    const cached = (version: string, tag: string) =>
      at(version, `GET /people/${id}`, { headers: { 'if-none-match': tag } }).then(({ status }) => status)
    expect(await cached('v1', tags.get('v1')!)).toBe(304)
    expect(await cached('v1', tags.get('v2')!)).toBe(200)
    expect(await cached('v3', tags.get('v1')!)).toBe(200)
    const change = (version: string, tag: string, body: object) =>
      at(version, `PATCH /people/${id}`, { headers: { 'if-match': tag }, body })
    const changed = await change('v1', tags.get('v1')!, { name: 'Nan Ott' })
    expect(changed.status).toBe(200)
    expect(changed.headers.etag).toBe((await at('v1', `GET /people/${id}`)).headers.etag)
    expectProblem(await change('v1', tags.get('v1')!, { name: 'Pam Qi' }), 412, 'precondition_failed')
    expect((await change('v3', changed.headers.etag!, { first: 'Pam' })).status).toBe(200)
    expect((await at('v2', 'GET /tagged')).headers.etag).toMatch(/^"seven;[\w-]{8}"$/)
  })

  test('a key is kept for the version that it came with', async () => {
    const headers = { 'idempotency-key': 'k1' }
    const first = await call(port, 'POST /v1/people', { headers, body: { name: 'Rob Sun' } })
    const again = await call(port, 'POST /v1/people', { headers, body: { name: 'Rob Sun' } })
    expect([again.json, again.headers['idempotency-replayed']]).toEqual([first.json, 'true'])
    expect(again.headers.location).toBe(`/v1/people/${first.json.id}`)
    const said = { ...headers, 'idempotency-key': 'k2' }
    await at('v3', 'POST /people', { headers: said, body: { first: 'Rob', last: 'Sun' } })
    const other = await at('v2', 'POST /people', { headers: said, body: { first: 'Rob', last: 'Sun' } })
    expectProblem(other, 422, 'idempotency_mismatch')
  })
})

describe('the end of a version', () => {
  test('is announced on every answer', async () => {
    const { headers } = await call(port, 'GET /v1/until?a=1')
    expect(headers).toMatchObject({
      deprecation: '@1767225600',
      sunset: 'Sun, 03 Feb 2126 00:00:00 GMT',
      link: '<https://example.com/moving>; rel="deprecation"; type="text/html", <https://example.com/moving>; rel="sunset"; type="text/html", </v3/until?a=1>; rel="successor-version"',
    })
    const missing = await call(port, 'GET /v2/nothing')
    expect(missing.headers).toMatchObject({
      deprecation: '@1780315200',
      link: '</v3/nothing>; rel="successor-version"',
    })
    expect(missing.headers).not.toHaveProperty('sunset')
    expect((await call(port, 'GET /v3/since')).headers).not.toHaveProperty('deprecation')
    const page = await call(port, 'GET /v1/people?limit=1')
    expect(page.headers.link).toMatch(/rel="next".*rel="sunset"/)
  })

  test('is 410 at its instant, and not a millisecond before', async () => {
    const sunset = Date.parse('2126-02-03')
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(sunset - 1)
    expect((await call(port, 'GET /v1/until')).status).toBe(200)
    vi.setSystemTime(sunset)
    const gone = await call(port, 'GET /v1/until')
    expectProblem(gone, 410, 'version_gone')
    expect(gone.json.errors[0].detail).toBe('is one of v2, v3')
    expect(gone.headers.link).toContain('rel="successor-version"')
    expect((await call(port, 'GET /v2/until')).status).toBe(200)
  })
})

describe('descriptions', () => {
  test('each version has its own, and it is valid', async () => {
    for (const version of ['v1', 'v2', 'v3']) {
      const { json } = await call(port, `GET /${version}/openapi.json`)
      expect(await openApiErrors(json)).toEqual([])
      expect([json.info.version, json.servers[0].url]).toEqual([version, `/${version}`])
    }
    const [v1, v3] = await Promise.all(
      ['v1', 'v3'].map(async (version) => (await call(port, `GET /openapi.json?version=${version}`)).json),
    )
    expect(v1.paths['/since']).toBeUndefined()
    expect(v1.paths['/until'].get).toMatchObject({ deprecated: true })
    expect(v3.paths['/until']).toBeUndefined()
    expect(v3.paths['/since'].get).not.toHaveProperty('deprecated')
    const row = v1.paths['/people/{id}'].get.responses[200].content['application/json'].schema.$ref.split('/').at(-1)
    expect(Object.keys(v1.components.schemas[row].properties)).toEqual(['id', 'team', 'version', 'name'])
    expect(v1.info).toMatchObject({
      'x-deprecated': '2026-01-01T00:00:00.000Z',
      'x-sunset': '2126-02-03T00:00:00.000Z',
      'x-changelog': [{ version: 'v1', changes: [] }],
    })
    expect(v3.info['x-changelog'].map((entry: { version: string }) => entry.version)).toEqual(['v3', 'v2', 'v1'])
    expect(v3.info['x-changelog'][0].changes).toContainEqual({ note: 'Removed: Went', operations: ['GET /until'] })
    const docs = await call(port, 'GET /v1/docs')
    expect(docs.body).toContain('href="/v1/openapi.json"')
  })

  test('where the address does not say it, a parameter does', async () => {
    const said = await start({ known: ['v1', 'v2', 'v3'], by: { header: 'Api-Edition' } })
    const of = async (version: string) =>
      (await call(said, 'GET /openapi.json', { headers: { 'api-edition': version } })).json.paths['/people'].get
        .parameters
    const parameter = { name: 'Api-Edition', in: 'header', schema: { type: 'string', enum: ['v1'] }, required: true }
    expect(await of('v1')).toContainEqual(expect.objectContaining(parameter))
    expect(await of('v3')).toContainEqual(expect.objectContaining({ name: 'Api-Edition', required: false }))
  })
})

test.each([
  [{ known: [] }, 'known is empty'],
  [{ known: ['v1', 'v1'] }, '"v1" is known twice'],
  [{ known: ['a/b'] }, '"a/b" is no name of a version'],
  [{ known: [{ name: 'v1', sunset: 'soon' }] }, '"soon" is no date'],
  [{ known: [{ name: 'v1', deprecated: '2026-02-01', sunset: '2026-01-01' }] }, 'sunset is before deprecated'],
  [{ known: ['v1'], default: 'v2' }, 'default names "v2"'],
  [{ known: ['v1'], by: {} }, 'by names no place'],
  [{ known: ['v2', 'v3'] }, '"v2" is the first version'],
  [{ known: ['v1', 'v2'] }, 'names "v3", which is not known'],
])('%j is refused at start', async (versions, reason) => {
  await expect(start(versions)).rejects.toThrow(reason)
})
