import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEndpoint, createHttpServer, type HttpServer } from '../../src/http/index.ts'
import { call, expectProblem } from './call.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const endpoint = createEndpoint<{ db: unknown }, TestUser>()
const content = '0123456789'
const older = 'Sun, 06 Nov 1994 08:49:36 GMT'
const changed = 'Sun, 06 Nov 1994 08:49:37 GMT'
const newer = 'Sun, 06 Nov 1994 08:49:38 GMT'

const dated = endpoint('GET /dated', {
  anyone: true,
  handle({ reply }) {
    reply.header('last-modified', changed).header('etag', '"v1"').header('content-type', 'text/plain')
    return Buffer.from(content)
  },
})
const tagless = endpoint('GET /tagless', {
  anyone: true,
  handle({ reply }) {
    reply.header('last-modified', changed).header('content-type', 'text/plain')
    return Readable.from([content])
  },
})
const weak = endpoint('GET /weak', {
  anyone: true,
  handle({ reply }) {
    reply.header('etag', 'W/"v1"')
    return Buffer.from(content)
  },
})
const bytes = endpoint('GET /bytes', { anyone: true, handle: () => Buffer.from(content) })
const empty = endpoint('GET /empty', { anyone: true, handle: () => Buffer.alloc(0) })
const json = endpoint('GET /json', { anyone: true, handle: () => content })
const folder = mkdtempSync(path.join(os.tmpdir(), 'conditional-'))
const file = path.join(folder, 'digits.txt')
const blob = endpoint('GET /blob', { anyone: true, handle: () => openAsBlob(file, { type: 'text/plain' }) })
const noBlob = endpoint('GET /blob/empty', { anyone: true, handle: () => new Blob([]) })

