import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Backend, backend, define, model, password, type SystemDb, t } from 'monobloc'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { engine } from '../conformance/engine.ts'

const User = model('user', { id: t.id(), name: t.text().unique(), secret: t.text().writeOnly().default('s') })
const Tag = model('tag', { id: t.serial(), name: t.text().min(1).unique() })
const Note = model(
  'note',
  {
    id: t.id(),
    title: t.text().min(1).max(20),
    body: t.text().default('empty'),
    stars: t.integer().nullable(),
    extra: t.json(z.object({ a: z.number().optional(), deep: z.record(z.string(), z.number()).optional() })).nullable(),
    author: t.ref(User, { inverse: 'notes' }).onDelete('cascade'),
    tags: t.manyToMany(Tag, { inverse: 'notes' }),
    createdAt: t.createdAt(),
    version: t.version(),
  },
  { indexes: [['author', 'stars']], search: ['title'] },
)
const Seat = model(
  'seat',
  { row: t.text(), number: t.integer(), taken: t.boolean().default(false) },
  { key: ['row', 'number'] },
)
const models = { User, Tag, Note, Seat }

const { policy, resource, endpoint } = define({ models, user: User })
policy(User, { anyone: { read: true } })
policy(Tag, { anyone: { read: true }, create: true, delete: true })
policy(Seat, { anyone: { read: true, create: true, update: true, delete: true } })
policy(Note, {
  anyone: { read: { stars: { gte: 5 } } },
  read: ({ user }) => ({ or: [{ author: user.id }, { stars: { gte: 1 } }] }),
  create: ({ user }) => ({ author: user.id }),
  update: ({ user }) => ({ author: user.id }),
  delete: ({ user }) => ({ author: user.id }),
})
const token = endpoint('POST /tokens/:name', {
  anyone: true,
  transaction: 'read',
  handle: async ({ params, db, auth }) => ({ token: auth.issue(await db.get(User, { name: params.name })) }),
})

const forget = ({ db }: { db: any }) => void db.asSystem().insert(Tag, { name: 'forgotten' })
const forgetful = [
  endpoint('POST /forgetful', { anyone: true, handle: forget }),
  endpoint('GET /forgetful', { anyone: true, handle: ({ db }) => void db.count(Tag) }),
  endpoint('PUT /forgetful', { anyone: true, transaction: false, handle: forget }),
  endpoint('PATCH /forgetful', { anyone: true, prepare: ({ db }) => void db.count(Tag), handle: () => 1 }),
]

const wrong: Record<string, (db: any) => unknown> = {
  'nope is not a field of tag': (db) => db.find(Tag, { where: { nope: 1 } }),
  'name.gtt is not an operator': (db) => db.count(Tag, { where: { name: { gtt: 1 } } }),
  "sort can't be by": (db) => db.first(Tag, { sort: 'nope' }),
  "fields can't name": (db) => db.get(Tag, { name: 'red' }, { fields: ['nope'] }),
  "include can't name": (db) => db.find(Tag, { include: { nope: true } }),
  'by can': (db) => db.aggregate(Tag, { by: ['nope'], count: true }),
  'search is not possible': (db) => db.search(Tag, 'red'),
  'nope is not a field that may be given': (db) => db.insert(Tag, [{ name: 'x' }, { name: 'y', nope: 1 }]),
  '(tag) nope is not a field of tag': (db) => db.update(Tag, { where: { nope: 1 } }, { name: 'x' }),
}
const mistaken = [
  ...Object.values(wrong).map((work, at) =>
    endpoint(`POST /wrong/${at}`, { anyone: true, handle: ({ db }) => work(db.asSystem()) }),
  ),
  endpoint('GET /handed-on', {
    anyone: true,
    query: z.object({ id: z.string().optional(), limit: z.coerce.number().optional(), after: z.string().optional() }),
    handle: ({ db, query: { id, ...page } }) => db.find(User, { ...page, ...(id !== undefined && { where: { id } }) }),
  }),
]
const failures: string[] = []

const folder = mkdtempSync(path.join(tmpdir(), 'resource-'))
const app: Backend = backend({
  name: 'notes',
  serve: [
    token,
    ...forgetful,
    ...mistaken,
    resource(Note, { at: '/notes', include: ['author', 'tags', 'tags.notes'] }),
    resource(Tag, { at: '/tags', actions: ['list', 'create', 'delete'] }),
    resource(User, { at: '/users', actions: ['list', 'read'], include: ['notes'] }),
    resource(Seat, { at: '/seats', requireMatch: true, limit: { default: 2, max: 3 } }),
  ],
})
type Data = SystemDb<typeof models, typeof User>
let url: string
const tokens: Record<string, string> = {}
const ids: Record<string, string> = {}

