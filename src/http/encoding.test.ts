import { finished } from 'node:stream/promises'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Encoding, encoders, encodingsIn } from './encoding.ts'

test.each<[string, Encoding[]]>([
  ['gzip, deflate, br, zstd', ['zstd', 'br', 'gzip']],
  ['gzip, deflate, br', ['br', 'gzip']],
  ['gzip', ['gzip']],
  ['x-gzip', ['gzip']],
  ['GZIP', ['gzip']],
  ['gzip;q=1.0, br;q=0.5', ['gzip', 'br']],
  ['gzip; q=0.1 , br; q=0.2', ['br', 'gzip']],
  ['br;q=0, *', ['zstd', 'gzip']],
  ['*', ['zstd', 'br', 'gzip']],
  ['*;q=0', []],
  ['identity', []],
  ['identity, gzip;q=0.5', []],
  ['identity;q=0.5, gzip;q=0.5', ['gzip']],
  ['identity;q=0, gzip', ['gzip']],
  ['gzip;q=0', []],
  ['gzip;q=2', []],
  ['gzip;q=x', []],
  ['deflate', []],
  ['gzippy', []],
  ['', []],
])('Accept-Encoding: %s', (accept, expected) => {
  expect(encodingsIn(accept)).toEqual(expected)
  expect(encodingsIn(accept)).toEqual(expected)
})

test('what strangers make up does not fill the memory for ever', () => {
  for (let at = 0; at < 1200; at++) expect(encodingsIn(`gzip, made-up-${at}`)).toEqual(['gzip'])
})

const decode: Record<Encoding, (bytes: Buffer) => Buffer> = {
  zstd: zlib.zstdDecompressSync,
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
}

describe.each(Object.keys(encoders) as Encoding[])('%s', (encoding) => {
  const text = Buffer.from('a page of rows, '.repeat(500))
  test('is read back, made at once, later or bit by bit', async () => {
    const now = encoders[encoding].now(text)
    expect(now.length).toBeLessThan(text.length / 10)
    expect(decode[encoding](now).equals(text)).toBe(true)
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    encoders[encoding].later(text, (_error, bytes) => resolve(bytes))
    expect(decode[encoding](await promise).equals(text)).toBe(true)
  })
  test('lets what has been written leave at once, where that is asked for', async () => {
    const stream = encoders[encoding].stream(true)
    const chunks: Buffer[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    stream.on('data', (chunk) => {
      chunks.push(chunk)
      resolve()
    })
    stream.write('first')
    await promise
    stream.end(' second')
    await finished(stream)
    expect(decode[encoding](Buffer.concat(chunks)).toString()).toBe('first second')
  })
})
