import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import zlib from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { backend, endpoint } from '../../src/index.ts'
import { call, expectProblem } from './call.ts'

// What each part does alone is in the tests of its own: this one sees that they leave one another alone.
test('CORS, versions, compression, files and middleware in one app', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'together-'))
  writeFileSync(path.join(folder, 'app.js'), 'x'.repeat(3000))
  const rows = endpoint('GET /api/rows', { handle: () => ['x'.repeat(3000)] })
  const app = backend({
    serve: [rows],
    versions: { known: ['v1', 'v2'], by: { header: true, path: '/api' } },
    cors: { origins: ['https://app.example'] },
    static: { '/': folder },
  })
  app.use((_request, response, next) => {
    response.setHeader('vary', 'X-Middleware')
    response.setHeader('x-frame-options', 'SAMEORIGIN')
    next()
  })
  const { port } = await app.start({ port: 0, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }, folder })
  onTestFinished(async () => {
    await app.stop()
    rmSync(folder, { recursive: true })
  })
  const headers = { origin: 'https://app.example', 'accept-encoding': 'br', 'api-version': 'v1' }
  const answer = await call(port, 'GET /api/rows', { headers })
  expect(JSON.parse(zlib.brotliDecompressSync(answer.bytes).toString())).toEqual(['x'.repeat(3000)])
  expect(answer.headers).toMatchObject({
    'access-control-allow-origin': 'https://app.example',
    'api-version': 'v1',
    'x-frame-options': 'SAMEORIGIN',
  })
  const vary = answer.headers.vary!.toLowerCase().split(/, */)
  expect(vary.sort()).toEqual(['accept-encoding', 'api-version', 'origin', 'x-middleware'])
  const again = await call(port, 'GET /api/rows', { headers: { ...headers, 'if-none-match': answer.headers.etag! } })
  expect([again.status, again.headers.etag]).toEqual([304, answer.headers.etag])
  const file = await call(port, 'GET /app.js', { headers: { origin: 'https://app.example', range: 'bytes=0-1' } })
  expect([file.status, file.body, file.headers['access-control-allow-origin']]).toEqual([
    206,
    'xx',
    'https://app.example',
  ])
  const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
  const { status, headers: told } = await call(port, 'OPTIONS /api/v1/rows', { headers: preflight })
  expect([status, told['access-control-allow-methods']]).toEqual([204, 'GET, HEAD'])
  expectProblem(await call(port, 'GET /nothing', { headers: { origin: 'https://app.example' } }), 404, 'not_found')
})
