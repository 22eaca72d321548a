import type { IncomingMessage } from 'node:http'
import { MonoblocError } from '../errors.ts'

/**
 * Keeps what a request's body brings while middleware may read it, so that the route still has it, whoever has read it and
 * however: a parser to its end, a logger by listening in.
 *
 * Nothing is read by it: bytes are kept as Node hands them to the stream, and dropped beyond the limit of the route.
 */
export class BodyTap {
  readonly #request: IncomingMessage
  readonly #limit: number
  #chunks: Buffer[] = []
  #size = 0

  /** Undefined where it comes too late: something has been read already. */
  static on(request: IncomingMessage, limit: number): BodyTap | undefined {
    const late = request.readableDidRead || request.readableLength > 0 || request.readableEnded
    return late ? undefined : new BodyTap(request, limit)
  }

  private constructor(request: IncomingMessage, limit: number) {
    this.#request = request
    this.#limit = limit
    const push = request.push
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk) this.#keep(chunk)
      return push.call(request, chunk, encoding)
    }
  }

  /** Waits for the rest of the body, which is read to its end if nobody does so, and calls `done` once. */
  whole(done: (error: MonoblocError | null, body: Buffer) => void): void {
    const finish = (): void => {
      if (this.#size > this.#limit) done(bodyTooLarge(this.#limit), Buffer.alloc(0))
      else done(null, Buffer.concat(this.#chunks, this.#size))
    }
    if (this.#request.readableEnded) {
      finish()
      return
    }
    this.#request.once('end', finish)
    this.#request.resume()
  }

  #keep(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#limit) this.#chunks = []
    else this.#chunks.push(chunk)
  }
}

export function bodyTooLarge(limit: number): MonoblocError {
  return new MonoblocError('body_too_large', {
    violations: [{ path: ['body'], code: 'too_big', message: `must have at most ${limit} bytes` }],
  })
}