beforeAll(async () => {
  await password.hash('warm')
  const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'error', ...(await engine.settings()) }
  const logTo = { write: (line: string) => failures.push(line) }
  url = (await app.start({ port: 0, folder, environment, logTo })).url
})
afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  await app.transaction(async (db: Data) => {
    for (const each of [Note, User, Tag, Seat] as const) await db.delete(each as typeof Tag, { where: {} })
    const [ann, ben] = await db.insert(User, [{ name: 'ann' }, { name: 'ben' }])
    const tags = await db.insert(Tag, [{ name: 'red' }, { name: 'blue' }])
    Object.assign(ids, { ann: ann!.id, ben: ben!.id, red: String(tags[0]!.id) })
    for (let at = 0; at < 25; at++) {
      const note = await db.insert(Note, {
        title: `note ${at}`,
        stars: at % 7,
        author: ann!.id,
        tags: at === 0 ? [tags[0]!.id, tags[1]!.id] : [],
      })
      ids[`note${at}`] = note.id
    }
    await db.insert(
      Seat,
      [1, 2, 3, 4].map((number) => ({ row: 'a', number })),
    )
  })
  for (const name of ['ann', 'ben'])
    tokens[name] = ((await call('POST', `/tokens/${name}`)).json as { token: string }).token
})

