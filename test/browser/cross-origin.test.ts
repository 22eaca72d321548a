import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Backend, backend, endpoint } from '../../src/index.ts'
import { launchChromium, whyNoChromium } from './chromium.ts'

const rows = Array.from({ length: 200 }, (_, id) => ({ id, name: `row ${id}` }))
const list = endpoint('GET /rows', { handle: () => rows })
const create = endpoint('PUT /rows/:id', {
  body: z.object({ name: z.string() }),
  handle({ body, headers, reply }) {
    reply.header('etag', '"v2"')
    return { ...body, cookie: headers.cookie ?? null }
  },
})
const signIn = endpoint('POST /sign-in', {
  handle: ({ reply }) => void reply.status(204).header('set-cookie', 'session=1; Path=/; HttpOnly'),
})
const closed = endpoint('GET /closed', { cors: false, handle: () => 'closed' })

describe.skipIf(whyNoChromium)(`in Chromium${whyNoChromium ? ` (${whyNoChromium})` : ''}`, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'manners-browser-'))
  const environment = { NODE_ENV: 'development', MONOBLOC_LOG: 'silent' }
  const running: Backend[] = []
  let browser: Browser
  /** Whose pages may, whose may not, and what they ask. */
  let friend: string
  let stranger: string
  let api: string

  beforeAll(async () => {
    writeFileSync(path.join(folder, 'index.html'), '<!doctype html><title>A page</title><script src="app.js"></script>')
    writeFileSync(path.join(folder, 'app.js'), `document.title = 'run'${' '.repeat(2000)}`)
    const start = async (app: Backend) => {
      running.push(app)
      return (await app.start({ port: 0, environment, folder })).url
    }
    friend = await start(backend({ serve: [], static: { '/': folder } }))
    stranger = await start(backend({ serve: [], static: { '/': folder } }))
    const cors = { origins: [friend], credentials: true, exposed: ['X-Total'] }
    api = await start(backend({ serve: [list, create, signIn, closed], cors }))
    browser = await launchChromium()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    for (const app of running) await app.stop()
    rmSync(folder, { recursive: true })
  })

  /** What a page of this origin gets of `fetch`; `refused` where the browser keeps the answer from it. */
  async function fetched(origin: string, at: string, options: RequestInit = {}) {
    const page = await browser.newPage()
    try {
      await page.goto(origin)
      const asked = `fetch(${JSON.stringify(api + at)}, ${JSON.stringify(options)}).then(
        async (answer) => ({ status: answer.status, etag: answer.headers.get('etag'), body: await answer.json().catch(() => null) }),
        () => 'refused')`
      return (await page.evaluate(asked)) as 'refused' | { status: number; etag: string | null; body: any }
    } finally {
      await page.close()
    }
  }

  const change: RequestInit = {
    method: 'PUT',
    credentials: 'include',
    headers: { 'content-type': 'application/json', 'if-match': '"v1"' },
    body: '{"name":"new"}',
  }

  test('a page of a named origin reads, changes and sees errors, with its cookies', async () => {
    expect(await fetched(friend, '/rows')).toMatchObject({ status: 200, body: rows, etag: expect.any(String) })
    expect(await fetched(friend, '/rows/1', change)).toEqual({
      status: 200,
      etag: '"v2"',
      body: { name: 'new', cookie: null },
    })
    expect(await fetched(friend, '/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await fetched(friend, '/rows/1', { ...change, body: '{}' })).toMatchObject({ status: 422 })
  })

  test('a page of another origin does not, and what it asks beyond a form is not even sent', async () => {
    expect(await fetched(stranger, '/rows')).toBe('refused')
    expect(await fetched(stranger, '/rows/1', change)).toBe('refused')
    expect(await fetched(stranger, '/nothing')).toBe('refused')
  })

  test('a header field or a method that nobody named is refused, and so is a closed route', async () => {
    expect(await fetched(friend, '/rows', { headers: { 'x-other': '1' } })).toBe('refused')
    expect(await fetched(friend, '/rows', { method: 'DELETE' })).toBe('refused')
    expect(await fetched(friend, '/closed')).toBe('refused')
  })

  test('cookies that the answer sets are kept and sent again', async () => {
    const page = await browser.newPage()
    await page.goto(friend)
    const cookie = await page.evaluate(`fetch('${api}/sign-in', { method: 'POST', credentials: 'include' })
      .then(() => fetch('${api}/rows/1', ${JSON.stringify(change)})).then((answer) => answer.json()).then((body) => body.cookie)`)
    expect(cookie).toBe('session=1')
    await page.close()
  })

  test('files are run, compressed, and not loaded again while they have not changed', async () => {
    const page = await browser.newPage()
    const encodings: (string | undefined)[] = []
    page.on('response', (response) => {
      if (response.url().endsWith('app.js')) encodings.push(response.headers()['content-encoding'])
    })
    await page.goto(friend)
    expect([await page.title(), ...encodings]).toEqual(['run', expect.stringMatching(/^(?:zstd|br|gzip)$/)])
    await page.close()
  })

  test('the first page of an app is shown as it is meant, under its policy', async () => {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await page.goto(api)
    expect(await page.evaluate('getComputedStyle(document.body).maxWidth')).not.toBe('none')
    expect(complaints).toEqual([])
    await page.close()
  })

  test('a page of another origin can not show ours in a frame', async () => {
    const page = await browser.newPage()
    await page.goto(stranger)
    const failed = page.waitForEvent('console', (message) => /frame/i.test(message.text()))
    await page.evaluate(
      `{ const frame = document.createElement('iframe'); frame.src = '${friend}'; document.body.append(frame) }`,
    )
    expect((await failed).text()).toMatch(/frame-ancestors|X-Frame-Options/)
    await page.close()
  })
})
