import { randomBytes } from 'node:crypto'

const digits = 32
// Random bytes for 256 ids at once: one call for each would cost ten times as much.
const pool = 256 * (digits / 2)

let random = ''
let at = 0

/** A new trace id (W3C Trace Context): 32 hexadecimal digits, random. */
export function newTraceId(): string {
  if (at === random.length) {
    random = randomBytes(pool).toString('hex')
    at = 0
  }
  const id = random.slice(at, at + digits)
  at += digits
  return id
}
