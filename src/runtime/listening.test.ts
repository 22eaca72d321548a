import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { listenOn } from './listening.ts'

const servers: http.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function server(): http.Server {
  const made = http.createServer()
  servers.push(made)
  return made
}

describe('listening', () => {
  test.each([
    ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+$/],
    ['0.0.0.0', /^http:\/\/127\.0\.0\.1:\d+$/],
    ['localhost', /^http:\/\/localhost:\d+$/],
  ])('on any free port of %s says an address that opens', async (host, url) => {
    const address = await listenOn(server(), 0, host)
    expect(address).toMatchObject({ host, askedFor: 0, url: expect.stringMatching(url) })
    expect(address.port).toBeGreaterThan(0)
  })
  test('where another listens says so', async () => {
    const first = server().listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as { port: number }
    await expect(listenOn(server(), port, '127.0.0.1')).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
  })
  // Which of these a machine gives depends on its user, its network and its resolver; the words do not.
  test.each([
    ['EACCES', 'may not listen on [::1]:80'],
    ['EADDRNOTAVAIL', 'HOST=::1 is no address of this machine'],
    ['ENOTFOUND', 'HOST=::1 is no address of this machine'],
    ['EMFILE', '[::1]:80: EMFILE'],
  ])('refused with %s says why', async (code, words) => {
    const refusing = new EventEmitter() as unknown as http.Server
    refusing.listen = () => {
      queueMicrotask(() => refusing.emit('error', Object.assign(new Error(code), { code })))
      return refusing
    }
    await expect(listenOn(refusing, 80, '::1')).rejects.toMatchObject({
      code: 'listen_refused',
      message: expect.stringContaining(words),
    })
  })
})
