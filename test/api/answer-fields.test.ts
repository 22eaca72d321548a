import { afterEach, describe, expect, test } from 'vitest'
import { createEndpoint, createHttpServer, type HttpServer, type HttpServerOptions } from '../../src/http/index.ts'
import { backend } from '../../src/index.ts'
import { type Called, call } from './call.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const endpoint = createEndpoint<{ db: unknown }, TestUser>()
const json = endpoint('GET /json', { anyone: true, handle: () => ({ a: 1 }) })
const typed = endpoint('GET /typed/*', {
  anyone: true,
  handle({ params, reply }) {
    reply.header('content-type', params['*'])
    return Buffer.from('1')
  },
})
const page = endpoint('GET /page', {
  anyone: true,
  handle({ reply }) {
    reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'self'")
      .header('x-frame-options', 'DENY')
    return '<p>page</p>'
  },
})
const moved = endpoint('GET /moved', {
  anyone: true,
  handle: ({ reply }) => void reply.status(302).header('location', '/'),
})

const running: HttpServer[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.close()
})

async function serve(options: HttpServerOptions = {}): Promise<number> {
  const server = createHttpServer({ routes: [json, typed, page, moved], host: memoryHost(), options })
  running.push(server)
  return (await server.listen({ port: 0 })).port
}

const watched = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'permissions-policy',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
]

function protection({ headers }: Called): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => watched.includes(name)))
}

const nosniff = { 'x-content-type-options': 'nosniff' }
const ofData = { ...nosniff, 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" }
const ofFiles = { ...nosniff, 'cross-origin-resource-policy': 'same-site' }
const ofPages = {
  ...ofFiles,
  'content-security-policy': "base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
  'cross-origin-opener-policy': 'same-origin-allow-popups',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'x-frame-options': 'SAMEORIGIN',
}

describe('by default, an answer is protected by what a browser could do with it', () => {
  test.each([
    ['/json', ofData],
    ['/nothing', ofData],
    ['/typed/application/problem+json', ofData],
    ['/typed/APPLICATION/JSON', ofData],
    ['/typed/text/html', ofPages],
    ['/typed/Text/HTML;charset=utf-8', ofPages],
    ['/typed/application/xhtml+xml', ofPages],
    ['/typed/text/xml', ofPages],
    ['/typed/text/plain', ofFiles],
    ['/typed/image/png', ofFiles],
    ['/typed/text/javascript', ofFiles],
    ['/moved', nosniff],
  ])('%s', async (path, expected) => {
    expect(protection(await call(await serve(), `GET ${path}`))).toEqual(expected)
  })

  test('a drawing runs no scripts', async () => {
    const { headers } = await call(await serve(), 'GET /typed/image/svg+xml')
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';.* sandbox$/)
  })

  test('and so is what the client has already', async () => {
    const port = await serve()
    const { headers } = await call(port, 'GET /typed/text/html')
    const known = await call(port, 'GET /typed/text/html', { headers: { 'if-none-match': headers.etag! } })
    expect([known.status, protection(known)]).toEqual([304, ofPages])
  })
})

test('what a handler says goes before, and stands once', async () => {
  const answer = await call(await serve(), 'GET /page')
  expect(protection(answer)).toEqual({
    ...ofPages,
    'content-security-policy': "default-src 'self'",
    'x-frame-options': 'DENY',
  })
})

test('an app says what every answer carries, and what none does', async () => {
  const headers = {
    'Strict-Transport-Security': 'max-age=31536000',
    'x-frame-options': null,
    'Referrer-Policy': 'no-referrer',
  }
  const port = await serve({ headers })
  const added = { 'strict-transport-security': 'max-age=31536000', 'referrer-policy': 'no-referrer' }
  const { 'x-frame-options': _, ...others } = ofPages
  expect(protection(await call(port, 'GET /typed/text/html'))).toEqual({ ...others, ...added })
  expect(protection(await call(port, 'GET /json'))).toEqual({ ...ofData, ...added })
  expect(protection(await call(port, 'GET /nothing'))).toEqual({ ...ofData, ...added })
  expect(protection(await call(port, 'GET /moved'))).toEqual({ ...nosniff, ...added })
})

test.each([
  { 'a b': 'c' },
  { a: 'b\r\nc: d' },
  { 'Content-Length': '1' },
  { 'Set-Cookie': 'a=b' },
  { 'Content-Type': 'text/html' },
  { ETag: '"1"' },
])('%j is refused at the start', (headers) => {
  expect(() => createHttpServer({ routes: [], host: memoryHost(), options: { headers } as never })).toThrow(
    expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining('backend({ headers })') }),
  )
})

test('our own pages run nothing but their own files', async () => {
  const app = backend({ serve: [] })
  const environment = { NODE_ENV: 'development', MONOBLOC_LOG: 'silent' }
  const { port } = await app.start({ port: 0, environment })
  for (const path of ['/', '/docs']) {
    const { headers, body } = await call(port, `GET ${path}`)
    const policy = headers['content-security-policy'] as string
    expect(policy).toMatch(/^default-src 'none'; .*base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/)
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-site',
      'permissions-policy': expect.stringContaining('camera=()'),
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    })
    expect(body).toContain('<!doctype html>')
  }
  await app.stop()
})
