import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ConnectionDrain } from './connection-drain.ts'

const servers: http.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.closeAllConnections()
})

/** A server whose `/slow` answers when it is told to. */
async function served() {
  const waiting: http.ServerResponse[] = []
  const server = http.createServer((request, response) => {
    if (request.url === '/slow') waiting.push(response)
    else response.end('ok')
  })
  servers.push(server)
  const drain = new ConnectionDrain(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { drain, waiting, port: (server.address() as net.AddressInfo).port }
}

/** A connection as a client has it: what was received, and whether the other side has closed. */
async function connection(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  const seen = { text: '', closed: false, error: undefined as Error | undefined }
  socket.setEncoding('latin1')
  socket.on('data', (text) => {
    seen.text += text
  })
  socket.on('error', (error) => {
    seen.error = error
  })
  socket.on('close', () => {
    seen.closed = true
  })
  await once(socket, 'connect')
  const send = (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  const receive = (text: string | RegExp) => vi.waitFor(() => expect(seen.text).toMatch(text), { timeout: 45_000 })
  const close = () => vi.waitFor(() => expect(seen.closed).toBe(true), { timeout: 45_000 })
  return { seen, send, receive, close, socket }
}

const patient = { deadline: 60_000, idleGrace: 60_000 }

describe('draining', () => {
  test('answers a request that comes on an idle connection, says close, and closes', async () => {
    const { drain, port } = await served()
    const client = await connection(port)
    client.send('/')
    await client.receive(/keep-alive[\s\S]*ok/)
    const done = drain.drain(patient)
    client.seen.text = ''
    client.send('/')
    await client.receive(/Connection: close[\s\S]*ok/)
    await client.close()
    expect(client.seen.error).toBeUndefined()
    expect(await done).toEqual({ cut: 0 })
  })
  test('finishes a request under way and says close', async () => {
    const { drain, port, waiting } = await served()
    const client = await connection(port)
    client.send('/slow')
    await vi.waitFor(() => expect(waiting).toHaveLength(1), 45_000)
    const done = drain.drain(patient)
    waiting[0]!.end('late')
    await client.receive(/Connection: close[\s\S]*late/)
    expect(await done).toEqual({ cut: 0 })
  })
  test('refuses new connections at once', async () => {
    const { drain, port, waiting } = await served()
    const client = await connection(port)
    client.send('/slow')
    await vi.waitFor(() => expect(waiting).toHaveLength(1), 45_000)
    const done = drain.drain(patient)
    await expect(connection(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    waiting[0]!.end()
    await done
  })
  test('closes idle connections after their grace, also those that never sent anything', async () => {
    const { drain, port } = await served()
    const idle = await connection(port)
    const fresh = await connection(port)
    idle.send('/')
    await idle.receive(/ok/)
    await vi.waitFor(() => expect(drain.connections).toBe(2), 45_000)
    expect(await drain.drain({ deadline: 60_000, idleGrace: 10 })).toEqual({ cut: 0 })
    await idle.close()
    await fresh.close()
  })
  test('leaves a request that is still being received its time', async () => {
    const { drain, port } = await served()
    const client = await connection(port)
    client.socket.write('GET / HTTP/1.1\r\nHost:')
    const idle = await connection(port)
    await vi.waitFor(() => expect(drain.connections).toBe(2), 45_000)
    const done = drain.drain({ deadline: 60_000, idleGrace: 10 })
    await idle.close()
    client.socket.write(' a\r\n\r\n')
    await client.receive(/Connection: close[\s\S]*ok/)
    expect(await done).toEqual({ cut: 0 })
  })
  test('closes a connection that becomes idle after the grace though its answer promised to keep it', async () => {
    const { drain, port, waiting } = await served()
    const client = await connection(port)
    client.send('/slow')
    await vi.waitFor(() => expect(waiting).toHaveLength(1), 45_000)
    waiting[0]!.writeHead(200, { 'Content-Length': 4 }).flushHeaders()
    await client.receive(/keep-alive/)
    const done = drain.drain({ deadline: 60_000, idleGrace: 10 })
    waiting[0]!.end('late')
    await client.close()
    expect(client.seen.text).toMatch(/late$/)
    expect(await done).toEqual({ cut: 0 })
  })
  test('cuts what is not finished at the deadline, and counts it', async () => {
    const { drain, port, waiting } = await served()
    const client = await connection(port)
    client.send('/slow')
    await vi.waitFor(() => expect(waiting).toHaveLength(1), 45_000)
    const first = drain.drain({ deadline: 10, idleGrace: 0 })
    expect(drain.drain(patient)).toBe(first)
    expect(await first).toEqual({ cut: 1 })
    await client.close()
  })
  test('is hastened by a second call, and not delayed by a third', async () => {
    const { drain, port } = await served()
    const client = await connection(port)
    await vi.waitFor(() => expect(drain.connections).toBe(1), 45_000)
    const done = drain.drain(patient)
    for (const idleGrace of [10, 60_000]) expect(drain.drain({ deadline: 60_000, idleGrace })).toBe(done)
    await client.close()
    expect(await done).toEqual({ cut: 0 })
  })
  test('is over at once without connections', async () => {
    const { drain } = await served()
    expect(await drain.drain(patient)).toEqual({ cut: 0 })
  })
})
