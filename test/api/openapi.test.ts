import { backend, define, endpoint, model, t } from 'monobloc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { folderWith } from './child-app.ts'
import { openApiErrors, spectralFindings } from './openapi-check.ts'

type Options = Parameters<typeof backend>[0]

async function started(options: Options, mode = 'test') {
  const app = backend(options)
  const environment = {
    NODE_ENV: mode,
    MONOBLOC_LOG: 'silent',
    MONOBLOC_SECRET: 'abcdefghijklmnopqrstuvwxyz012345',
    HOST: '127.0.0.1',
  }
  const { url } = await app.start({ port: 0, folder: folderWith({}), environment })
  onTestFinished(() => app.stop())
  return {
    url,
    get: (path: string) => fetch(url + path),
    document: async () => (await fetch(`${url}/openapi.json`)).json() as Promise<any>,
  }
}

function press(): Options['serve'] {
  const Author = model('author', { id: t.id(), name: t.text().unique(), secret: t.text().writeOnly() })
  const Topic = model('topic', { id: t.serial(), name: t.text() })
  const Note = model(
    'note',
    {
      id: t.id(),
      title: t.text().min(1).max(200),
      kind: t.enum('long', 'short').default('long'),
      price: t.decimal(8, 2).nullable(),
      data: t.json().nullable(),
      author: t.ref(Author, { inverse: 'notes' }),
      topics: t.manyToMany(Topic),
      createdAt: t.createdAt(),
      version: t.version(),
    },
    { search: ['title'] },
  )
  const { policy, resource, endpoint } = define({ models: { Author, Topic, Note }, user: Author })
  policy(Note, { anyone: { read: true }, create: true, update: ({ user }) => ({ author: user.id }) })
  policy(Topic, { read: true })
  const Tree = z.object({
    name: z.string(),
    get branches() {
      return z.array(Tree)
    },
  })
  return [
    resource(Note, { at: '/notes', include: ['author'] }),
    resource(Topic, { at: '/topics', actions: ['list', 'read'] }),
    endpoint('GET /files/*', { handle: () => 'x' }),
    endpoint('GET /trees', {
      anyone: true,
      query: z.object({ tag: z.array(z.string()).optional() }),
      returns: [Tree],
      handle: () => [],
    }),
    endpoint('POST /trees', { body: Tree, returns: { 201: Tree }, deprecated: true, handle: ({ body }) => body }),
    endpoint('GET /authors/:id', { returns: Author, handle: ({ user }) => user }),
    endpoint('DELETE /authors/:name', { returns: null, handle: () => {} }),
  ]
}

const contact = { name: 'Ann', email: 'ann@example.com' }

describe('the document of an app with resources', () => {
  test('is valid OpenAPI, and Spectral finds nothing in it', { timeout: 60_000 }, async () => {
    const { document } = await started({ serve: press(), reference: { contact } })
    expect(await openApiErrors(await document())).toEqual([])
    expect(spectralFindings(await document())).toEqual([])
  })

  test('describes rows, what creates and what changes them once, under the names of models', async () => {
    const { document } = await started({ serve: press() })
    const { components, paths } = await document()
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(['Author', 'Note', 'NoteInput', 'NotePatch', 'ProblemDetails', 'Topic']),
    )
    const { schema } = paths['/notes'].get.responses[200].content['application/json']
    expect(JSON.stringify(schema)).toContain('#/components/schemas/Note"')
    expect(Object.keys(components.schemas.Author.properties)).toEqual(['id', 'name'])
  })

  test('says of each operation who may ask, and how it may fail', async () => {
    const { document } = await started({ serve: press() })
    const { paths } = await document()
    expect(paths['/notes'].get.security).toEqual([{}, { bearer: [] }])
    expect(paths['/notes'].post.security).toEqual([{ bearer: [] }])
    expect(paths['/topics'].get.security).toEqual([{ bearer: [] }])
    expect(paths['/trees'].get.responses[401].$ref).toBe('#/components/responses/Unauthorized')
    const statuses = (operation: { responses: object }) => Object.keys(operation.responses)
    expect(statuses(paths['/trees'].get)).toEqual(['200', '304', '400', '401', 'default'])
    expect(statuses(paths['/trees'].post)).toEqual(['201', '400', '401', '403', '409', '413', '415', '422', 'default'])
    expect(statuses(paths['/authors/{id}'].get)).toEqual(['200', '304', '400', '401', '404', 'default'])
    expect(statuses(paths['/authors/{id}'].delete)).toEqual(['204', '400', '401', '403', '404', '409', 'default'])
    expect(statuses(paths['/notes/{id}'].patch)).toEqual(expect.arrayContaining(['200', '404', '412', '422']))
    expect(paths['/trees'].post.deprecated).toBe(true)
  })

  test('has one path for templates that differ in names only, lists that repeat, and the rest of a path', async () => {
    const { document } = await started({ serve: press() })
    const { paths } = await document()
    expect(paths['/authors/{name}']).toBeUndefined()
    expect(paths['/authors/{id}'].delete.parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
    ])
    const [tag] = paths['/trees'].get.parameters
    expect(tag).toEqual({
      name: 'tag',
      in: 'query',
      style: 'form',
      explode: true,
      schema: { type: 'array', items: { type: 'string' } },
    })
    expect(paths['/files/{rest}'].get.parameters[0]).toMatchObject({ name: 'rest', in: 'path' })
    expect(paths['/trees'].post.parameters).toEqual([{ $ref: '#/components/parameters/IdempotencyKey' }])
  })

  test('has QUERY under x-query in 3.1, and as a method in 3.2', { timeout: 60_000 }, async () => {
    const old = await (await started({ serve: press() })).document()
    expect(old.openapi).toMatch(/^3\.1\./)
    expect(Object.keys(old.paths['/notes'])).toEqual(['get', 'post', 'x-query'])
    const current = await (await started({ serve: press(), reference: { openapi: '3.2' } })).document()
    expect(current.openapi).toMatch(/^3\.2\./)
    expect(Object.keys(current.paths['/notes'])).toEqual(['get', 'post', 'query'])
    expect(await openApiErrors(current)).toEqual([])
  })

  test('is the same whatever the order of what is served', async () => {
    const serve = press()
    const one = await (await started({ serve })).document()
    const other = await (await started({ serve: [...serve].reverse() })).document()
    expect(JSON.stringify(other)).toBe(JSON.stringify(one))
  })
})

