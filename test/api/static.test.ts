import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import zlib from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHttpServer, staticEndpoints } from '../../src/http/index.ts'
import { backend, endpoint } from '../../src/index.ts'
import type { BackendOptions } from '../../src/runtime/index.ts'
import { call, callRaw, expectProblem } from './call.ts'
import { memoryHost } from './memory-host.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'static-'))
const root = path.join(folder, 'public')
const past = new Date('2026-01-02T03:04:05.678Z')

function put(name: string, content: string | Uint8Array, at = past): string {
  const file = path.join(root, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
  utimesSync(file, at, at)
  return file
}

const script = `console.log(1)${';'.repeat(2000)}`
const page = '<!doctype html><title>A page</title>'
const large = Buffer.alloc(300_000, 'abc')

function isOpen(fd: string, name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).endsWith(name)
  } catch {
    return false
  }
}

let port: number
let stop: () => Promise<void>

async function started(options: Omit<BackendOptions, 'serve'>, serve: BackendOptions['serve'] = []) {
  const app = backend({ serve, ...options })
  const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }
  const { port } = await app.start({ port: 0, environment, folder })
  return { port, stop: () => app.stop(), routes: app.routes() }
}

beforeAll(async () => {
  put('a.txt', 'text')
  put('index.html', page)
  put('deep/index.html', 'deep')
  put('deep/er/é b.txt', 'name')
  put('no-index/a.txt', 'a')
  put('app.js', script)
  put('index-Diw5gTda.js', script)
  put('small.js', 'small')
  put('picture.png', Buffer.alloc(2000))
  put('unknown.what', 'x')
  put('empty.txt', '')
  put('at.bin', large.subarray(0, 65_536))
  put('past.bin', large.subarray(0, 65_537))
  put('large.bin', large)
  put('.env', 'SECRET')
  put('.git/config', 'SECRET')
  put('.well-known/security.txt', 'Contact: mailto:a@example.com')
  put('encoded.css', 'a{}'.repeat(1000))
  put('encoded.css.br', zlib.brotliCompressSync('br '.repeat(1000)))
  put('encoded.css.gz', zlib.gzipSync('gzip '.repeat(1000)))
  put('encoded.css.zst', zlib.zstdCompressSync('zstd '.repeat(1000)))
  put('stale.css', 'a{}'.repeat(1000))
  put('stale.css.br', zlib.brotliCompressSync('stale'), new Date(past.getTime() - 1000))
  writeFileSync(path.join(folder, 'secret.txt'), 'SECRET')
  symlinkSync(path.join(folder, 'secret.txt'), path.join(root, 'out.txt'))
  symlinkSync(folder, path.join(root, 'up'))
  symlinkSync('a.txt', path.join(root, 'link.txt'))
  symlinkSync('.env', path.join(root, 'link-to-dot'))
  symlinkSync('loop', path.join(root, 'loop'))
  spawnSync('mkfifo', [path.join(root, 'pipe')])
  const own = endpoint('GET /own/:name', { handle: ({ params }) => params.name })
  ;({ port, stop } = await started({ static: { '/': root, '/assets': { from: pathToFileURL(root) } } }, [own]))
})
afterAll(async () => {
  await stop()
  rmSync(folder, { recursive: true })
})

const get = (at: string, headers: Record<string, string> = {}) => call(port, `GET ${at}`, { headers })

