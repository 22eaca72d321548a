import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Backend, backend, define, file, form, MonoblocError, model, t } from 'monobloc'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { call, callRaw, expectProblem } from './call.ts'
import { openApiErrors } from './openapi-check.ts'

const Photo = model('photo', { id: t.id(), title: t.text().max(20), file: t.text(), type: t.text(), size: t.integer() })
const { policy, endpoint } = define({ models: { Photo } })
policy(Photo, { anyone: { read: true, create: true } })

const seen: { name: string; path: string; mode: number; bytes: Buffer }[] = []
const upload = endpoint('POST /photos', {
  body: form({ title: z.string().min(1).max(30), photo: file({ maxSize: 1000, types: ['image/png', 'image/jpeg'] }) }),
  returns: { 201: Photo },
  async prepare({ body: { photo } }) {
    seen.push({
      name: photo.name,
      path: photo.path,
      mode: statSync(photo.path).mode & 0o777,
      bytes: readFileSync(photo.path),
    })
    return photo.keep('photos')
  },
  handle: ({ body: { title, photo }, prepared, db }) =>
    db.insert(Photo, { title, file: prepared, type: photo.type, size: photo.size }),
})
const several = endpoint('POST /several', {
  transaction: false,
  body: form({
    tags: z.union([z.string(), z.array(z.string())]).optional(),
    files: file({ max: 2, maxSize: 100_000 }),
    note: file({ optional: true }),
  }),
  handle: ({ body: { tags, files, note } }) => ({
    tags,
    files: files.map(({ name, type, size }) => ({ name, type, size })),
    note: note?.name ?? null,
  }),
})
const conflicts = endpoint('POST /conflicts', {
  body: form({ photo: file(), unknown: z.string().optional() }),
  prepare: ({ body: { photo } }) => photo.keep('photos'),
  async handle({ prepared, db, reply, body }) {
    await db.insert(Photo, { title: 't', file: prepared, type: '', size: 0 })
    if (body.unknown) throw new MonoblocError('commit_unknown') // as where the database is lost while it commits
    reply.status(409)
    return { file: prepared }
  },
})
const late = endpoint('POST /late', {
  deadline: 50,
  body: form({ photo: file() }),
  async prepare({ body: { photo } }) {
    const bytes = readFileSync(photo.path)
    await delay(150)
    // It went with the request, and is there again: as where the two come at once.
    writeFileSync(photo.path, bytes)
    await photo.keep('photos')
    seen.push({ name: 'late', path: photo.path, mode: 0, bytes })
  },
  handle: () => null,
})
const gate = Promise.withResolvers<void>()
const apart = endpoint('POST /apart', {
  deadline: 1000,
  transaction: false,
  body: form({ end: z.enum(['good', 'bad', 'answer']), photo: file() }),
  returns: z.object({ file: z.string() }),
  async handle({ body: { end, photo }, db }) {
    const name = await photo.keep('photos')
    await gate.promise
    if (end === 'bad') throw new Error('bad')
    await db.insert(Photo, { title: 't', file: name, type: '', size: 0 })
    return end === 'good' ? { file: name } : ({} as never)
  },
})
const slow = endpoint('POST /slow', {
  deadline: 1000,
  transaction: false,
  body: form({ data: file({ maxSize: 100_000_000 }) }),
  handle: ({ body }) => body.data.size,
})

