import http, { type Agent } from 'node:http'

/** What was answered. */
export interface TestAnswer {
  status: number
  /** By lower-case name; several of one name joined by a comma. */
  headers: Record<string, string>
  /** JSON is parsed, other text a string, anything else bytes; null without content. */
  body: any
}

/** By name; stronger than what the client sends by itself. */
export type TestHeaders = Record<string, string>

/**
 * Asks over a real connection, as one user or as nobody. A body is sent as JSON; text, bytes, `FormData`,
 * `URLSearchParams` and `Blob` as what they are.
 */
export interface TestClient {
  get(path: string, headers?: TestHeaders): Promise<TestAnswer>
  head(path: string, headers?: TestHeaders): Promise<TestAnswer>
  options(path: string, headers?: TestHeaders): Promise<TestAnswer>
  post(path: string, body?: unknown, headers?: TestHeaders): Promise<TestAnswer>
  put(path: string, body?: unknown, headers?: TestHeaders): Promise<TestAnswer>
  patch(path: string, body?: unknown, headers?: TestHeaders): Promise<TestAnswer>
  delete(path: string, body?: unknown, headers?: TestHeaders): Promise<TestAnswer>
  query(path: string, body?: unknown, headers?: TestHeaders): Promise<TestAnswer>
}

export interface TestClientOptions {
  port: number
  agent: Agent
  /** Sent with every request, made for each. */
  headers: () => TestHeaders
}

export function createTestClient(options: TestClientOptions): TestClient {
  const bare = (method: string) => (path: string, headers?: TestHeaders) =>
    ask(options, method, path, undefined, headers)
  const full = (method: string) => (path: string, body?: unknown, headers?: TestHeaders) =>
    ask(options, method, path, body, headers)
  return {
    get: bare('GET'),
    head: bare('HEAD'),
    options: bare('OPTIONS'),
    post: full('POST'),
    put: full('PUT'),
    patch: full('PATCH'),
    delete: full('DELETE'),
    query: full('QUERY'),
  }
}

// With node:http, and not with fetch: tests replace fetch to stand in for the services that an app asks.
async function ask(
  { port, agent, headers: always }: TestClientOptions,
  method: string,
  path: string,
  body: unknown,
  own: TestHeaders = {},
): Promise<TestAnswer> {
  const content = await encoded(method, body)
  const type = content?.type ? { 'content-type': content.type } : {}
  const length = content ? { 'content-length': String(content.bytes.byteLength) } : {}
  const headers = { ...type, ...length, ...always(), ...lowerCased(own) }
  const { promise, resolve, reject } = Promise.withResolvers<TestAnswer>()
  const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part) => parts.push(part))
    response.on('error', reject)
    response.on('end', () => {
      const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, joined(value)]))
      resolve({
        status: response.statusCode!,
        headers,
        body: decoded(headers['content-type'] ?? '', Buffer.concat(parts)),
      })
    })
  })
  request.on('error', reject)
  request.end(content?.bytes)
  return promise
}

interface Content {
  bytes: Uint8Array
  type: string | null
}

const binary = [FormData, URLSearchParams, Blob, ArrayBuffer, ReadableStream]

async function encoded(method: string, body: unknown): Promise<Content | undefined> {
  if (body === undefined) return undefined
  if (body instanceof Uint8Array) return { bytes: body, type: null }
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: null }
  if (binary.some((kind) => body instanceof kind)) {
    const response = new Response(body as ConstructorParameters<typeof Response>[0])
    return { bytes: new Uint8Array(await response.arrayBuffer()), type: response.headers.get('content-type') }
  }
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  return { bytes: Buffer.from(JSON.stringify(body)), type }
}

function decoded(type: string, bytes: Buffer): unknown {
  if (bytes.length === 0) return null
  if (/^application\/([^;]*\+)?json\b/.test(type)) return JSON.parse(bytes.toString())
  return type.startsWith('text/') ? bytes.toString() : new Uint8Array(bytes)
}

function joined(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}

function lowerCased(headers: TestHeaders): TestHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
