import { existsSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Child, type ChildOptions, door, folderWith, hello, programSource, users } from '../../test/api/child-app.ts'

const secret = 'abcdefghijklmnopqrstuvwxyz012345'
const production = { NODE_ENV: 'production', MONOBLOC_SECRET: secret }

/** Announces itself on standard output and answers when the file `go` is there: what a slow handler does, without a clock. */
const slow = `endpoint('GET /slow', { transaction: false, async handle() {
  console.log('slow began')
  while (!existsSync('go')) await wait(5)
  return 'late'
} })`
const needsFiles = `import { existsSync } from 'node:fs'`

function run(source: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const folder = folderWith({ 'app.ts': source, ...files })
  const options: ChildOptions = { folder, env: { PORT: '0', ...env } }
  return { folder, child: new Child(['app.ts'], options) }
}

/** What a keep-alive client sees. */
async function get(url: string): Promise<{ status: number; connection: string | undefined; body: string }> {
  const response = await fetch(url)
  return {
    status: response.status,
    connection: response.headers.get('connection') ?? undefined,
    body: await response.text(),
  }
}

describe('a program of three lines', () => {
  test('says where it is, answers, makes no folder, and ends with 0 on either signal', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { folder, child } = run(programSource(hello))
      expect(await get(`${await child.url()}/hello`)).toMatchObject({ status: 200, body: '{"hello":"world"}' })
      child.process.kill(signal)
      expect(await child.exit).toEqual({ code: 0, signal: null })
      expect(child.out).toContain('stopped')
      expect(existsSync(path.join(folder, 'data'))).toBe(false)
    }
  })
  test('has a page at / in development, and nothing there in production', async () => {
    const development = run(programSource(hello)).child
    const page = await fetch(`${await development.url()}/`)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain('<a href="/hello">/hello</a>')
    const live = run(programSource(hello), production).child
    expect((await get(`${await live.url()}/`)).status).toBe(404)
  })
  test('answers probes', async () => {
    const url = await run(programSource(hello)).child.url()
    expect(await get(`${url}/livez`)).toMatchObject({ status: 200, body: '{"status":"ok"}' })
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, body: '{"status":"ready","checks":{}}' })
  })
  test('logs JSON in production, each line whole, and the address in one of them', async () => {
    const { child } = run(programSource(hello), production)
    await get(`${await child.url()}/hello?token=s3cret`)
    child.process.kill('SIGTERM')
    await child.exit
    const lines = child.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const ready = lines.find(({ message }) => message.startsWith('sample is ready at'))
    expect(ready).toMatchObject({ level: 'info', message: expect.stringMatching(/ at http:\/\/127\.0\.0\.1:\d+\/ /) })
    expect(lines.at(-1)).toMatchObject({ message: 'stopped' })
    expect(child.out).not.toContain('s3cret')
  })
  test('reads .env files, and so does its own code', async () => {
    const source = programSource(`endpoint('GET /hello', { handle: () => process.env.GREETING })`)
    const { child } = run(source, {}, { '.env': 'GREETING=hi\nMONOBLOC_LOG=warn\n', '.env.local': 'MONOBLOC_LOG=info' })
    expect((await get(`${await child.url()}/hello`)).body).toBe('"hi"')
    await child.says(/GET \/hello 200/)
  })
  test('names the handler that blocks the event loop, and for how long', async () => {
    const blocking = `endpoint('GET /report', { handle: () => { const end = Date.now() + 400; while (Date.now() < end); return 1 } })`
    const { child } = run(programSource(blocking, 'blockedAfter: 300'), production)
    await get(`${await child.url()}/report`)
    // On a slow machine the start blocks it, too.
    const [line] = await child.says(/^(?=.*loop\.blocked).*"work":"GET \/report".*$/m)
    expect(JSON.parse(line)).toMatchObject({ level: 'warn' })
    expect(JSON.parse(line).blockedMs).toBeGreaterThanOrEqual(390)
  })
})