describe('the reference', () => {
  const hello = endpoint('GET /hello', { handle: () => ({ hello: 'world' }) })

  test('says name, version, description, servers, and nothing of identities in an app without users', async () => {
    const about = { name: 'shop', version: '1.4.0', description: 'Sells things.' }
    const servers = ['https://api.example.com/v1']
    const { document, get } = await started({ ...about, serve: [hello], reference: { servers, contact } })
    const { info, ...rest } = await document()
    expect(info).toEqual({ title: 'shop', version: '1.4.0', description: 'Sells things.', contact })
    expect(rest.servers).toEqual([{ url: 'https://api.example.com/v1' }])
    expect(JSON.stringify(rest)).not.toMatch(/security|Unauthorized|IdempotencyKey/)
    const policy = (await get('/docs')).headers.get('content-security-policy')!
    expect(policy).toContain("connect-src 'self' https://api.example.com;")
    expect(policy).not.toMatch(/unsafe|\*/)
  })

  test('says of what may be bytes that a part can be asked for', async () => {
    const made = endpoint('GET /made', { returns: z.string(), handle: () => 'made' })
    const { document } = await started({ serve: [hello, made] })
    const { paths, components } = await document()
    expect(Object.keys(paths['/hello'].get.responses)).toEqual(expect.arrayContaining(['200', '206', '304', '416']))
    expect(paths['/hello'].get.responses[206].headers).toHaveProperty('Content-Range')
    expect(components.responses.RangeNotSatisfiable.description).toContain('Content-Range')
    expect(Object.keys(paths['/made'].get.responses)).not.toEqual(expect.arrayContaining(['206', '416']))
  })

  test('lists neither itself, nor probes, nor what says reference: false', async () => {
    const hidden = endpoint('GET /page', { reference: false, handle: () => 'x' })
    const { document } = await started({ serve: [hello, hidden] }, 'development')
    expect(Object.keys((await document()).paths)).toEqual(['/hello'])
  })

  test('is served in production, and not where the app says so', async () => {
    const on = await started({ serve: [hello] }, 'production')
    for (const path of ['/docs', '/docs/', '/docs/reference.css', '/docs/reference.js', '/openapi.json'])
      expect((await on.get(path)).status).toBe(200)
    const off = await started({ serve: [hello], reference: false }, 'production')
    for (const path of ['/docs', '/docs/reference.js', '/openapi.json']) expect((await off.get(path)).status).toBe(404)
  })

  test("leaves the app's own addresses to the app", async () => {
    const own = endpoint('GET /docs', { handle: () => ({ own: true }) })
    const { get } = await started({ serve: [own] })
    expect(await (await get('/docs')).json()).toEqual({ own: true })
    expect((await get('/openapi.json')).status).toBe(200)
  })

  test('shows errors as the app maps them, with the status that it gives them', async () => {
    const read = endpoint('GET /things/:id', {
      params: z.object({ id: z.uuid() }),
      returns: z.object({ id: z.string() }),
      handle: ({ params }) => params,
    })
    const errors: Options['errors'] = ({ code, status }) =>
      code === 'not_found' ? undefined : { status: code === 'invalid_params' ? 422 : status, body: { oops: code } }
    const { document } = await started({ serve: [read], errors })
    const { paths, components } = await document()
    expect(Object.keys(paths['/things/{id}'].get.responses)).toEqual(['200', '304', '400', '404', '422', 'default'])
    const { NotFound, UnprocessableContent } = components.responses
    expect(Object.keys(NotFound.content)).toEqual(['application/problem+json'])
    expect(UnprocessableContent.content['application/json']).toEqual({
      schema: { type: 'object' },
      examples: { invalid_params: { value: { oops: 'invalid_params' } } },
    })
  })
})
