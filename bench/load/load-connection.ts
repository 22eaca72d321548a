import { connect, type Socket } from 'node:net'
import { ResponseParser } from './response-parser.ts'

/** Called for each answer; what it returns is sent next, or nothing when it returns undefined. */
export type Answered = (status: number, microseconds: number, length: number) => string | undefined

/** One keep-alive connection with at most one request under way. */
export class LoadConnection {
  readonly #socket: Socket
  readonly #parser = new ResponseParser()
  readonly #answered: Answered
  readonly #failed: (error: Error) => void
  #sentAt = 0
  #waiting = false
  #closed = false

  constructor(port: number, answered: Answered, failed: (error: Error) => void) {
    this.#answered = answered
    this.#failed = failed
    // One buffer of our own for all that arrives: no allocation and no stream events for each response. Every response
    // but a list fits in one read.
    const buffer = Buffer.allocUnsafe(64 * 1024)
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer, callback: (count, bytes) => this.#read((bytes as Buffer).subarray(0, count)) },
    })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('end', () => this.#fail(new Error('the server closed the connection')))
  }

  /** Sends a whole request, latin1. */
  send(request: string): void {
    this.#waiting = true
    this.#sentAt = performance.now()
    this.#socket.write(request, 'latin1')
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #read(bytes: Buffer): boolean {
    try {
      if (!this.#waiting) throw new Error('the server answered without a request')
      if (this.#parser.push(bytes)) this.#complete()
    } catch (error) {
      this.#fail(error as Error)
    }
    return !this.#closed
  }

  #complete(): void {
    this.#waiting = false
    const next = this.#answered(this.#parser.status, (performance.now() - this.#sentAt) * 1000, this.#parser.length)
    if (next !== undefined) this.send(next)
  }

  #fail(error: Error): void {
    if (this.#closed) return
    this.close()
    this.#failed(error)
  }
}