let folder: string
let app: Backend
let port: number
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'forms-'))
  seen.length = 0
  await start()
})
afterEach(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

async function start(limits: object = {}, change = (served: Backend) => served): Promise<void> {
  app = change(backend({ serve: [upload, several, conflicts, late, apart, slow], limits }))
  port = (await app.start({ port: 0, folder, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' } })).port
}

const data = (...names: string[]) => path.join(folder, 'data', ...names)
const incoming = () =>
  existsSync(data('incoming')) ? readdirSync(data('incoming')).flatMap((own) => readdirSync(data('incoming', own))) : []
const photos = () => (existsSync(data('photos')) ? readdirSync(data('photos')) : [])
/** A file that is removed and still open takes its place on the disk. */
const opened = () =>
  existsSync('/proc/self/fd')
    ? readdirSync('/proc/self/fd')
        .map(linkOf)
        .filter((name) => name.includes('incoming'))
    : []
const linkOf = (descriptor: string) => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}
const gone = () => vi.waitFor(() => expect([...incoming(), ...opened()]).toEqual([]), 45_000)

const png = (size: number) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(size - 8, 7)])
type Part = [name: string, content: string | Buffer, filename?: string, type?: string]

const head = ([name, , filename, type]: Part) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n${type ? `Content-Type: ${type}\r\n` : ''}\r\n`
const multipart = (...parts: Part[]) =>
  Buffer.concat([
    ...parts.flatMap((part) => [Buffer.from(head(part)), Buffer.from(part[1] as string), Buffer.from('\r\n')]),
    Buffer.from('--b--\r\n'),
  ])
const send = (target: string, body: Buffer, headers: Record<string, string> = {}) =>
  call(port, `POST ${target}`, { body, headers: { 'content-type': 'multipart/form-data; boundary=b', ...headers } })

describe('a form', () => {
  test('comes to the handler as its fields, its files on disk for nobody else to read, and gone afterwards', async () => {
    const answer = await send('/photos', multipart(['title', 'Zürich'], ['photo', png(500), 'a.png', 'text/plain']))
    expect(answer.json).toMatchObject({ title: 'Zürich', type: 'image/png', size: 500 })
    expect(answer.status).toBe(201)
    expect(seen).toMatchObject([{ name: 'a.png', mode: 0o600, bytes: png(500) }])
    expect(seen[0]!.path.startsWith(data('incoming'))).toBe(true)
    expect(photos()).toEqual([answer.json.file])
    expect(answer.json.file).toMatch(/^[0-9a-f-]{36}\.png$/)
    expect(readFileSync(data('photos', answer.json.file))).toEqual(png(500))
    await gone()
  })

  test('may have names that repeat, several files, and fields of files that nobody chose', async () => {
    const body = multipart(
      ['tags', 'a'],
      ['tags', 'b'],
      ['files', 'text', 'one.txt'],
      ['files', png(9), 'two.png'],
      ['note', '', ''],
    )
    expect((await send('/several', body)).json).toEqual({
      tags: ['a', 'b'],
      files: [
        { name: 'one.txt', type: 'text/plain', size: 4 },
        { name: 'two.png', type: 'image/png', size: 9 },
      ],
      note: null,
    })
    expect((await send('/several', multipart(['tags', 'a']))).json).toEqual({ tags: 'a', files: [], note: null })
    expect((await send('/several', multipart(['files', '', 'empty.txt']))).json.files).toEqual([
      { name: 'empty.txt', type: 'application/octet-stream', size: 0 },
    ])
    await gone()
  })

  test('is what browsers and fetch send', async () => {
    const body = new FormData()
    body.set('title', 'From fetch')
    body.set('photo', new Blob([png(20)], { type: 'image/png' }), 'ü.png')
    const response = await fetch(`http://127.0.0.1:${port}/photos`, { method: 'POST', body })
    expect(response.status).toBe(201)
    expect(seen[0]!.name).toBe('ü.png')
  })

  test.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\\\dir\\\\evil.exe', 'evil.exe'],
    ['..', 'file'],
    ['.htaccess', 'htaccess'],
    ['con.png', '_con.png'],
    ['a\u202egnp.exe', 'agnp.exe'],
    ['a\u0000b?.png', 'ab.png'],
    [`${'é'.repeat(300)}.png`, `${'é'.repeat(125)}.png`],
  ])('calls the file %j %j', async (given, name) => {
    await send('/photos', multipart(['title', 't'], ['photo', png(10), given]))
    expect(seen[0]!.name).toBe(name)
  })
})