interface Options {
  as?: string
  body?: unknown
  headers?: Record<string, string>
}
async function call(method: string, target: string, { as, body, headers }: Options = {}) {
  const response = await fetch(new URL(target, url), {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(as && { authorization: `Bearer ${tokens[as]}` }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text && JSON.parse(text), text }
}
const titles = (rows: { title: string }[]) => rows.map((row) => row.title)

describe('a list', () => {
  test('is a page of 20, and its Link leads through the rest without gap or repeat', async () => {
    const seen: string[] = []
    let target: string | undefined = '/notes?sort=-createdAt&stars[gte]=1'
    for (let pages = 0; target && pages < 5; pages++) {
      const { status, json, headers } = await call('GET', target, { as: 'ann' })
      expect(status).toBe(200)
      seen.push(...titles(json))
      target = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    }
    const expected = Array.from({ length: 25 }, (_, at) => 24 - at)
      .filter((at) => at % 7 >= 1)
      .map((at) => `note ${at}`)
    expect(seen.sort()).toEqual(expected.sort())
  })
  test('holds to the bounds of limit', async () => {
    expect((await call('GET', '/notes?limit=1', { as: 'ann' })).json).toHaveLength(1)
    expect((await call('GET', '/notes?limit=100', { as: 'ann' })).json).toHaveLength(25)
    for (const limit of ['0', '101', '-1', 'x', '1.5', '']) {
      const { status, json } = await call('GET', `/notes?limit=${limit}`, { as: 'ann' })
      expect([status, json.code, json.errors[0].parameter]).toEqual([400, 'invalid_query', 'limit'])
    }
    expect((await call('GET', '/seats')).json).toHaveLength(2)
    expect((await call('GET', '/seats?limit=3')).json).toHaveLength(3)
    expect((await call('GET', '/seats?limit=4')).status).toBe(400)
  })
  test('takes filters, sorting, sparse fields, relations and words', async () => {
    const { json } = await call('GET', '/notes?stars=0&sort=-title&fields=title,stars&limit=2', { as: 'ann' })
    expect(json).toEqual([
      { title: 'note 7', stars: 0 },
      { title: 'note 21', stars: 0 },
    ])
    const included = await call('GET', '/notes?title=note 0&include=author,tags&fields=title', { as: 'ann' })
    expect(included.json).toEqual([
      {
        title: 'note 0',
        author: { id: ids.ann, name: 'ann' },
        tags: [expect.objectContaining({ name: 'red' }), expect.objectContaining({ name: 'blue' })],
      },
    ])
    expect(titles((await call('GET', '/notes?tags.some.name=blue', { as: 'ann' })).json)).toEqual(['note 0'])
    expect(titles((await call('GET', '/notes?search=24', { as: 'ann' })).json)).toEqual(['note 24'])
    expect((await call('GET', '/users?include=notes&name=ann')).json[0].notes).toHaveLength(6)
  })
  test('refuses what it does not know and says what it does', async () => {
    for (const [query, parameter] of [
      ['nope=1', 'nope'],
      ['stars[gtt]=1', 'stars[gtt]'],
      ['sort=secret', 'sort'],
      ['fields=nope', 'fields'],
      ['include=nope', 'include'],
      ['limit=1&limit=2', 'limit'],
      ['sort=extra', 'sort'],
    ]) {
      const { status, json } = await call('GET', `/notes?${query}`, { as: 'ann' })
      expect([query, status, json.code, json.errors[0].parameter]).toEqual([query, 400, 'invalid_query', parameter])
      expect(json.errors[0].detail).not.toBe('')
    }
    expect((await call('GET', '/users?search=x')).json.errors[0].parameter).toBe('search')
    for (const query of ['secret=s', 'sort=secret', 'fields=secret', 'author.secret=s']) {
      expect((await call('GET', `/users?${query}`)).status).toBe(400)
    }
    expect((await call('GET', '/notes?after=nonsense', { as: 'ann' })).json.code).toBe('invalid_cursor')
  })
  test.each(['sort', 'fields', 'include'])('takes 100 names in %s, and tells 20 that are wrong', async (list) => {
    const ask = async (name: string, times: number) =>
      (await call('GET', `/notes?${list}=${Array(times).fill(name)}`, { as: 'ann' })).json
    const known = list === 'include' ? 'tags' : 'title'
    expect(await ask(known, 100)).toBeInstanceOf(Array)
    expect((await ask(known, 101)).errors).toMatchObject([{ parameter: list, code: 'too_many' }])
    expect((await ask('x', 19)).errors).toHaveLength(19)
    expect((await ask('x', 21)).errors).toHaveLength(20)
  })
  test('answers a QUERY with and, or, not', async () => {
    const where = { or: [{ title: 'note 1' }, { stars: 6, not: { title: { endsWith: '3' } } }] }
    const { status, json } = await call('QUERY', '/notes', {
      as: 'ann',
      body: { where, sort: 'title', fields: ['title'] },
    })
    expect([status, json]).toEqual([200, [{ title: 'note 1' }, { title: 'note 20' }, { title: 'note 6' }]])
    expect((await call('QUERY', '/notes', { as: 'ann', body: { where: { nope: 1 } } })).json.code).toBe(
      'invalid_filter',
    )
    expect((await call('QUERY', '/notes', { as: 'ann', body: { nope: 1 } })).status).toBe(422)
    const deep = { author: { notes: { some: { tags: { some: { name: 'red' } } } } } }
    expect((await call('QUERY', '/notes', { as: 'ann', body: { where: deep } })).status).toBe(400)
  })
  test('gives a QUERY a Link that leads on with the same body, and its cursor fits into the body too', async () => {
    const body = { where: { stars: { gte: 1 } }, sort: '-title', limit: 6, fields: ['title'] }
    const seen: string[] = []
    let target: string | undefined = '/notes'
    for (let pages = 0; target && pages < 9; pages++) {
      const { status, json, headers } = await call('QUERY', target, { as: 'ann', body })
      expect(status).toBe(200)
      seen.push(...titles(json))
      target = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    }
    const all = await call('QUERY', '/notes', { as: 'ann', body: { ...body, limit: 100 } })
    expect(all.json.length).toBeGreaterThan(12)
    expect(seen).toEqual(titles(all.json))

    const first = await call('QUERY', '/notes', { as: 'ann', body })
    const link = /<([^>]+)>/.exec(first.headers.get('link')!)![1]!
    const after = new URL(link, url).searchParams.get('after')!
    expect((await call('QUERY', '/notes', { as: 'ann', body: { ...body, after } })).json).toEqual(
      (await call('QUERY', link, { as: 'ann', body: { ...body, after: 'an earlier one' } })).json,
    )
    // The same rows without the filter are not what the Link is for.
    expect((await call('GET', `${link}&sort=-title`, { as: 'ann' })).json.code).toBe('invalid_cursor')
    expect((await call('QUERY', `${link}&${link.split('?')[1]}`, { as: 'ann', body })).json.code).toBe('invalid_query')
    expect((await call('QUERY', '/notes?limit=1', { as: 'ann', body })).json.errors[0].parameter).toBe('limit')
  })
})

describe('one row', () => {
  test('is read with an ETag, and 304 when it has not changed', async () => {
    const first = await call('GET', `/notes/${ids.note1}`, { as: 'ann' })
    expect(first.json).toMatchObject({ id: ids.note1, title: 'note 1', version: 1, author: ids.ann })
    const etag = first.headers.get('etag')!
    const again = await call('GET', `/notes/${ids.note1}`, { as: 'ann', headers: { 'if-none-match': etag } })
    expect([again.status, again.text]).toEqual([304, ''])
    const head = await call('HEAD', `/notes/${ids.note1}`, { as: 'ann' })
    expect([head.status, head.text, head.headers.get('etag')]).toEqual([200, '', etag])
  })
  test.each(['x', '00000000-0000-7000-8000-000000000000', '%00', '1'])('%s is nothing', async (key) => {
    expect((await call('GET', `/notes/${key}`, { as: 'ann' })).status).toBeOneOf([400, 404])
  })
  test('is created with 201, Location and ETag, and read back the same', async () => {
    const body = { title: 'new', author: ids.ann, tags: [Number(ids.red)], extra: { a: 1 } }
    const made = await call('POST', '/notes', { as: 'ann', body })
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({ title: 'new', body: 'empty', stars: null, extra: { a: 1 }, version: 1 })
    const read = await call('GET', made.headers.get('location')!, { as: 'ann' })
    expect([read.text, read.headers.get('etag')]).toEqual([made.text, made.headers.get('etag')])
  })
  test('lists every violation', async () => {
    const { status, json } = await call('POST', '/notes', {
      as: 'ann',
      body: { title: '', stars: 'x', nope: 1, version: 7, author: ids.ann },
    })
    expect(status).toBe(422)
    expect(json.errors.map((one: { pointer: string }) => one.pointer).sort()).toEqual([
      '#/nope',
      '#/stars',
      '#/title',
      '#/version',
    ])
  })
  test('is replaced by PUT: what was not sent becomes its default', async () => {
    const { status, json } = await call('PUT', `/notes/${ids.note3}`, {
      as: 'ann',
      body: { title: 'put', author: ids.ann },
    })
    expect([status, json]).toMatchObject([200, { title: 'put', body: 'empty', stars: null, version: 2 }])
    expect((await call('PUT', `/notes/${ids.note3}`, { as: 'ann', body: { body: 'x' } })).status).toBe(422)
  })
  test('is merged by PATCH, documents too', async () => {
    const patch = (body: unknown, type = 'application/merge-patch+json') =>
      call('PATCH', `/notes/${ids.note4}`, { as: 'ann', body, headers: { 'content-type': type } })
    expect((await patch({ extra: { a: 1, deep: { x: 1, y: 2 } } })).json).toMatchObject({
      title: 'note 4',
      stars: 4,
      extra: { a: 1, deep: { x: 1, y: 2 } },
    })
    expect((await patch({ extra: { a: null, deep: { y: 3 } }, stars: null }, 'application/json')).json).toMatchObject({
      stars: null,
      extra: { deep: { x: 1, y: 3 } },
    })
    expect((await patch({ extra: { a: 'no' } })).status).toBe(422)
    expect((await patch({ title: null })).status).toBe(422)
    expect((await patch({}, 'text/plain')).status).toBe(415)
  })
  test('is deleted with 204, and gone', async () => {
    expect((await call('DELETE', `/notes/${ids.note5}`, { as: 'ann' })).status).toBe(204)
    expect((await call('DELETE', `/notes/${ids.note5}`, { as: 'ann' })).status).toBe(404)
    expect((await call('GET', `/notes/${ids.note5}`, { as: 'ann' })).status).toBe(404)
  })
})

test('a batch is created wholly or not at all', async () => {
  const made = await call('POST', '/tags/batch', { as: 'ann', body: [{ name: 'a' }, { name: 'b' }] })
  expect([made.status, made.json.map((tag: { name: string }) => tag.name)]).toEqual([201, ['a', 'b']])
  const taken = await call('POST', '/tags/batch', { as: 'ann', body: [{ name: 'c' }, { name: 'a' }] })
  expect([taken.status, taken.json.code]).toEqual([409, 'unique_violation'])
  const wrong = await call('POST', '/tags/batch', { as: 'ann', body: [{ name: 'c' }, { name: '' }] })
  expect([wrong.status, wrong.json.errors[0].pointer]).toEqual([422, '#/1/name'])
  expect((await call('GET', '/tags?name=c')).json).toEqual([])
  const many = (length: number) => Array.from({ length }, (_, at) => ({ name: `many ${at}` }))
  expect((await call('POST', '/tags/batch', { as: 'ann', body: many(101) })).status).toBe(422)
  expect((await call('POST', '/tags/batch', { as: 'ann', body: many(100) })).status).toBe(201)
  expect((await call('POST', '/tags/batch', { as: 'ann', body: [] })).status).toBe(422)
})

describe('a version', () => {
  test('that is not the one there is 412', async () => {
    const etag = (await call('GET', `/notes/${ids.note6}`, { as: 'ann' })).headers.get('etag')!
    const patch = (match: string) =>
      call('PATCH', `/notes/${ids.note6}`, { as: 'ann', body: { body: 'x' }, headers: { 'if-match': match } })
    const changed = await patch(etag)
    expect(changed.status).toBe(200)
    expect((await patch(etag)).status).toBe(412)
    expect((await patch(changed.headers.get('etag')!)).status).toBe(200)
    expect((await patch('*')).status).toBe(200)
  })
  test('is in the tag of every form of a row that counts them, strong and its own', async () => {
    const address = `/notes/${ids.note8}`
    const tagOf = async (query: string) => (await call('GET', address + query, { as: 'ann' })).headers.get('etag')!
    const change = async (method: string, match: string) =>
      (
        await call(method, address, {
          as: 'ann',
          body: { title: 'x', author: ids.ann },
          headers: { 'if-match': match },
        })
      ).status
    const forms = ['', '?fields=title', '?fields=version', '?include=author', '?include=tags&fields=id,title']
    expect(new Set(await Promise.all(forms.map(tagOf))).size).toBe(forms.length)
    for (const form of forms) {
      const tag = await tagOf(form)
      expect(tag).toMatch(form === '' ? /^"[\w-]{22}"$/ : /^"[\w-]{22}\.[\w-]{22}"$/)
      expect(await tagOf(form)).toBe(tag)
      expect(await change('PATCH', `W/${tag}`)).toBe(412)
      expect(await change('PATCH', `"other", ${tag.slice(0, -1)}--gzip"`)).toBe(200)
      for (const method of ['PATCH', 'PUT', 'DELETE']) expect(await change(method, tag)).toBe(412)
    }
    const sparse = await tagOf('?fields=title')
    const again = await call('GET', `${address}?fields=title`, { as: 'ann', headers: { 'if-none-match': sparse } })
    expect(again.status).toBe(304)
    // A version that was not counted.
    await app.transaction((db: any) => db.sql.updateTable('note').set({ body: 'by hand' }).execute())
    expect(await change('PATCH', sparse)).toBe(412)
    expect(await change('DELETE', await tagOf('?fields=title'))).toBe(204)
  })
  test('that the model does not count is told by the plain representation alone', async () => {
    const sparse = (await call('GET', '/seats/a/2?fields=taken')).headers.get('etag')!
    const patch = (match: string) =>
      call('PATCH', '/seats/a/2', { body: { taken: true }, headers: { 'if-match': match } })
    expect((await patch(sparse)).status).toBe(412)
    expect((await patch((await call('GET', '/seats/a/2')).headers.get('etag')!)).status).toBe(200)
  })
  test('must be said where the resource says so', async () => {
    for (const [method, body] of [
      ['PUT', { row: 'a', number: 1 }],
      ['PATCH', { taken: true }],
      ['DELETE', undefined],
    ] as const) {
      expect((await call(method, '/seats/a/1', { body })).json.code).toBe('precondition_required')
    }
    const etag = (await call('GET', '/seats/a/1')).headers.get('etag')!
    const taken = await call('PATCH', '/seats/a/1', { body: { taken: true }, headers: { 'if-match': etag } })
    expect([taken.status, taken.json]).toEqual([200, { row: 'a', number: 1, taken: true }])
    expect((await call('DELETE', '/seats/a/1', { headers: { 'if-match': etag } })).status).toBe(412)
  })
})

test('a handler that forgets to await a call of its db answers 500, in a write with nothing committed', async () => {
  for (const method of ['POST', 'GET', 'PUT', 'PATCH']) {
    const { status, json } = await call(method, '/forgetful')
    expect([method, status, json.code]).toEqual([method, 500, 'missing_await'])
    if (method === 'POST') expect((await call('GET', '/tags?name=forgotten')).json).toEqual([])
  }
})

describe('what code asks of its db', () => {
  test.each(Object.keys(wrong))('is the fault of the app where it names what is not there: %s', async (text) => {
    failures.length = 0
    const { status, json } = await call('POST', `/wrong/${Object.keys(wrong).indexOf(text)}`)
    expect([status, json.code, json.errors]).toEqual([500, 'call_invalid', undefined])
    expect(failures).toHaveLength(1)
    expect(failures[0]).toContain(text)
  })
  test('may be a wrong value of the client, which is not said to be in a body that is none', async () => {
    for (const [query, code, name] of [
      ['id=x', 'invalid_filter', 'id '],
      ['limit=0', 'invalid_query', 'limit '],
    ] as const) {
      const { status, json } = await call('GET', `/handed-on?${query}`)
      expect([query, status, json.code]).toEqual([query, 400, code])
      expect(json.errors).toEqual([{ code: 'invalid_value', detail: expect.stringMatching(`^${name}`) }])
    }
    expect((await call('GET', '/handed-on?after=x')).json.code).toBe('invalid_cursor')
  })
})

describe('the policy', () => {
  test('tells nobody, those who may not, and what may not be known apart', async () => {
    const body = { title: 'x', author: ids.ann }
    expect((await call('POST', '/notes', { body })).status).toBe(401)
    expect((await call('POST', '/notes', { as: 'ben', body })).status).toBe(403)
    expect((await call('PATCH', `/notes/${ids.note1}`, { as: 'ben', body: { title: 'x' } })).status).toBe(403)
    expect((await call('PATCH', `/notes/${ids.note7}`, { as: 'ben', body: { title: 'x' } })).status).toBe(404)
    expect((await call('GET', `/notes/${ids.note7}`, { as: 'ben' })).status).toBe(404)
    expect((await call('DELETE', `/notes/${ids.note7}`, { as: 'ben' })).status).toBe(404)
    expect((await call('PATCH', `/notes/${ids.note1}`, { as: 'ann', body: { author: ids.ben } })).status).toBe(403)
  })
  test('filters lists, and what they include', async () => {
    expect((await call('GET', '/notes?limit=100')).json).toHaveLength(6)
    expect((await call('GET', '/notes?limit=100', { as: 'ben' })).json).toHaveLength(21)
    expect((await call('GET', '/users?name=ann&include=notes')).json[0].notes).toHaveLength(6)
    expect((await call('GET', '/notes?title=note 0')).json).toEqual([])
  })
  test('never shows a write-only field', async () => {
    for (const target of ['/users', `/users/${ids.ann}`, '/notes?include=author']) {
      expect((await call('GET', target, { as: 'ann' })).text).not.toContain('secret')
    }
  })
})

test('methods that are not served are named in Allow', async () => {
  expect([(await call('DELETE', '/tags')).status, (await call('DELETE', '/tags')).headers.get('allow')]).toEqual([
    405,
    'POST, GET, QUERY, HEAD, OPTIONS',
  ])
  const options = await call('OPTIONS', `/notes/${ids.note1}`)
  expect([options.status, options.headers.get('allow')!.split(', ').sort()]).toEqual([
    204,
    ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'PUT'],
  ])
})

test('a POST with an Idempotency-Key has one effect', async () => {
  const headers = { 'idempotency-key': 'one' }
  const body = { name: 'once' }
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call('POST', '/tags', { as: 'ann', body, headers })),
  )
  expect(
    new Set(answers.map((answer) => `${answer.status} ${answer.text} ${answer.headers.get('location')}`)).size,
  ).toBe(1)
  expect((await call('GET', '/tags?name=once')).json).toHaveLength(1)
  expect((await call('POST', '/tags', { as: 'ann', body: { name: 'other' }, headers })).json.code).toBe(
    'idempotency_mismatch',
  )
})

test('a resource that is declared wrong is refused', () => {
  for (const options of [
    { at: 'notes' },
    { at: '/notes', include: ['nope'] },
    { at: '/notes', actions: ['nope'] },
    { at: '/notes', limit: { max: 1001 } },
    { at: '/notes', limit: { default: 5, max: 4 } },
  ]) {
    expect(() => resource(Note, options as never)).toThrow(expect.objectContaining({ code: 'definition_invalid' }))
  }
  expect(resource(Note, { at: '/notes', limit: { max: 1000 } }).endpoints).toHaveLength(8)
})
