import { expect, test } from 'vitest'
import { byteRangeOf } from './byte-range.ts'

test.each([
  ['bytes=0-0', 10, [0, 0]],
  ['bytes=0-9', 10, [0, 9]],
  ['bytes=0-10', 10, [0, 9]],
  ['bytes=9-', 10, [9, 9]],
  ['bytes=2-4', 10, [2, 4]],
  ['bytes=-1', 10, [9, 9]],
  ['bytes=-10', 10, [0, 9]],
  ['bytes=-11', 10, [0, 9]],
  ['BYTES= 2-4', 10, [2, 4]],
  ['bytes=0-99999999999999999999', 10, [0, 9]],
])('%s of %i bytes', (header, size, [start, end]) => {
  expect(byteRangeOf(header, size)).toEqual({ start, end })
})

test.each(['bytes=4-2', 'bytes=0-1,4-5', 'bytes=', 'bytes=a-b', 'bytes=-', 'lines=0-1', '0-1', 'bytes=1-2-3', ''])(
  '%j is answered with the whole',
  (header) => {
    expect(byteRangeOf(header, 10)).toBeUndefined()
  },
)

test.each([
  ['bytes=10-', 10],
  ['bytes=10-10', 10],
  ['bytes=99999999999999999999-', 10],
  ['bytes=-0', 10],
  ['bytes=0-0', 0],
  ['bytes=-1', 0],
])('%s of %i bytes is behind the end', (header, size) => {
  expect(() => byteRangeOf(header, size)).toThrow(
    expect.objectContaining({ code: 'range_not_satisfiable', headers: { 'content-range': `bytes */${size}` } }),
  )
})
