import { expect, test } from 'vitest'
import { newTraceId } from './trace-id.ts'

test('trace ids are 32 hexadecimal digits, and no two are the same', () => {
  const ids = Array.from({ length: 10_000 }, newTraceId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true)
})
