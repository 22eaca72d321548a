import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanFields, cleanUrl, isSecretKey } from './log-clean.ts'

describe('the keys of secrets', () => {
  test.each(
    'password passwd userPassword password_hash passphrase secret clientSecret MONOBLOC_SECRET token accessToken refresh_token tokens authorization Proxy-Authorization cookie Set-Cookie apiKey x-api-key api_keys privateKey credentials'.split(
      ' ',
    ),
  )('%s is masked', (key) => {
    expect(isSecretKey(key)).toBe(true)
    expect(cleanFields({ [key]: 's3cret' })).toEqual({ [key]: '[redacted]' })
    expect(cleanFields({ [key]: { nested: 's3cret' } })).toEqual({ [key]: '[redacted]' })
  })
  test.each(['user', 'key', 'tokenise', 'cookies accepted by', 'author', 'path', 'requestId'])('%s is not', (key) => {
    expect(cleanFields({ [key]: 'open' })).toEqual({ [key]: 'open' })
  })
  test('a missing secret is seen to be missing', () => {
    expect(cleanFields({ token: null, password: undefined })).toEqual({ token: null })
  })
})

describe('what is logged', () => {
  test('ends, however deep, wide, long or cyclic the value', () => {
    const cyclic: Record<string, unknown> = { name: 'a' }
    cyclic.self = cyclic
    expect(cleanFields({ cyclic })).toEqual({ cyclic: { name: 'a', self: '[cycle]' } })

    let deep: object = { bottom: true }
    for (let depth = 0; depth < 10; depth++) deep = { deep }
    expect(JSON.stringify(cleanFields(deep))).toContain('[object]')
    expect(JSON.stringify(cleanFields(deep))).not.toContain('bottom')

    const wide = cleanFields(Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, index])))
    expect(Object.keys(wide)).toHaveLength(51)
    expect(wide).toMatchObject({ k49: 49, '…': '1 more' })
    expect(cleanFields({ list: Array.from({ length: 50 }, () => 1) }).list).toHaveLength(50)
    expect(cleanFields({ list: Array.from({ length: 52 }, () => 1) }).list).toContain('… 2 more')

    expect(cleanFields({ text: 'x'.repeat(4096) }).text).toHaveLength(4096)
    expect(cleanFields({ text: 'x'.repeat(4097) }).text).toMatch(/^x{4096}… \(4097 characters\)$/)
  })
  test('keeps what values say', () => {
    expect(
      cleanFields({
        big: 12n,
        nan: Number.NaN,
        at: new Date(0),
        never: new Date(Number.NaN),
        bytes: new Uint8Array(3),
        map: new Map([['a', 1]]),
        set: new Set([1]),
        url: new URL('https://ann:s3cret@a.example/?token=s3cret&page=2'),
        run() {},
      }),
    ).toEqual({
      big: '12',
      nan: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
      never: 'invalid date',
      bytes: '[3 bytes]',
      map: { a: 1 },
      set: [1],
      url: 'https://ann:[redacted]@a.example/?token=[redacted]&page=2',
      run: undefined,
    })
  })
  test('tells an error with its code, causes and parts', () => {
    const error = new AggregateError([new Error('one')], 'both', { cause: new RangeError('why') })
    const fields = cleanFields({ error: Object.assign(error, { code: 'E_BOTH' }) })
    expect(fields.error).toMatchObject({
      type: 'AggregateError',
      message: 'both',
      code: 'E_BOTH',
      stack: expect.stringContaining('log-clean.test'),
      cause: { type: 'RangeError', message: 'why' },
      errors: [{ type: 'Error', message: 'one' }],
    })
  })
  test('is JSON, whatever it was', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          JSON.stringify(cleanFields({ value }))
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })
})

test('an address keeps its shape and loses its secrets', () => {
  expect(cleanUrl('/reset?token=abc&page=2#top')).toBe('/reset?token=[redacted]&page=2#top')
  expect(cleanUrl('postgres://app:p%40ss@db:5432/app?password=x')).toBe(
    'postgres://app:[redacted]@db:5432/app?password=[redacted]',
  )
  expect(cleanUrl('/plain/path')).toBe('/plain/path')
  expect(cleanFields({ url: '/reset?token=abc', databaseUrl: 'postgres://app:abc@db/app', note: '?token=1' })).toEqual({
    url: '/reset?token=[redacted]',
    databaseUrl: 'postgres://app:[redacted]@db/app',
    note: '?token=1',
  })
})
