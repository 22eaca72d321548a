import { expect, test } from 'vitest'
import { password } from './password.ts'

test('a hash is a PHC string that verifies its own password and no other', async () => {
  const hash = await password.hash('correct horse')
  expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(await password.verify(hash, 'correct horse')).toBe(true)
  expect(await password.verify(hash, 'correct horsf')).toBe(false)
})

test('two hashes of one password differ', async () => {
  expect(await password.hash('same')).not.toBe(await password.hash('same'))
})

test('without a stored hash the answer is no, after the same work', async () => {
  expect(await password.verify(null, '')).toBe(false)
  expect(await password.verify(undefined, 'anything')).toBe(false)
})

test('letters that Unicode calls equivalent are the same password', async () => {
  expect(await password.verify(await password.hash('caf\u00e9'), 'cafe\u0301')).toBe(true)
})

test('a hash made with other costs is verified with those', async () => {
  const { scryptSync } = await import('node:crypto')
  const salt = Buffer.from('0123456789abcdef')
  const hash = scryptSync('old', salt, 32, { N: 2 ** 10, r: 8, p: 1 })
  const stored = `$scrypt$ln=10,r=8,p=1$${salt.toString('base64').replace(/=+$/, '')}$${hash.toString('base64').replace(/=+$/, '')}`
  expect(await password.verify(stored, 'old')).toBe(true)
  expect(await password.verify(stored, 'new')).toBe(false)
})

test('what is not a hash of ours is an error, not a wrong password', async () => {
  await expect(password.verify('plain text', 'plain text')).rejects.toMatchObject({ code: 'internal' })
})

test('256 may wait for the 4 that run, and the next is refused', async () => {
  const started = Array.from({ length: 260 }, () => password.verify('$scrypt$ln=1,r=1,p=1$AAAA$AAAA', 'x'))
  await expect(password.verify('$scrypt$ln=1,r=1,p=1$AAAA$AAAA', 'x')).rejects.toMatchObject({ code: 'overloaded' })
  expect(await Promise.all(started)).toHaveLength(260)
})
