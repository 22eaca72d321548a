import { randomBytes } from 'node:crypto'

// 48 random bits a process tell the processes of a fleet apart; the count tells the requests of one apart.
const prefix = randomBytes(6).toString('base64url')
let count = 0

/** An id for a request, unique across processes: `Jx0aB-_z.1k`. A random one for each would cost ten times as much. */
export function nextRequestId(): string {
  count += 1
  return `${prefix}.${count.toString(36)}`
}

/**
 * Whether an id that a client or proxy sent (`X-Request-Id`) is taken over: short and plain, since it goes into logs and
 * back into a header.
 */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:/+=-]{1,128}$/.test(value)
}
