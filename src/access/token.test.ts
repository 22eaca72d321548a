import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { Tokens } from './token.ts'

const secret = 'a secret of at least thirty-two bytes'

function tokensAt(clock: { now: number }, change: Partial<ConstructorParameters<typeof Tokens>[0]> = {}): Tokens {
  return new Tokens({ secret, issuer: 'press', lifetime: 60, now: () => clock.now, ...change })
}

test('a token says whose it is until it expires, first seen or seen again', async () => {
  const clock = { now: 1_800_000_000_000 }
  const tokens = tokensAt(clock)
  const token = tokens.issue('ann')
  clock.now += 59_000
  expect((await tokens.verify(token)).subject).toBe('ann')
  expect(tokens.verify(token)).toEqual({ subject: 'ann', expires: 1_800_000_060_000 })
  clock.now += 1_000
  expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'invalid_token', status: 401 }))
  await expect(tokensAt(clock).verify(token)).rejects.toMatchObject({ code: 'invalid_token' })
})

test.each([
  ['another secret', { secret: 'another secret of thirty-two bytes!!' }],
  ['another issuer', { issuer: 'shop' }],
])('a token by %s is refused', async (_, change) => {
  const clock = { now: Date.now() }
  await expect(tokensAt(clock).verify(tokensAt(clock, change).issue('ann')) as Promise<unknown>).rejects.toMatchObject({
    code: 'invalid_token',
  })
})

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claims = { iss: 'press', aud: 'press', sub: 'ann', iat: 1_800_000_000, exp: 1_800_000_060 }

function forged(header: object, payload: object, key = secret): string {
  const signed = `${part(header)}.${part(payload)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

test.each([
  ['no algorithm', `${part({ alg: 'none', typ: 'at+jwt' })}.${part(claims)}.`],
  ['another type of token', forged({ alg: 'HS256', typ: 'JWT' }, claims)],
  ['another audience', forged({ alg: 'HS256', typ: 'at+jwt' }, { ...claims, aud: 'shop' })],
  ['no subject', forged({ alg: 'HS256', typ: 'at+jwt' }, { ...claims, sub: undefined })],
  ['no end', forged({ alg: 'HS256', typ: 'at+jwt' }, { ...claims, exp: undefined })],
  ['no structure', 'abc'],
])('a token with %s is refused', async (_, token) => {
  await expect(tokensAt({ now: 1_800_000_000_000 }).verify(token) as Promise<unknown>).rejects.toMatchObject({
    code: 'invalid_token',
  })
})

test('the forger above is right but for what it forges', async () => {
  const tokens = tokensAt({ now: 1_800_000_000_000 })
  expect((await tokens.verify(forged({ alg: 'HS256', typ: 'at+jwt' }, claims))).subject).toBe('ann')
})

test('10,000 tokens are remembered, and the oldest gives way to the next', async () => {
  const tokens = tokensAt({ now: 1_800_000_000_000 })
  const issued = Array.from({ length: 10_001 }, (_, at) => tokens.issue(String(at)))
  for (const token of issued.slice(0, 10_000)) await tokens.verify(token)
  expect(tokens.verify(issued[0]!)).not.toBeInstanceOf(Promise)
  await tokens.verify(issued[10_000]!)
  expect(tokens.verify(issued[0]!)).toBeInstanceOf(Promise)
})

test('a secret has 32 bytes, and one less is refused', () => {
  tokensAt({ now: 0 }, { secret: 'x'.repeat(32) })
  tokensAt({ now: 0 }, { secret: 'ä'.repeat(16) })
  expect(() => tokensAt({ now: 0 }, { secret: 'x'.repeat(31) })).toThrow(
    expect.objectContaining({ code: 'configuration_invalid' }),
  )
})