describe('a file', () => {
  test.each([
    ['/a.txt', 'text/plain; charset=utf-8'],
    ['/assets/a.txt', 'text/plain; charset=utf-8'],
    ['/index.html', 'text/html; charset=utf-8'],
    ['/app.js', 'text/javascript; charset=utf-8'],
    ['/picture.png', 'image/png'],
    ['/unknown.what', 'application/octet-stream'],
    ['/link.txt', 'text/plain; charset=utf-8'],
    ['/deep/er/%C3%A9%20b.txt', 'text/plain; charset=utf-8'],
    ['/.well-known/security.txt', 'text/plain; charset=utf-8'],
    ['/a.txt?v=1', 'text/plain; charset=utf-8'],
  ])('%s is %s', async (at, type) => {
    const { status, headers } = await get(at)
    expect([status, headers['content-type']]).toEqual([200, type])
    expect(headers).toMatchObject({ 'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT', 'accept-ranges': 'bytes' })
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  test.each(['/at.bin', '/past.bin', '/large.bin', '/empty.txt'])('%s has every byte, and its parts', async (at) => {
    const size = { '/at.bin': 65_536, '/past.bin': 65_537, '/large.bin': 300_000 }[at] ?? 0
    const { bytes, headers } = await get(at)
    expect([bytes.length, headers['content-length']]).toEqual([size, String(size)])
    expect(bytes.equals(large.subarray(0, size))).toBe(true)
    const head = await call(port, `HEAD ${at}`)
    expect([head.headers['content-length'], head.headers.etag, head.body]).toEqual([String(size), headers.etag, ''])
    if (size === 0) return
    const part = await get(at, { range: `bytes=${size - 2}-`, 'if-range': headers.etag! })
    expect([part.status, part.body]).toEqual([206, large.subarray(size - 2, size).toString()])
    expectProblem(await get(at, { range: `bytes=${size}-` }), 416, 'range_not_satisfiable')
  })

  test('is asked about by tag and by date', async () => {
    const { headers } = await get('/a.txt')
    expect(headers.etag).toMatch(/^"[a-z\d-]+"$/)
    expect((await get('/a.txt', { 'if-none-match': headers.etag! })).status).toBe(304)
    expect((await get('/a.txt', { 'if-modified-since': headers['last-modified']! })).status).toBe(304)
    expect((await get('/a.txt', { 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' })).status).toBe(200)
    expect((await get('/large.bin', { 'if-none-match': '"other"' })).bytes.length).toBe(300_000)
  })

  test('has another tag once it has changed, and is never a mix of both', async () => {
    const before = await get('/a.txt')
    put('a.txt', 'else', new Date(past.getTime() + 1))
    const after = await get('/a.txt', { range: 'bytes=0-0', 'if-range': before.headers.etag! })
    expect([after.status, after.body]).toEqual([200, 'else'])
    expect(after.headers.etag).not.toBe(before.headers.etag)
    put('a.txt', 'text')
  })

  test('that has just changed has no tag or date that another change could share', async () => {
    put('new.txt', 'new', new Date())
    const { headers } = await get('/new.txt')
    expect(headers.etag).toMatch(/^W\//)
    expect(headers['last-modified']).toBeUndefined()
    expect((await get('/new.txt', { 'if-none-match': headers.etag! })).status).toBe(304)
    expect((await get('/new.txt', { range: 'bytes=0-0', 'if-range': headers.etag! })).status).toBe(200)
  })

  test('is kept for a year where its name tells of its content, and asked about otherwise', async () => {
    expect((await get('/index-Diw5gTda.js')).headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect((await get('/app.js')).headers['cache-control']).toBe('public, no-cache')
  })
})

test('what guards a folder guards it however its path is written', async () => {
  const app = backend({ serve: [], static: { '/files': root } }).use('/files/deep', (_req, res) => {
    res.writeHead(401).end()
  })
  onTestFinished(() => app.stop())
  const { port } = await app.start({ port: 0, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }, folder })
  expect((await call(port, 'GET /files/a.txt')).body).toBe('text')
  for (const at of ['deep/index.html', 'DEEP/index.html', '%64eep/index.html', 'deep/'])
    expect([at, (await call(port, `GET /files/${at}`)).status]).toEqual([at, 401])
  for (const at of [
    'deep%2Findex.html',
    'deep%2findex.html',
    'deep%252Findex.html',
    'deep%5Cindex.html',
    '/deep/index.html',
  ])
    expect([at, (await call(port, `GET /files/${at}`)).status]).toEqual([at, 404])
})

describe('what is never served', () => {
  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/deep/../../secret.txt',
    '/deep/%2e%2e/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/%252e%252e/secret.txt',
    '/up/secret.txt',
    '/out.txt',
    '/link-to-dot',
    '/loop',
    '/pipe',
    '/.env',
    '/assets/.env',
    '/deep/../.env',
    '/.git/config',
    '/%2eenv',
    '/.well-known',
    '/a.txt%00.html',
    '/a.txt%00',
    '/a.txt/',
    '/a.txt/b',
    '//a.txt',
    '/deep//index.html',
    `//${'etc'}/passwd`,
    '/nothing',
    '/no-index',
    '/no-index/',
    '/A.TXT%20',
    '/c:/windows/win.ini',
  ])('%s', async (at) => {
    const answer = await callRaw(port, `GET ${at} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).not.toContain('SECRET')
    expect(answer).toContain('"code":"not_found"')
  })

  test('names and paths that no file system has', async () => {
    for (const at of [`/${'x'.repeat(256)}`, `/${'x/'.repeat(3000)}`]) expectProblem(await get(at), 404, 'not_found')
  })

  test('what can not be decoded', async () => {
    for (const at of ['/%', '/%ff', '/%c0%ae%c0%ae/secret.txt']) expectProblem(await get(at), 400, 'malformed_request')
  })
})

describe('a folder', () => {
  test('is its index', async () => {
    expect((await get('/')).body).toBe(page)
    expect((await get('/assets/')).body).toBe(page)
    expect((await get('/deep/')).body).toBe('deep')
  })

  test('without its slash leads to it, since links in it are below it', async () => {
    const to = async (at: string) => {
      const { status, headers } = await get(at)
      return [status, headers.location]
    }
    expect(await to('/deep')).toEqual([302, '/deep/'])
    expect(await to('/deep?a=b')).toEqual([302, '/deep/?a=b'])
    expect(await to('/assets')).toEqual([302, '/assets/'])
    expect(await to('/assets/deep')).toEqual([302, '/assets/deep/'])
  })

  test('never leads to another host', async () => {
    for (const at of ['//deep', '//example.com/%2e%2e/deep', '/\\example.com'])
      expect((await get(at)).headers.location).toBeUndefined()
  })
})

describe('what a build has put beside a file', () => {
  const text = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, zstd: zlib.zstdDecompressSync }

  test.each(['br', 'gzip', 'zstd'] as const)('is sent to who takes %s', async (encoding) => {
    const { headers, bytes } = await get('/encoded.css', { 'accept-encoding': encoding })
    expect(headers).toMatchObject({ 'content-encoding': encoding, 'content-type': 'text/css; charset=utf-8' })
    expect(headers.vary).toBe('Accept-Encoding')
    expect(text[encoding](bytes).toString()).toBe(`${encoding === 'br' ? 'br' : encoding} `.repeat(1000))
    expect(headers.etag).toMatch(new RegExp(`--${encoding}"$`))
    const again = await get('/encoded.css', { 'accept-encoding': encoding, 'if-none-match': headers.etag! })
    expect([again.status, again.headers.vary]).toEqual([304, 'Accept-Encoding'])
  })

  test('is not for parts, nor for who takes none', async () => {
    const part = await get('/encoded.css', { 'accept-encoding': 'br', range: 'bytes=0-2' })
    expect([part.status, part.body, part.headers['content-encoding']]).toEqual([206, 'a{}', undefined])
    const plain = await get('/encoded.css')
    expect([plain.body.length, plain.headers.vary]).toEqual([3000, 'Accept-Encoding'])
  })

  test('and is older than the file is not of it any more', async () => {
    const { headers, bytes } = await get('/stale.css', { 'accept-encoding': 'br' })
    expect(headers['content-encoding']).toBe('br')
    expect(zlib.brotliDecompressSync(bytes).toString()).toBe('a{}'.repeat(1000))
  })

  test('is made on the way where there is nothing, also for who has cookies', async () => {
    const { headers, bytes } = await get('/app.js', { 'accept-encoding': 'br', cookie: 'a=b' })
    expect(headers['content-encoding']).toBe('br')
    expect(zlib.brotliDecompressSync(bytes).toString()).toBe(script)
    expect((await get('/small.js', { 'accept-encoding': 'br' })).headers['content-encoding']).toBeUndefined()
    expect((await get('/picture.png', { 'accept-encoding': 'br' })).headers['content-encoding']).toBeUndefined()
  })
})

test('to whoever wants to change something, a path that only files may have is none', async () => {
  for (const at of ['/a.txt', '/typo', '/assets/a.txt', '/'])
    expectProblem(await call(port, `POST ${at}`), 404, 'not_found')
  expectProblem(await call(port, 'POST /own/a'), 405, 'method_not_allowed')
  expect((await call(port, 'OPTIONS /a.txt')).headers.allow).toBe('GET, HEAD, OPTIONS')
})

test.skipIf(!existsSync('/proc/self/fd'))('a client that stops reading is cut, and the file closed', async () => {
  put('endless.bin', Buffer.alloc(50_000_000))
  const server = createHttpServer({
    routes: staticEndpoints({ '/': root }, undefined),
    host: memoryHost(),
    options: { limits: { streamStall: 100 } },
  })
  const stalled = net.connect((await server.listen({ port: 0 })).port, '127.0.0.1')
  onTestFinished(() => {
    stalled.destroy()
    return server.close()
  })
  stalled.on('error', () => {})
  stalled.write('GET /endless.bin HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(stalled, 'readable')
  const opened = () => readdirSync('/proc/self/fd').filter((fd) => isOpen(fd, 'endless.bin')).length
  await vi.waitFor(() => expect(opened()).toBe(0), { timeout: 45_000 })
})

test('routes go before files', async () => {
  expect((await get('/own/a.txt')).json).toBe('a.txt')
  expect((await get('/livez')).status).toBe(200)
})

test('a page that the browser makes itself is shown at every path that a person goes to', async () => {
  const app = await started({ static: { '/': { from: root, fallback: 'index.html' } } })
  onTestFinished(app.stop)
  const ask = (at: string, accept: string) => call(app.port, `GET ${at}`, { headers: { accept } })
  const person = 'text/html,application/xhtml+xml,*/*;q=0.8'
  for (const at of ['/people/7', '/people/', '/no-index/', '/..%2fsecret'])
    expect([at, (await ask(at, person)).body]).toEqual([at, page])
  for (const [at, accept] of [
    ['/people/7', '*/*'],
    ['/people/7', 'application/json'],
    ['/people/7', 'text/html;q=0'],
    ['/missing.js', person],
  ] as const)
    expectProblem(await ask(at, accept), 404, 'not_found')
  expect((await ask('/a.txt', person)).body).toBe('text')
})

test('a mount says how long its files are kept, and for whose pages they are', async () => {
  const cors = { origins: '*' as const }
  const app = await started({ static: { '/fonts/': { from: root, cacheControl: 'max-age=60', cors } } })
  onTestFinished(app.stop)
  const { headers } = await call(app.port, 'GET /fonts/a.txt', { headers: { origin: 'https://a.example' } })
  expect(headers).toMatchObject({ 'cache-control': 'max-age=60', 'access-control-allow-origin': '*' })
})

test('files that forms have left below the data folder are served from there, for as long as anybody likes', async () => {
  const app = await started({ data: path.join(folder, 'data'), static: { '/photos': { kept: 'photos/large' } } })
  onTestFinished(app.stop)
  const kept = path.join(folder, 'data/photos/large')
  expect(readdirSync(kept)).toEqual([])
  writeFileSync(path.join(kept, 'one.png'), 'one')
  const { body, headers } = await call(app.port, 'GET /photos/one.png')
  expect([body, headers['content-type']]).toEqual(['one', 'image/png'])
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expectProblem(await call(app.port, 'GET /photos/two.png'), 404, 'not_found')
})

test('a deployment may turn the folder to the next release', async () => {
  for (const name of ['one', 'two']) {
    mkdirSync(path.join(folder, name))
    writeFileSync(path.join(folder, name, 'a.txt'), name)
  }
  const current = path.join(folder, 'current')
  symlinkSync('one', current)
  const app = await started({ static: { '/': current } })
  onTestFinished(app.stop)
  expect((await call(app.port, 'GET /a.txt')).body).toBe('one')
  symlinkSync('two', path.join(folder, 'next'))
  renameSync(path.join(folder, 'next'), current)
  expect((await call(app.port, 'GET /a.txt')).body).toBe('two')
})

test('a file that shrinks while it is sent breaks the answer off, and the server lives', async () => {
  const file = put('shrinking.bin', Buffer.alloc(20_000_000))
  const answer = callRaw(port, 'GET /shrinking.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  truncateSync(file, 10)
  expect((await answer).length).toBeLessThanOrEqual(20_001_000)
  expect((await get('/a.txt')).body).toBe('text')
})

describe('what could not be meant is refused at the start', () => {
  test.each<[BackendOptions['static'], RegExp]>([
    [{ '/': path.join(folder, 'nothing') }, /nothing is no folder/],
    [{ '/': path.join(folder, 'secret.txt') }, /secret\.txt is no folder/],
    [{ '/': './nowhere' }, /nowhere is no folder.* "\.\/nowhere" begins where the process was started/],
    [{ assets: root } as never, /"assets" is no path/],
    [{ '/a/*': root }, /is no path/],
    [{ '/': { from: root, fallback: '../secret.txt' } }, /is no file in the folder/],
    [{ '/': {} }, /say from or kept/],
    [{ '/': { from: root, kept: 'photos' } }, /say from or kept/],
    [{ '/': { kept: '' } }, /no folder below the data folder/],
    [{ '/': { kept: '../photos' } }, /no folder below the data folder/],
    [{ '/': { kept: '/etc' } }, /no folder below the data folder/],
  ])('%j', async (mounts, message) => {
    await expect(started({ static: mounts })).rejects.toThrow(message)
  })
})

test('are listed with the other routes', async () => {
  const app = backend({ serve: [endpoint('GET /a', { handle: () => 'a' })], static: { '/assets': './public' } })
  expect(app.routes().map(({ path, source }) => [path, source])).toEqual([
    ['/a', 'endpoint'],
    ['/assets', 'static'],
    ['/assets/*', 'static'],
  ])
})