describe('a program that is told to stop', () => {
  test('answers what is under way with Connection: close, refuses new connections, and ends with 0', async () => {
    const { folder, child } = run(programSource(slow, '', needsFiles), production)
    const url = await child.url()
    const answer = get(`${url}/slow`)
    await child.says(/slow began/)
    child.process.kill('SIGTERM')
    await child.says(/SIGTERM/)
    await expect(get(`${url}/hello`)).rejects.toThrow()
    writeFileSync(path.join(folder, 'go'), '')
    expect(await answer).toEqual({ status: 200, connection: 'close', body: '"late"' })
    expect(await child.exit).toEqual({ code: 0, signal: null })
  })
  test('still answers a request that comes on an idle connection', async () => {
    const { child } = run(programSource(hello), production)
    const url = await child.url()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const request = http.get(`${url}/hello`, { agent }, (response) => {
          response.resume().on('end', () => resolve(response.headers.connection))
        })
        request.on('error', reject)
      })
    expect(await ask()).toBe('keep-alive')
    child.process.kill('SIGTERM')
    await child.says(/SIGTERM/)
    expect(await ask()).toBe('close')
    expect((await child.exit).code).toBe(0)
    agent.destroy()
  })
  test('cuts what takes longer than it gives, says how much, and ends with 0', async () => {
    const { child } = run(programSource(slow, '', needsFiles), { ...production, MONOBLOC_DRAIN: '50' })
    const cut = expect(get(`${await child.url()}/slow`)).rejects.toThrow()
    await child.says(/slow began/)
    child.process.kill('SIGTERM')
    expect(await child.exit).toEqual({ code: 0, signal: null })
    expect(child.out).toContain('1 connections were cut')
    await cut
  })
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('twice ends at once: %s, %i', async (signal, code) => {
    const { child } = run(programSource(slow, '', needsFiles), { ...production, MONOBLOC_DRAIN: '10m' })
    const lost = expect(get(`${await child.url()}/slow`)).rejects.toThrow()
    await child.says(/slow began/)
    child.process.kill('SIGTERM')
    await child.says(/a second signal stops at once/)
    // Two within a blink are one wish: ask until it is the second.
    const again = setInterval(() => child.process.kill(signal), 20)
    expect(await child.exit).toEqual({ code, signal: null })
    clearInterval(again)
    await lost
  })
  test('by an error that nothing caught finishes what is under way and ends with 1', async () => {
    const throwing = `endpoint('GET /throw', { handle: () => { setImmediate(() => { throw new RangeError('out of line') }) } })`
    const { folder, child } = run(programSource(`${slow}, ${throwing}`, '', needsFiles), production)
    const url = await child.url()
    const answer = get(`${url}/slow`)
    await child.says(/slow began/)
    expect((await get(`${url}/throw`)).status).toBeLessThan(300)
    await child.says(/"level":"fatal".*out of line/)
    writeFileSync(path.join(folder, 'go'), '')
    expect((await answer).body).toBe('"late"')
    expect(await child.exit).toEqual({ code: 1, signal: null })
  })
})

describe('a program that cannot start', () => {
  test('tells every problem of its configuration and ends with 78', async () => {
    const source = programSource(users.serve, '', users.before)
    const { child } = run(source, { NODE_ENV: 'production', PORT: '99999', MONOBLOC_LOG: 'loud' })
    expect((await child.exit).code).toBe(78)
    for (const name of ['PORT', 'MONOBLOC_LOG', 'MONOBLOC_SECRET']) expect(child.err).toContain(name)
    expect(child.out).toBe('')
  })
  test('says which port is taken and ends with 69', async () => {
    const port = new URL(await run(programSource(hello)).child.url()).port
    const { child } = run(programSource(hello), { PORT: port })
    expect((await child.exit).code).toBe(69)
    expect(child.err).toContain(`Another program listens on 127.0.0.1:${port}`)
    expect(child.err).toContain('Choose another with PORT')
  })
  test('says that an address is not its own and ends with 78', async () => {
    const { child } = run(programSource(hello), { HOST: '192.0.2.1' })
    expect((await child.exit).code).toBe(78)
    expect(child.err).toContain('HOST=192.0.2.1 is no address of this machine')
  })
  test('names a definition that is wrong and ends with 78', async () => {
    const { child } = run(programSource(`${hello}, ${hello}`))
    expect((await child.exit).code).toBe(78)
    expect(child.err).toContain('/hello')
  })
  test('shows the stack of an error of its own code and ends with 1', async () => {
    const { child } = run(`import { backend } from ${JSON.stringify(door)}\nnull.port\n`)
    expect((await child.exit).code).toBe(1)
    expect(child.err).toContain('app.ts:2')
  })
})
