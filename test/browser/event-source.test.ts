import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createEndpoint, createHttpServer, eventStream, type HttpServer } from '../../src/http/index.ts'
import { memoryHost } from '../api/memory-host.ts'
import { launchChromium, whyNoChromium } from './chromium.ts'

const endpoint = createEndpoint<unknown, null>()
const page = endpoint('GET /', {
  anyone: true,
  handle({ reply }) {
    reply.header('content-type', 'text/html')
    return '<!doctype html><title>events</title>'
  },
})
// Three events a connection, six in all; then there is nothing more to come for.
const events = endpoint('GET /events', {
  anyone: true,
  returns: { 200: eventStream(z.object({ text: z.string() }), { retry: 10 }), 204: null },
  handle({ lastEventId }) {
    const seen = Number(lastEventId?.slice(1) ?? 0)
    if (seen >= 6) return undefined
    return (async function* () {
      for (let at = seen + 1; at <= seen + 3; at++)
        yield { id: `é${at}`, event: at % 2 ? 'odd' : 'even', data: { text: `${at}\n${lastEventId}` } }
    })()
  },
})

describe.skipIf(whyNoChromium)(`events in Chromium${whyNoChromium ? ` (${whyNoChromium})` : ''}`, () => {
  let browser: Browser
  let server: HttpServer
  let url: string
  beforeAll(async () => {
    server = createHttpServer({ routes: [page, events], host: memoryHost() })
    url = (await server.listen({ port: 0 })).url
    browser = await launchChromium()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await server.close()
  })

  test('an EventSource gets each once, goes on where it left off, and stops when it is told to', async () => {
    const tab = await browser.newPage()
    await tab.goto(url)
    const told = await tab.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const seen: string[] = []
          const source = new EventSource('/events')
          const note = (event: Event) => {
            const { type, lastEventId, data } = event as MessageEvent
            seen.push(`${type} ${lastEventId} ${data}`)
          }
          source.addEventListener('odd', note)
          source.addEventListener('even', note)
          source.addEventListener('error', () => {
            if (source.readyState === EventSource.CLOSED) resolve(seen)
          })
        }),
    )
    const data = (text: string) => JSON.stringify({ text })
    expect(told).toEqual([
      `odd é1 ${data('1\nnull')}`,
      `even é2 ${data('2\nnull')}`,
      `odd é3 ${data('3\nnull')}`,
      `even é4 ${data('4\né3')}`,
      `odd é5 ${data('5\né3')}`,
      `even é6 ${data('6\né3')}`,
    ])
  })
})
