import type { IncomingMessage } from 'node:http'
import { MonoblocError } from '../errors.ts'

const nothing = Buffer.alloc(0)

/** A body may come with this request: it says a length that is not 0, or comes in chunks. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return length === undefined ? request.headers['transfer-encoding'] !== undefined : length !== '0'
}

/**
 * Reads the whole body, or stops at the limit. Calls `done` once, unless the client goes away first.
 * By callback, because each promise in front of a write shows in the time of all of them.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (error: MonoblocError | null, body: Buffer) => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    done(bodyTooLarge(limit), nothing)
    return
  }
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let size = 0
  const onData = (chunk: Buffer): void => {
    size += chunk.length
    if (size > limit) {
      request.off('data', onData)
      request.off('end', onEnd)
      // What still comes is read and dropped: a connection that closes on unread data resets before our answer is read.
      request.resume()
      done(bodyTooLarge(limit), nothing)
    } else if (!first) first = chunk
    else (rest ??= [first]).push(chunk)
  }
  const onEnd = (): void => done(null, rest ? Buffer.concat(rest, size) : (first ?? nothing))
  request.on('data', onData)
  request.on('end', onEnd)
}

export function bodyTooLarge(limit: number): MonoblocError {
  return new MonoblocError('body_too_large', {
    violations: [{ path: ['body'], code: 'too_big', message: `must have at most ${limit} bytes` }],
  })
}
