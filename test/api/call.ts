import http from 'node:http'
import net from 'node:net'
import { expect } from 'vitest'

export interface Called {
  status: number
  headers: http.IncomingHttpHeaders
  body: string
  bytes: Buffer
  json: any
}

export interface CallOptions {
  headers?: Record<string, string | string[]>
  /** An object is sent as JSON with its content type; text and bytes as they are. */
  body?: unknown
}

/** One request over a real socket: `call(port, 'GET /items', { headers })`. */
export function call(port: number, request: string, { headers = {}, body }: CallOptions = {}): Promise<Called> {
  const [method, path] = request.split(/ (.*)/s) as [string, string]
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  const content =
    body === undefined ? undefined : isRaw ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body))
  const sent = {
    ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }),
    ...(content && { 'content-length': String(content.length) }),
    ...headers,
  }
  const { promise, resolve, reject } = Promise.withResolvers<Called>()
  const outgoing = http.request({ port, host: '127.0.0.1', method, path, headers: sent, agent: false }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk) => chunks.push(chunk))
    response.on('error', reject)
    response.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const text = bytes.toString()
      const isJson = /[/+]json/.test(response.headers['content-type'] ?? '') && !response.headers['content-encoding']
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        body: text,
        bytes,
        json: isJson && text ? JSON.parse(text) : undefined,
      })
    })
  })
  outgoing.on('error', reject)
  outgoing.end(content)
  return promise
}

/** What a socket answers to exactly these bytes, until it is closed or the answer is whole. */
export function callRaw(
  port: number,
  text: string | Buffer,
  options: { until?: (answer: string) => boolean } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = net.connect(port, '127.0.0.1', () => socket.write(text))
  let answer = ''
  const end = () => {
    socket.destroy()
    resolve(answer)
  }
  socket.on('data', (chunk) => {
    answer += chunk
    if (options.until?.(answer)) end()
  })
  socket.on('close', end)
  socket.on('error', (error) => (answer ? end() : reject(error)))
  return promise
}

/** Holds an answer to being a problem document with this code and its status. */
export function expectProblem(answer: Called, status: number, code: string): void {
  expect(answer.json ?? answer.body).toMatchObject({ status, code })
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.json).toMatchObject({
    type: `urn:monobloc:error:${code}`,
    title: expect.any(String),
    instance: answer.headers['x-request-id'],
  })
}
