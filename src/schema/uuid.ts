import { randomFillSync } from 'node:crypto'

// Random bytes are drawn 4 KiB at a time: one call into the kernel serves hundreds of ids.
const pool = new Uint8Array(4096)
let used = pool.length
let lastTime = 0
let counter = 0

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * A UUID version 7 (RFC 9562): 48 bits of milliseconds, then a 12-bit counter that grows within a millisecond (method
 * 1 of section 6.2), then 62 random bits. Ids of one process sort strictly in the order in which they were made.
 */
export function uuidv7(now: number = Date.now()): string {
  if (now > lastTime) {
    lastTime = now
    counter = randomByte() & 0x7f
  } else if (++counter > 0xfff) {
    lastTime++
    counter = 0
  }
  const time = lastTime
  const high = Math.floor(time / 0x10000)
  const low = time & 0xffff
  let id = `${hex[(high >>> 24) & 255]}${hex[(high >>> 16) & 255]}${hex[(high >>> 8) & 255]}${hex[high & 255]}-`
  id += `${hex[low >>> 8]}${hex[low & 255]}-7${(counter & 0xfff).toString(16).padStart(3, '0')}-${hex[0x80 | (randomByte() & 0x3f)]}${hex[randomByte()]}-`
  for (let at = 0; at < 6; at++) id += hex[randomByte()]
  return id
}

function randomByte(): number {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool[used++]!
}
