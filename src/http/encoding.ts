import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

export type Encoding = 'zstd' | 'br' | 'gzip'

// Where the client has no preference: zstd makes a page of JSON about as small as brotli does, in half the time.
const preferred: readonly Encoding[] = ['zstd', 'br', 'gzip']

const { constants } = zlib
// Levels for what is made while somebody waits: each is close to the fastest. A page of 20 rows takes some 40 µs.
const zstd: zlib.ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const brotli: zlib.BrotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }
const gzip: zlib.ZlibOptions = { level: 4 }

type Done = (error: Error | null, bytes: Buffer) => void

interface Encoder {
  now(bytes: Uint8Array): Buffer
  /** In a thread of its own. */
  later(bytes: Uint8Array, done: Done): void
  /** Whatever has been written leaves at once, where `flush` says so. */
  stream(flush: boolean): Transform
}

export const encoders: Record<Encoding, Encoder> = {
  zstd: {
    now: (bytes) => zlib.zstdCompressSync(bytes, zstd),
    later: (bytes, done) => zlib.zstdCompress(bytes, zstd, done),
    stream: (flush) => zlib.createZstdCompress({ ...zstd, ...(flush && { flush: constants.ZSTD_e_flush }) }),
  },
  br: {
    now: (bytes) =>
      zlib.brotliCompressSync(bytes, {
        params: { ...brotli.params, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength },
      }),
    later: (bytes, done) => zlib.brotliCompress(bytes, brotli, done),
    stream: (flush) =>
      zlib.createBrotliCompress({ ...brotli, ...(flush && { flush: constants.BROTLI_OPERATION_FLUSH }) }),
  },
  gzip: {
    now: (bytes) => zlib.gzipSync(bytes, gzip),
    later: (bytes, done) => zlib.gzip(bytes, gzip, done),
    stream: (flush) => zlib.createGzip({ ...gzip, ...(flush && { flush: constants.Z_SYNC_FLUSH }) }),
  },
}

// As with Accept: browsers send the same few texts, and what strangers make up must not fill the memory.
const mostRemembered = 500
const remembered = new Map<string, readonly Encoding[]>()

/**
 * The encodings that an `Accept-Encoding` prefers to none at all (RFC 9110, 12.5.3), the best first: by quality, then by
 * what is cheapest to make.
 */
export function encodingsIn(accept: string): readonly Encoding[] {
  let found = remembered.get(accept)
  if (!found) {
    found = read(accept)
    if (remembered.size >= mostRemembered) remembered.clear()
    remembered.set(accept, found)
  }
  return found
}

function read(accept: string): Encoding[] {
  const qualities = new Map<string, number>()
  for (const item of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = weight === undefined ? 1 : Number(weight.slice(2))
    qualities.set(name === 'x-gzip' ? 'gzip' : name, quality >= 0 && quality <= 1 ? quality : 0)
  }
  const qualityOf = (name: string) => qualities.get(name) ?? qualities.get('*') ?? 0
  // What says nothing of `identity` takes it, and asks for encodings because it would rather have them.
  const plain = qualities.get('identity') ?? 0
  return preferred
    .filter((name) => qualityOf(name) > 0 && qualityOf(name) >= plain)
    .sort((a, b) => qualityOf(b) - qualityOf(a))
}