describe('bounds, at them and one past', () => {
  test('bytes of a file', async () => {
    expect((await send('/photos', multipart(['title', 't'], ['photo', png(1000), 'a.png']))).status).toBe(201)
    const answer = await send('/photos', multipart(['title', 't'], ['photo', png(1001), 'a.png']))
    expectProblem(answer, 413, 'body_too_large')
    expect(answer.json.errors).toEqual([
      { in: 'body', pointer: '#/photo', code: 'too_big', detail: 'must have at most 1000 bytes' },
    ])
    await gone()
  })

  test('bytes and number of texts', async () => {
    const at = await send('/several', multipart(['tags', 'x'.repeat(65_536)]))
    expect(at.json.tags).toHaveLength(65_536)
    const past = await send('/several', multipart(['tags', 'x'.repeat(65_537)]))
    expectProblem(past, 413, 'body_too_large')
    expect(past.json.errors[0].pointer).toBe('#/tags')
    const tags = (count: number) => multipart(...Array.from({ length: count }, (): Part => ['tags', 'x']))
    expect((await send('/several', tags(100))).json.tags).toHaveLength(100)
    expectProblem(await send('/several', tags(101)), 422, 'validation_failed')
    expectProblem(await send('/several', tags(5000)), 422, 'validation_failed')
  })

  test('number of files', async () => {
    const files = (count: number) => multipart(...Array.from({ length: count }, (): Part => ['files', 'x', 'x']))
    expect((await send('/several', files(2))).json.files).toHaveLength(2)
    const answer = await send('/several', files(3))
    expectProblem(answer, 422, 'validation_failed')
    expect(answer.json.errors).toEqual([
      { in: 'body', pointer: '#/files', code: 'too_many', detail: 'must be at most 2 files' },
    ])
    await gone()
  })

  test('bytes of the whole, said in advance and not', async () => {
    const small = multipart(['tags', 'a'])
    const limited = { ...several, options: { ...several.options, bodyLimit: small.length } }
    await app.stop()
    app = backend({ serve: [limited] })
    port = (await app.start({ port: 0, folder, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' } })).port
    expect((await send('/several', small)).status).toBe(200)
    expectProblem(await send('/several', multipart(['tags', 'ab'])), 413, 'body_too_large')
    const chunked = (body: Buffer) =>
      callRaw(
        port,
        `POST /several HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      )
    expect(await chunked(small)).toMatch(/^HTTP\/1.1 200/)
    expect(await chunked(multipart(['tags', 'ab']))).toMatch(/^HTTP\/1.1 413/)
  })

  test('forms at once', async () => {
    await app.stop()
    await start({ uploads: 1 })
    const { socket } = await begin('/slow')
    expectProblem(await send('/several', multipart(['tags', 'a'])), 503, 'overloaded')
    socket.destroy()
    await vi.waitFor(async () => expect((await send('/several', multipart(['tags', 'a']))).status).toBe(200), 45_000)
  })
})

/** A connection on which a form with a file has begun, and its first bytes are on disk. */
async function begin(target: string): Promise<{ socket: net.Socket; answer: Promise<string> }> {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  const answer = once(socket, 'close').then(() => text)
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000\r\n\r\n`,
  )
  socket.write(head(['data', '', 'data.bin']) + 'x'.repeat(100_000))
  await vi.waitFor(() => expect(incoming().length).toBe(1), 45_000)
  return { socket, answer }
}

describe('what is refused, by name', () => {
  const photo: Part = ['photo', png(10), 'a.png']
  const title: Part = ['title', 't']
  test.each<[string, Part[], number, string, string]>([
    [
      'a file of another kind, whatever it is called',
      [title, ['photo', 'GIF89a..', 'a.png', 'image/png']],
      415,
      'unsupported_type',
      '#/photo',
    ],
    [
      'a page under the name of an image',
      [title, ['photo', '<script>', 'a.png', 'image/png']],
      415,
      'unsupported_type',
      '#/photo',
    ],
    ['a missing file', [title], 422, 'required', '#/photo'],
    ['a file that nobody chose', [title, ['photo', '', '']], 422, 'required', '#/photo'],
    ['two where one may be', [title, photo, photo], 422, 'too_many', '#/photo'],
    ['a missing text', [photo], 422, 'required', '#/title'],
    ['a text that its schema refuses', [['title', ''], photo], 422, 'too_small', '#/title'],
    ['a text where a file belongs', [title, ['photo', 'text']], 415, 'unsupported_type', '#/photo'],
    ['a file where text belongs', [['title', 'x', 'x.txt'], photo], 422, 'invalid_type', '#/title'],
    ['an unknown text', [title, photo, ['other', 'x']], 422, 'unknown_field', '#/other'],
    ['an unknown file', [title, photo, ['other', 'x', 'x']], 422, 'unknown_field', '#/other'],
    ['the name of a prototype', [title, photo, ['__proto__', 'x']], 422, 'unknown_field', '#/__proto__'],
  ])('%s', async (_, parts, status, code, pointer) => {
    const answer = await send('/photos', multipart(...parts))
    expect([answer.status, answer.json.errors]).toMatchObject([status, [{ code, pointer }]])
    expect(photos()).toEqual([])
    await gone()
  })

  test('another media type, no boundary, a form that breaks off', async () => {
    const json = await call(port, 'POST /photos', { body: { title: 't' } })
    expectProblem(json, 415, 'unsupported_media_type')
    expect(json.headers['accept-post']).toBe('multipart/form-data')
    const body = multipart(title, photo)
    expectProblem(await send('/photos', body, { 'content-type': 'multipart/form-data' }), 400, 'malformed_request')
    expectProblem(await send('/photos', body.subarray(0, -30)), 400, 'malformed_request')
    expectProblem(await send('/photos', Buffer.from('nonsense')), 400, 'malformed_request')
    expectProblem(await call(port, 'POST /photos'), 422, 'validation_failed')
    await gone()
  })
})

describe('what is left', () => {
  test('nothing of a client that goes away half-way', async () => {
    const { socket } = await begin('/slow')
    socket.destroy()
    await gone()
  })

  test('nothing of a request whose transaction fails after the file was kept', async () => {
    const answer = await send('/photos', multipart(['title', 'x'.repeat(21)], ['photo', png(10), 'a.png']))
    expectProblem(answer, 422, 'validation_failed')
    expect(seen.length).toBe(1)
    await vi.waitFor(() => expect(photos()).toEqual([]), 45_000)
  })

  test('one file of a request that is repeated under its key, with another boundary', async () => {
    const headers = { 'idempotency-key': 'k' }
    const body = multipart(['title', 't'], ['photo', png(10), 'a.png'])
    const first = await send('/photos', body, headers)
    const other = Buffer.from(body.toString('latin1').replaceAll('--b', '--c'), 'latin1')
    const again = await send('/photos', other, { ...headers, 'content-type': 'multipart/form-data; boundary=c' })
    expect([again.status, again.json]).toEqual([201, first.json])
    await vi.waitFor(() => expect(photos()).toEqual([first.json.file]), 45_000)
    const changed = await send('/photos', multipart(['title', 't'], ['photo', png(11), 'a.png']), headers)
    expectProblem(changed, 422, 'idempotency_mismatch')
    await vi.waitFor(() => expect(photos()).toEqual([first.json.file]), 45_000)
  })

  test.each([false, true])('what a row may name, whatever the status of the answer; middleware: %s', async (beside) => {
    await app.stop()
    await start({}, (served) => (beside ? served.use((_request, _response, next) => next()) : served))
    const answer = await send('/conflicts', multipart(['photo', png(10), 'a.png']))
    expect(answer.status).toBe(409)
    const unknown = await send('/conflicts', multipart(['photo', png(10), 'a.png'], ['unknown', 'yes']))
    expectProblem(unknown, 503, 'commit_unknown')
    await delay(30)
    expect(photos().length).toBe(2)
  })

  test('nothing of a file that is kept when the deadline has passed', async () => {
    expectProblem(await send('/late', multipart(['photo', png(10), 'a.png'])), 503, 'deadline_exceeded')
    await vi.waitFor(() => expect(seen.map(({ name }) => name)).toContain('late'), 45_000)
    await vi.waitFor(() => expect(photos()).toEqual([]), 45_000)
  })

  test('what is committed after the deadline, outside a transaction, and nothing of what is not', async () => {
    const ends = (end: string) =>
      send('/apart', multipart(['end', end], ['photo', png(10), 'a.png']), { 'idempotency-key': end })
    for (const answer of await Promise.all(['good', 'bad'].map(ends))) expectProblem(answer, 503, 'deadline_exceeded')
    gate.resolve()
    const { json } = await ends('good')
    await vi.waitFor(() => expect(photos()).toEqual([json.file]), 45_000)
    expectProblem(await ends('answer'), 500, 'response_invalid')
    await delay(30)
    expect(photos().length).toBe(2)
  })

  test('one file of such a request beside middleware', async () => {
    await app.stop()
    await start({}, (served) => served.use((_request, _response, next) => next()))
    const headers = { 'idempotency-key': 'k' }
    const body = multipart(['title', 't'], ['photo', png(10), 'a.png'])
    const first = await send('/photos', body, headers)
    expect((await send('/photos', body, headers)).headers['idempotency-replayed']).toBe('true')
    await vi.waitFor(() => expect(photos()).toEqual([first.json.file]), 45_000)
  })

  test('nothing of a form that is refused while a file of it arrives', async () => {
    const { socket, answer } = await begin('/slow')
    socket.write(`\r\n${head(['other', ''])}x\r\n${head(['data', '', 'more.bin'])}x`)
    await vi.waitFor(() => expect(opened()).toEqual([]), 45_000)
    socket.destroy()
    await answer
    await gone()
  })

  test('nothing of processes that have ended, once one starts; what others are receiving stays', async () => {
    await app.stop()
    const dead = `${os.hostname()}_${2 ** 22 + 1}_x`
    const [alive, foreign, old] = [`${os.hostname()}_${process.ppid}_x`, 'elsewhere_1_x', 'elsewhere_2_x']
    for (const name of [dead, alive, foreign, old]) {
      mkdirSync(data('incoming', name), { recursive: true })
      writeFileSync(data('incoming', name, 'file'), 'x')
    }
    const day = 24 * 60 * 60
    utimesSync(data('incoming', old), Date.now() / 1000 - day - 1, Date.now() / 1000 - day - 1)
    await start()
    expect(readdirSync(data('incoming')).sort()).toEqual([alive, foreign].sort())
  })
})

describe('time', () => {
  test('a form may take longer than other requests, and its deadline begins when it is there', async () => {
    await app.stop()
    await start({ requestTimeout: 600, headerTimeout: 500, uploadRate: 1 })
    const { socket, answer } = await begin('/slow')
    const begun = performance.now()
    // Past Node's own clock, which looks each half second here, and past the deadline of the route.
    let sent = 100_000
    for (; performance.now() - begun < 1500; sent += 4) {
      socket.write('more')
      await delay(100)
    }
    const end = '\r\n--b--\r\n'
    const size = 10_000_000 - head(['data', '', 'data.bin']).length - end.length
    socket.write('x'.repeat(size - sent) + end)
    expect(await answer).toMatch(new RegExp(`^HTTP/1.1 200 OK.*\\r\\n${size}$`, 's'))
    await gone()
  })

  test('one of which nothing comes is given up', async () => {
    await app.stop()
    await start({ requestTimeout: 200, headerTimeout: 200 })
    const { answer } = await begin('/slow')
    expect(await answer).toMatch(/^HTTP\/1.1 408/)
    await gone()
  })

  test('one that comes by drops is given up, so that slow clients hold no places', async () => {
    await app.stop()
    await start({ requestTimeout: 200, headerTimeout: 200, uploadRate: 1_000_000 })
    const { socket, answer } = await begin('/slow')
    const keep = setInterval(() => socket.write('more'), 20)
    await once(socket, 'data')
    clearInterval(keep)
    socket.end()
    expect(await answer).toMatch(/^HTTP\/1.1 408/)
    await gone()
  })

  test('no form takes longer than it may', async () => {
    await app.stop()
    await start({ uploadTimeout: 300 })
    const { socket, answer } = await begin('/slow')
    const keep = setInterval(() => socket.write('more'), 20)
    await once(socket, 'data')
    clearInterval(keep)
    socket.end()
    expect(await answer).toMatch(/^HTTP\/1.1 408/)
    await gone()
  })
})

test('the description says what each field is', async () => {
  const document = (await call(port, 'GET /openapi.json')).json
  expect(await openApiErrors(document)).toEqual([])
  const { requestBody, responses } = document.paths['/photos'].post
  expect(Object.keys(requestBody.content)).toEqual(['multipart/form-data'])
  const { schema, encoding } = requestBody.content['multipart/form-data']
  expect(encoding).toEqual({ photo: { contentType: 'image/png, image/jpeg' } })
  expect(schema).toMatchObject({
    required: ['title', 'photo'],
    properties: { photo: { contentMediaType: 'image/png' } },
  })
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(['413', '415', '422']))
  expect((await call(port, 'GET /docs')).status).toBe(200)
})

test.each([
  [() => file({ maxSize: 0 }), 'maxSize'],
  [() => file({ max: 0 }), 'max is'],
  [() => file({ types: ['image/x-unheard'] }), "can't be told"],
])('a file that could never be is refused where it is said', (make, reason) => {
  expect(make).toThrow(reason)
})