let server: HttpServer
let port: number
beforeAll(async () => {
  writeFileSync(file, content)
  const routes = [dated, tagless, weak, bytes, empty, json, blob, noBlob]
  server = createHttpServer({ routes, host: memoryHost() })
  port = (await server.listen({ port: 0 })).port
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const get = (at: string, headers: Record<string, string> = {}) => call(port, `GET ${at}`, { headers })

describe('conditions, in the order of RFC 9110, 13.2.2', () => {
  test.each<[Record<string, string>, number]>([
    [{}, 200],
    // 1: If-Match, which hides If-Unmodified-Since.
    [{ 'if-match': '"v1"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"v2"' }, 412],
    [{ 'if-match': 'W/"v1"' }, 412],
    [{ 'if-match': '"v1"', 'if-unmodified-since': older }, 200],
    [{ 'if-match': '"v2"', 'if-none-match': '"v1"' }, 412],
    // 2
    [{ 'if-unmodified-since': older }, 412],
    [{ 'if-unmodified-since': changed }, 200],
    [{ 'if-unmodified-since': newer }, 200],
    [{ 'if-unmodified-since': 'yesterday' }, 200],
    // 3: If-None-Match, which hides If-Modified-Since.
    [{ 'if-none-match': '"v1"' }, 304],
    [{ 'if-none-match': 'W/"v1"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"v2"' }, 200],
    [{ 'if-none-match': '"v2"', 'if-modified-since': changed }, 200],
    [{ 'if-none-match': '"v1"', 'if-modified-since': older }, 304],
    [{ 'if-match': '"v1"', 'if-none-match': '"v1"' }, 304],
    // 4
    [{ 'if-modified-since': older }, 200],
    [{ 'if-modified-since': changed }, 304],
    [{ 'if-modified-since': newer }, 304],
    [{ 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 304],
    [{ 'if-modified-since': 'yesterday' }, 200],
    [{ 'if-unmodified-since': changed, 'if-modified-since': changed }, 304],
    // 5: a range only of what passes all of these.
    [{ range: 'bytes=0-1', 'if-none-match': '"v1"' }, 304],
    [{ range: 'bytes=0-1', 'if-match': '"v2"' }, 412],
    [{ range: 'bytes=0-1', 'if-match': '"v1"' }, 206],
  ])('%j: %i', async (headers, status) => {
    const answer = await get('/dated', headers)
    expect(answer.status).toBe(status)
    if (status === 412) expectProblem(answer, 412, 'precondition_failed')
    if (status === 304) {
      expect(answer.body).toBe('')
      expect(answer.headers).toMatchObject({ etag: '"v1"', 'last-modified': changed })
      expect(answer.headers['content-type']).toBeUndefined()
      expect(answer.headers['content-length']).toBeUndefined()
    }
    expect((await call(port, 'HEAD /dated', { headers })).status).toBe(status === 206 ? 200 : status)
  })

  test('of what has no tag are by its date', async () => {
    expect((await get('/tagless', { 'if-modified-since': changed })).status).toBe(304)
    expect((await get('/tagless', { 'if-modified-since': older })).body).toBe(content)
    expect((await get('/tagless', { 'if-match': '"v1"' })).status).toBe(412)
    expect((await get('/tagless', { 'if-match': '*' })).status).toBe(200)
    expect((await get('/tagless', { 'if-none-match': '"v1"' })).status).toBe(200)
  })

  test('of what has no date are as if they were not there', async () => {
    for (const name of ['if-modified-since', 'if-unmodified-since'])
      expect((await get('/json', { [name]: older })).status).toBe(200)
  })

  test('that ask for the same bytes never hold for a weak tag', async () => {
    expect((await get('/weak', { 'if-none-match': 'W/"v1"' })).status).toBe(304)
    expect((await get('/weak', { 'if-match': 'W/"v1"' })).status).toBe(412)
    expect((await get('/weak', { 'if-match': '"v1"' })).status).toBe(412)
    for (const range of ['W/"v1"', '"v1"'])
      expect((await get('/weak', { range: 'bytes=0-1', 'if-range': range })).status).toBe(200)
    expect((await get('/weak', { range: 'bytes=0-1' })).status).toBe(206)
  })
})

describe.each(['/bytes', '/blob', '/dated'])('a part of %s', (at) => {
  test.each([
    ['bytes=0-0', '0', '0-0'],
    ['bytes=0-9', content, '0-9'],
    ['bytes=8-10', '89', '8-9'],
    ['bytes=9-', '9', '9-9'],
    ['bytes=-3', '789', '7-9'],
    ['bytes=-11', content, '0-9'],
  ])('%s', async (range, part, told) => {
    const { status, body, headers } = await get(at, { range })
    expect([status, body]).toEqual([206, part])
    expect(headers).toMatchObject({
      'content-range': `bytes ${told}/10`,
      'content-length': String(part.length),
      'accept-ranges': 'bytes',
    })
  })

  test.each(['bytes=10-', 'bytes=10-11', 'bytes=-0'])('%s is behind its end', async (range) => {
    const answer = await get(at, { range })
    expectProblem(answer, 416, 'range_not_satisfiable')
    expect(answer.headers['content-range']).toBe('bytes */10')
  })

  test.each(['bytes=0-0,2-2', 'bytes=5-4', 'lines=1-2', 'bytes=x'])('%s is the whole', async (range) => {
    const { status, body, headers } = await get(at, { range })
    expect([status, body, headers['content-length']]).toEqual([200, content, '10'])
    expect(headers['accept-ranges']).toBe('bytes')
  })

  test('HEAD knows no parts', async () => {
    const { status, headers, body } = await call(port, `HEAD ${at}`, { headers: { range: 'bytes=0-1' } })
    expect([status, headers['content-length'], headers['accept-ranges'], body]).toEqual([200, '10', 'bytes', ''])
  })
})

describe('If-Range', () => {
  test.each([
    ['"v1"', 206],
    ['"v2"', 200],
    ['W/"v1"', 200],
    ['"v1--br"', 200],
    [changed, 206],
    [older, 200],
    [newer, 200],
    ['yesterday', 200],
  ])('%s: %i', async (range, status) => {
    const answer = await get('/dated', { range: 'bytes=2-3', 'if-range': range })
    expect([answer.status, answer.body]).toEqual([status, status === 206 ? '23' : content])
  })

  test('that does not hold makes a part behind the end no error', async () => {
    expect((await get('/dated', { range: 'bytes=10-', 'if-range': '"v2"' })).status).toBe(200)
  })
})

test('a blob has its own type and length', async () => {
  const { headers, body } = await get('/blob')
  expect([body, headers['content-type'], headers['content-length']]).toEqual([content, 'text/plain', '10'])
})

test('nothing at all is whole, and has no part', async () => {
  for (const at of ['/empty', '/blob/empty']) {
    const { status, headers, body } = await get(at)
    expect([status, headers['content-length'], body]).toEqual([200, '0', ''])
    expectProblem(await get(at, { range: 'bytes=0-' }), 416, 'range_not_satisfiable')
  }
})

test('what is made anew for each answer has no parts', async () => {
  for (const at of ['/json', '/tagless']) {
    const { status, headers } = await get(at, { range: 'bytes=0-1' })
    expect([status, headers['accept-ranges']]).toEqual([200, undefined])
  }
})
