import { MonoblocError } from '../errors.ts'

/** A part of a body: the first byte and the last. */
export interface ByteRange {
  start: number
  end: number
}

/**
 * The one part that a `Range` header asks for (RFC 9110, 14.2). Undefined where the whole is to be sent: for another unit,
 * for what is not understood, and for several parts at once, which a server may always answer with the whole. Parts that
 * overlap a thousand times were an attack; readers that want several ask one after another.
 *
 * @param size bytes of the whole
 * @throws MonoblocError `range_not_satisfiable` (416) for a part that begins behind the end
 */
export function byteRangeOf(header: string, size: number): ByteRange | undefined {
  const parts = /^bytes=[\t ]*(?:(\d+)-(\d*)|-(\d+))[\t ]*$/i.exec(header)
  if (!parts) return undefined
  const [, first, last, suffix] = parts
  if (suffix !== undefined) {
    const length = Number(suffix)
    if (length === 0 || size === 0) throw outside(size)
    return { start: Math.max(0, size - length), end: size - 1 }
  }
  const start = Number(first)
  // The other way round is no range at all, and so is not there (RFC 9110, 14.1.1).
  if (last && Number(last) < start) return undefined
  if (start >= size) throw outside(size)
  return { start, end: last ? Math.min(Number(last), size - 1) : size - 1 }
}

function outside(size: number): MonoblocError {
  return new MonoblocError('range_not_satisfiable', { headers: { 'content-range': `bytes */${size}` } })
}
