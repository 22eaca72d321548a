import { expect, test } from 'vitest'
import { isRequestId, nextRequestId } from './request-id.ts'

test('ids differ and are ids', () => {
  const ids = Array.from({ length: 1000 }, nextRequestId)
  expect(new Set(ids).size).toBe(1000)
  expect(ids.every(isRequestId)).toBe(true)
})

test('a foreign id is taken when it is short and plain', () => {
  expect(isRequestId('0191f2a4-7c1e-7b3a-9f00-000000000000')).toBe(true)
  expect(isRequestId('a'.repeat(128))).toBe(true)
  for (const id of ['', 'a'.repeat(129), 'a b', 'a\r\nSet-Cookie: x', 'ä', 7, undefined, ['a']]) {
    expect(isRequestId(id), String(id)).toBe(false)
  }
})
