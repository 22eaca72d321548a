import { Agent, request } from 'node:http'
import type { Answer } from './acknowledged.ts'
import { type Operation, requestOf } from './operation.ts'

/** One client's connection: it stays open from one request to the next. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** Null when the connection broke before the whole answer was there. */
  send(operation: Operation): Promise<Answer | null> {
    const { method, path, body, idempotent } = requestOf(operation)
    return this.ask(method, path, body, {
      'X-Request-Id': operation.id,
      ...(idempotent && { 'Idempotency-Key': operation.id }),
    })
  }

  ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer | null> {
    const content = body === undefined ? undefined : JSON.stringify(body)
    const { promise, resolve } = Promise.withResolvers<Answer | null>()
    const lost = () => resolve(null)
    const sent = request({
      agent: this.#agent,
      host: '127.0.0.1',
      port: this.#port,
      method,
      path,
      headers: { ...headers, ...(content !== undefined && { 'Content-Type': 'application/json' }) },
    })
    sent.on('error', lost)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('error', lost)
      response.on('close', lost)
      response.on('end', () => {
        const declared = String(response.headers['x-hit'] ?? '')
        const retryAfter = response.headers['retry-after']
        if (response.complete) resolve({ status: response.statusCode!, body: text, declared, retryAfter })
      })
    })
    sent.end(content)
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** A client's connections, one to each server that it talks to. */
export class Connections {
  readonly #open = new Map<number, Connection>()

  to(port: number): Connection {
    const connection = this.#open.get(port) ?? new Connection(port)
    this.#open.set(port, connection)
    return connection
  }

  /** The next one to the same server is a new one. */
  drop(connection: Connection): void {
    for (const [port, other] of this.#open) if (other === connection) this.#open.delete(port)
    connection.close()
  }

  close(): void {
    for (const connection of this.#open.values()) connection.close()
  }
}
