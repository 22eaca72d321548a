import { expect, test } from 'vitest'
import { bearerToken } from './bearer.ts'

test('without the header there is no token', () => {
  expect(bearerToken(undefined, ['bearer'])).toBeUndefined()
})

test.each(['Bearer a.b-c_d~e+f/g==', 'bearer a.b-c_d~e+f/g==', 'BEARER   a.b-c_d~e+f/g=='])(
  '%s holds the token',
  (header) => {
    expect(bearerToken(header, ['bearer'])).toBe('a.b-c_d~e+f/g==')
  },
)

test.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'Bearer é', 'a.b.c', 'Token abc'])(
  '"%s" is refused',
  (header) => {
    expect(() => bearerToken(header, ['bearer'])).toThrow(expect.objectContaining({ code: 'invalid_token' }))
  },
)

test('other words are accepted where the app says so', () => {
  expect(bearerToken('Token abc', ['token', 'bearer'])).toBe('abc')
})

test('a header of 8,192 characters is read, one more is refused', () => {
  expect(bearerToken(`Bearer ${'a'.repeat(8185)}`, ['bearer'])).toHaveLength(8185)
  expect(() => bearerToken(`Bearer ${'a'.repeat(8186)}`, ['bearer'])).toThrow(
    expect.objectContaining({ code: 'invalid_token' }),
  )
})
