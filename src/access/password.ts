import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { MonoblocError } from '../errors.ts'

/**
 * Passwords by scrypt (RFC 7914), which needs 32 MiB for each try, on the thread pool: the event loop stays free.
 * OWASP's Password Storage Cheat Sheet gives N=2^15, r=8, p=3 as one of its equal minimums.
 */
const cost = { ln: 15, r: 8, p: 3 }
const saltLength = 16
const hashLength = 32

// libuv has 4 threads; more hashes at once would only hold more memory. 256 waiting take about 10 s: beyond that the
// answer would come too late to be of use.
const mostAtOnce = 4
const mostWaiting = 256

let running = 0
const waiting: (() => void)[] = []

interface Stored {
  ln: number
  r: number
  p: number
  salt: Buffer
  hash: Buffer
}

/** Hashes and verifies passwords. Call it in `prepare`, never inside a transaction. */
export const password = {
  /**
   * A hash to store, as a PHC string: `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`.
   *
   * @throws MonoblocError `overloaded` when too many are waiting
   */
  async hash(plain: string): Promise<string> {
    const salt = randomBytes(saltLength)
    const hash = await derive(plain, { ...cost, salt, hash: Buffer.alloc(hashLength) })
    return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`
  },

  /**
   * Whether the password is the one that was hashed. Without a stored hash it takes as long and answers false, so that
   * time does not tell who exists.
   */
  async verify(stored: string | null | undefined, plain: string): Promise<boolean> {
    const parsed = stored ? parse(stored) : undefined
    const against = parsed ?? { ...cost, salt: Buffer.alloc(saltLength), hash: Buffer.alloc(hashLength) }
    const hash = await derive(plain, against)
    return timingSafeEqual(hash, against.hash) && parsed !== undefined
  },
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

function parse(stored: string): Stored {
  const found = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(stored)
  if (!found) throw new MonoblocError('internal', { detail: 'A stored password is not a scrypt PHC string.' })
  const [, ln, r, p, salt, hash] = found
  return {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt!, 'base64'),
    hash: Buffer.from(hash!, 'base64'),
  }
}

async function derive(plain: string, { ln, r, p, salt, hash }: Stored): Promise<Buffer> {
  await enter()
  try {
    // scrypt needs 128 * N * r bytes and a little more.
    const maxmem = 128 * 2 ** ln * r + 1024 * 1024
    return await new Promise<Buffer>((resolve, reject) => {
      scrypt(plain.normalize('NFKC'), salt, hash.length, { N: 2 ** ln, r, p, maxmem }, (error, key) =>
        error ? reject(error) : resolve(key),
      )
    })
  } finally {
    leave()
  }
}

async function enter(): Promise<void> {
  if (running < mostAtOnce) {
    running++
    return
  }
  if (waiting.length >= mostWaiting) throw new MonoblocError('overloaded', { headers: { 'Retry-After': '5' } })
  await new Promise<void>((resolve) => waiting.push(resolve))
}

// A place is handed on, not freed and taken again, so `running` stays right.
function leave(): void {
  const next = waiting.shift()
  if (next) next()
  else running--
}
