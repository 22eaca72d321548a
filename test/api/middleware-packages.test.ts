import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import compression from 'compression'
import cookieSession from 'cookie-session'
import cors from 'cors'
import session from 'express-session'
import helmet from 'helmet'
import { backend, endpoint, type Middleware } from 'monobloc'
import morgan from 'morgan'
import multer from 'multer'
import passport from 'passport'
import { Strategy } from 'passport-local'
import serveStatic from 'serve-static'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { call, expectProblem } from './call.ts'
import { serveApp } from './served-app.ts'

const cookiesOf = (headers: Record<string, any>): string =>
  (headers['set-cookie'] ?? []).map((cookie: string) => cookie.split(';')[0]).join('; ')

describe('in front of routes of Monobloc', () => {
  test('helmet: its header fields stay, on answers and problems', async () => {
    const app = backend({ serve: [endpoint('GET /', { handle: () => 1 })] }).use(
      helmet({
        contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } },
        referrerPolicy: { policy: 'origin' },
      }),
    )
    const { port } = await serveApp(app)
    for (const [target, status] of [
      ['/', 200],
      ['/none', 404],
    ] as const) {
      const { headers, status: got } = await call(port, `GET ${target}`)
      expect(got).toBe(status)
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';base-uri/)
      expect(headers['referrer-policy']).toBe('origin')
      expect(headers['strict-transport-security']).toMatch(/^max-age=/)
      expect(headers['x-powered-by']).toBeUndefined()
    }
  })
  test('cors: answers preflights itself, and its Vary stays', async () => {
    const app = backend({
      serve: [endpoint('PUT /', { handle: ({ reply }) => void reply.header('vary', 'Accept') })],
    }).use(cors({ origin: 'https://a.example', credentials: true }))
    const { port } = await serveApp(app)
    const origin = { origin: 'https://a.example' }
    const preflight = await call(port, 'OPTIONS /', { headers: { ...origin, 'access-control-request-method': 'PUT' } })
    expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([
      204,
      'GET,HEAD,PUT,PATCH,POST,DELETE',
    ])
    const answer = await call(port, 'PUT /', { headers: origin })
    expect(answer.headers['access-control-allow-origin']).toBe('https://a.example')
    expect(answer.headers.vary).toBe('Origin, Accept')
  })
  test('morgan: logs what was asked, and the status and length that were sent', async () => {
    const lines: string[] = []
    const stream = { write: (line: string) => lines.push(line.trim()) }
    const app = backend({ serve: [endpoint('GET /hello', { handle: () => 'world' })] })
      .use(morgan(':method :url :status :res[content-length]', { stream }))
      .use('/hello', (req, _res, next) => {
        req.seen = true
        next()
      })
    const { port } = await serveApp(app)
    await call(port, 'GET /hello?a=1')
    await call(port, 'HEAD /hello')
    await call(port, 'GET /none')
    await expect
      .poll(() => lines)
      .toEqual(['GET /hello?a=1 200 7', 'HEAD /hello 200 7', expect.stringMatching(/^GET \/none 404 \d+$/)])
  })
  test('compression: encodes what ours has not, with the entity tag that it had', async () => {
    const app = backend({
      compress: false,
      serve: [endpoint('GET /', { handle: () => 'x'.repeat(5000) }), endpoint('GET /short', { handle: () => 'x' })],
    }).use(compression())
    const { port } = await serveApp(app)
    const accept = { 'accept-encoding': 'gzip' }
    const packed = await call(port, 'GET /', { headers: accept })
    expect([packed.headers['content-encoding'], packed.headers['content-length'], packed.headers.vary]).toEqual([
      'gzip',
      undefined,
      'Accept-Encoding',
    ])
    expect(JSON.parse(gunzipSync(packed.bytes).toString())).toHaveLength(5000)
    const same = await call(port, 'GET /', { headers: { ...accept, 'if-none-match': packed.headers.etag! } })
    expect([same.status, same.bytes.length]).toEqual([304, 0])
    expect((await call(port, 'HEAD /', { headers: accept })).status).toBe(200)
    const short = await call(port, 'GET /short', { headers: accept })
    expect([short.headers['content-encoding'], short.json]).toEqual([undefined, 'x'])
  })
  test('compression: leaves alone what ours has encoded', async () => {
    const { port } = await serveApp(
      backend({ serve: [endpoint('GET /', { handle: () => 'x'.repeat(5000) })] }).use(compression()),
    )
    const packed = await call(port, 'GET /', { headers: { 'accept-encoding': 'gzip' } })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(packed.bytes).toString())).toHaveLength(5000)
  })
  test.each<[string, () => Middleware]>([
    ['express-session', () => session({ secret: 's', resave: false, saveUninitialized: false })],
    ['cookie-session', () => cookieSession({ keys: ['k'] })],
  ])('%s: keeps what handlers put into req.session, and sends its cookie with our answer', async (_, make) => {
    const app = backend({
      serve: [
        endpoint('POST /count', {
          handle: ({ req, reply }) => {
            req.session.count = (req.session.count ?? 0) + 1
            reply.header('set-cookie', 'own=1')
            return req.session.count
          },
        }),
        endpoint('GET /count', { handle: ({ req }) => req.session.count ?? 0 }),
      ],
    }).use(make())
    const { port } = await serveApp(app)
    const first = await call(port, 'POST /count')
    const cookie = cookiesOf(first.headers)
    expect([first.json, cookie.includes('own=1')]).toEqual([1, true])
    expect(cookie.split('; ').length).toBeGreaterThan(1)
    const second = await call(port, 'POST /count', { headers: { cookie } })
    expect(second.json).toBe(2)
    expect(
      (
        await call(port, 'GET /count', {
          headers: { cookie: cookiesOf(second.headers).includes('sess') ? cookiesOf(second.headers) : cookie },
        })
      ).json,
    ).toBe(2)
    expect((await call(port, 'GET /count')).json).toBe(0)
  })
  test('multer: files on disk in req.file, its fields as the body of the route', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-upload-'))
    const upload = multer({ dest: folder, limits: { fileSize: 2_000_000 } })
    const add = endpoint('POST /files', {
      body: z.object({ title: z.string() }),
      handle: ({ body, req }) => ({ ...body, name: req.file.originalname, size: req.file.size }),
    }).use(upload.single('file'))
    const { port } = await serveApp(backend({ serve: [add] }))
    const form = (bytes: number) => {
      const data = new FormData()
      data.set('title', 'A cat')
      data.set('file', new Blob([Buffer.alloc(bytes, 7)]), 'cat.bin')
      return { method: 'POST', body: data }
    }
    const url = `http://127.0.0.1:${port}/files`
    // More than the 1 MiB that bodies may have which we read ourselves.
    const good = await fetch(url, form(2_000_000))
    expect([good.status, await good.json()]).toEqual([200, { title: 'A cat', name: 'cat.bin', size: 2_000_000 }])
    expect(readdirSync(folder)).toHaveLength(1)
    const tooLarge = await fetch(url, form(2_000_001))
    expect([tooLarge.status, ((await tooLarge.json()) as { code: string }).code]).toEqual([500, 'internal'])
  })
  test('serve-static: files, ranges and 304 before routes; what it has not, goes on', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-static-'))
    writeFileSync(path.join(folder, 'a.txt'), '0123456789')
    const { port } = await serveApp(
      backend({ serve: [endpoint('GET /files/b', { handle: () => 'ours' })] }).use('/files', serveStatic(folder)),
    )
    const whole = await call(port, 'GET /files/a.txt')
    expect([whole.body, whole.headers['accept-ranges']]).toEqual(['0123456789', 'bytes'])
    const part = await call(port, 'GET /files/a.txt', { headers: { range: 'bytes=2-4' } })
    expect([part.status, part.body, part.headers['content-range']]).toEqual([206, '234', 'bytes 2-4/10'])
    expect((await call(port, 'GET /files/a.txt', { headers: { range: 'bytes=10-' } })).status).toBe(416)
    expect((await call(port, 'GET /files/a.txt', { headers: { 'if-none-match': whole.headers.etag! } })).status).toBe(
      304,
    )
    const head = await call(port, 'HEAD /files/a.txt')
    expect([head.headers['content-length'], head.body]).toEqual(['10', ''])
    expect((await call(port, 'GET /files/b')).json).toBe('ours')
    expectProblem(await call(port, 'GET /files/none'), 404, 'not_found')
  })
  test('passport: signs in by a strategy, keeps the user in a session, guards a route', async () => {
    const people = new Map([['ann', createHash('sha256').update('secret').digest('hex')]])
    const auth = new passport.Passport()
    auth.use(
      new Strategy((name: string, password: string, done: any) => {
        const known = people.get(name) === createHash('sha256').update(password).digest('hex')
        done(null, known && { name })
      }),
    )
    auth.serializeUser((user: any, done: any) => done(null, user.name))
    auth.deserializeUser((name: string, done: any) => done(null, { name }))
    const { urlencoded } = (await import('express')).default
    const signIn = endpoint('POST /login', { handle: ({ req }) => req.user.name }).use(auth.authenticate('local'))
    const me = endpoint('GET /me', { handle: ({ req }) => req.user.name }).use((req, res, next) =>
      req.isAuthenticated() ? next() : res.sendStatus(401),
    )
    const app = backend({ serve: [signIn, me] }).use(
      urlencoded(),
      session({ secret: 's', resave: false, saveUninitialized: false }),
      auth.session(),
    )
    const { port } = await serveApp(app)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await call(port, 'POST /login', { body: 'username=ann&password=wrong', headers })).status).toBe(401)
    const signed = await call(port, 'POST /login', { body: 'username=ann&password=secret', headers })
    expect(signed.json).toBe('ann')
    expect((await call(port, 'GET /me', { headers: { cookie: cookiesOf(signed.headers) } })).json).toBe('ann')
    expect((await call(port, 'GET /me')).status).toBe(401)
  })
  test('what patches writeHead and end sees our answers pass through them', async () => {
    const seen: unknown[] = []
    const app = backend({ serve: [endpoint('GET /', { handle: () => 'é' })] }).use((_req, res, next) => {
      const { writeHead, end } = res
      res.writeHead = function (this: unknown, status: number, ...rest: unknown[]) {
        seen.push(['writeHead', status, res.getHeader('content-length')])
        res.setHeader('x-late', 'yes')
        return writeHead.call(this, status, ...rest)
      }
      res.end = function (this: unknown, chunk: any, ...rest: unknown[]) {
        seen.push(['end', Buffer.from(chunk, rest[0] as BufferEncoding).toString()])
        return end.call(this, chunk, ...rest)
      }
      next()
    })
    const { port } = await serveApp(app)
    const answer = await call(port, 'GET /')
    expect([answer.headers['x-late'], answer.json]).toEqual(['yes', 'é'])
    expect(seen).toEqual([
      ['end', '"é"'],
      ['writeHead', 200, '4'],
    ])
  })
})
