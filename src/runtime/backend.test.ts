import { once } from 'node:events'
import { existsSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { define, endpoint, model, t } from 'monobloc'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { folderWith } from '../../test/api/child-app.ts'
import { exerciseService } from '../../test/conformance/exercise-service.ts'
import { backend } from './backend.ts'
import type { Backend, BackendOptions } from './backend-types.ts'

function notes(options: Partial<BackendOptions> = {}) {
  const Note = model('note', { id: t.id(), text: t.text() })
  const { endpoint, policy } = define({ models: { Note } })
  policy(Note, { anyone: { read: true, create: true } })
  const list = endpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note, { fields: ['text'] }) })
  return backend({
    serve: [list],
    seed: async (db) => void (await db.insert(Note, { text: 'seeded' })),
    ...options,
  })
}

/** Starts it on any port with a data folder of its own; stops it after the test. */
function starter(app: Backend, folder = folderWith({})) {
  const lines: string[] = []
  const environment = { NODE_ENV: 'test', PORT: '0', MONOBLOC_DATA: path.join(folder, 'data') }
  onTestFinished(() => app.stop())
  return {
    lines,
    start: () => app.start({ environment, folder, logTo: { write: (line) => lines.push(line) } }),
  }
}

async function answers(app: Backend): Promise<boolean> {
  if (!app.address) return false
  return fetch(`${app.address.url}/livez`).then(
    () => true,
    () => false,
  )
}

describe('a backend', () => {
  test.each([
    ['without models', () => backend({ serve: [endpoint('GET /', { handle: () => 1 })] })],
    ['with a database', () => notes()],
  ])('%s keeps the contract of services', { timeout: 120_000 }, async (_, make) => {
    const app = make()
    const { start } = starter(app)
    await exerciseService({
      service: { start: () => start().then(() => {}), stop: () => app.stop() },
      isRunning: () => answers(app),
    })
  })
  test('seeds a new database once, before the first request', async () => {
    const app = notes()
    const { start } = starter(app)
    for (let run = 0; run < 2; run++) {
      const { url } = await start()
      expect(await (await fetch(`${url}/notes`)).json()).toEqual([{ text: 'seeded' }])
      await app.stop()
    }
  })
  test('that cannot seed does not start, leaves nothing open, and seeds at the next start', async () => {
    let broken = true
    const app = notes({
      async seed(db) {
        if (broken) throw new Error('no seed today')
        await db.transaction(async () => {})
      },
    })
    const { start } = starter(app)
    await expect(start()).rejects.toThrow('no seed today')
    expect(await answers(app)).toBe(false)
    broken = false
    const { url } = await start()
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })
  test('is ready while its database answers', async () => {
    const app = notes()
    const { start } = starter(app)
    const { url } = await start()
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready', checks: { database: 'ok' } })
  })
  test('keeps the bounds that its options and settings say', async () => {
    const echo = endpoint('POST /echo', { body: z.string(), handle: ({ body }) => body })
    const app = backend({ serve: [echo], bodyLimit: 10, limits: { target: 20 } })
    const { url } = await starter(app).start()
    const post = async (path: string, text: string) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(text) })).status
    }
    expect(await post('/echo', 'x'.repeat(8))).toBe(200)
    expect(await post('/echo', 'x'.repeat(9))).toBe(413)
    expect(await post(`/echo?${'x'.repeat(14)}`, 'x')).toBe(200)
    expect(await post(`/echo?${'x'.repeat(15)}`, 'x')).toBe(414)
  })
  test('rejects a start with the problems, and prints and ends nothing', async () => {
    const app = notes()
    const folder = folderWith({ '.env': 'PORT=here' })
    await expect(app.start({ environment: { NODE_ENV: 'test', HOST: 'a b' }, folder })).rejects.toMatchObject({
      code: 'configuration_invalid',
      violations: [{ path: ['PORT'] }, { path: ['HOST'] }],
    })
  })
  test('says what it would start with, and opens nothing', () => {
    const folder = folderWith({})
    const { config, schema } = notes().inspect({ environment: { NODE_ENV: 'production', PORT: 'x' }, folder })
    expect(config).toMatchObject({ code: 'configuration_invalid', violations: [{ path: ['PORT'] }] })
    expect([...schema!.models.keys()]).toContain('note')
  })
  test('listens where PORT says, whatever the code says', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as net.AddressInfo
    onTestFinished(() => void taken.close())
    vi.stubEnv('PORT', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    const app = backend({ serve: [endpoint('GET /', { handle: () => 1 })], logLevel: 'silent' })
    onTestFinished(() => app.stop())
    expect((await app.listen(port)).port).not.toBe(port)
    await app.stop()
    vi.stubEnv('PORT', '')
    await expect(app.listen(port)).rejects.toMatchObject({ code: 'port_taken' })
  })
  test('finds a taken port before it fills a database', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const seed = vi.fn()
    const folder = folderWith({})
    const app = notes({ seed, port: (taken.address() as net.AddressInfo).port })
    await expect(
      app.start({ environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }, folder }),
    ).rejects.toMatchObject({
      code: 'port_taken',
    })
    expect(seed).not.toHaveBeenCalled()
    expect(existsSync(path.join(folder, 'data'))).toBe(false)
  })
  test('takes listen() in a test as a start', async () => {
    const app = backend({ serve: [endpoint('GET /', { handle: () => 1 })], logLevel: 'silent' })
    const { url, stop } = await app.listen(0)
    expect((await fetch(url)).status).toBe(200)
    await stop()
    expect(app.address).toBeUndefined()
    await expect(fetch(url)).rejects.toThrow()
  })
})
