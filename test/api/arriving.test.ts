import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { expect, test } from 'vitest'
import { createEndpoint, createHttpServer } from '../../src/http/index.ts'
import { memoryHost, type TestUser } from './memory-host.ts'

const mostInRound = 900

test('a request has just arrived unless it waits for others, or more connections are open than one round takes', async () => {
  const endpoint = createEndpoint<{ db: unknown }, TestUser>()
  const host = memoryHost()
  const hello = endpoint('GET /', { anyone: true, handle: () => ({ hello: 'world' }) })
  const late = endpoint('GET /late', {
    anyone: true,
    handle: () => new Promise((done) => setTimeout(done, 20, { a: 1 })),
  })
  const server = createHttpServer({ routes: [hello, late], host })
  const { port } = await server.listen({ port: 0 })
  const sockets: net.Socket[] = []
  const connect = async () => {
    const socket = net.connect(port, '127.0.0.1')
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
  const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
  const ask = async (socket: net.Socket, text: string) => {
    host.units.length = 0
    socket.write(text)
    while (host.units.length < text.split('GET').length - 1) await once(socket, 'data')
    return host.units.map(({ arriving }) => arriving)
  }
  try {
    const first = await connect()
    expect(await ask(first, get)).toEqual([true])
    expect(await ask(first, get.replace('/', '/late') + get)).toEqual([true, false])
    const open = () =>
      new Promise<number>((resolve) =>
        http.Server.prototype.getConnections.call(server.fastify.server, (_, n) => resolve(n)),
      )
    while ((await open()) < mostInRound) await connect()
    expect(await ask(first, get)).toEqual([true])
    await connect()
    while ((await open()) <= mostInRound) await new Promise(setImmediate)
    expect(await ask(first, get)).toEqual([false])
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.close()
  }
})
