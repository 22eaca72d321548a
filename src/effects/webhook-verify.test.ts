import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { newSecret, signMessage } from './webhook-signature.ts'
import { type VerifyOptions, verifyWebhook } from './webhook-verify.ts'

const now = () => Date.parse('2026-11-23T02:00:00Z')
const seconds = now() / 1000
const text = '{"type":"order.paid","data":{"order":1}}'
const body = Buffer.from(text)
const secret = newSecret()

function standard(over: Record<string, string | string[] | undefined> = {}, at = seconds, by = [secret]) {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': signMessage(by, 'msg_1', at, text),
    ...over,
  } as Record<string, string>
}

function codeOf(headers: object, options: Partial<VerifyOptions> = {}, bytes: Uint8Array = body): string {
  try {
    return verifyWebhook({ headers: headers as never, body: bytes }, { secret, now, ...options }).id
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('the example of Standard Webhooks is genuine', () => {
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const found = verifyWebhook(
    { headers, body: Buffer.from('{"test": 2432232314}') },
    { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', now: () => 1_614_265_330_000 },
  )
  expect(found).toEqual({
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    at: new Date(1_614_265_330_000),
    data: { test: 2432232314 },
  })
})

test('a message is genuine byte by byte, or it is not', () => {
  expect(codeOf(standard())).toBe('msg_1')
  const changed: [object, Uint8Array?][] = [
    [standard(), Buffer.from(`${text} `)],
    [standard(), Buffer.from('')],
    [standard({ 'webhook-id': 'msg_2' })],
    [standard({ 'webhook-timestamp': String(seconds + 1) })],
    [standard({}, seconds, [newSecret()])],
  ]
  for (const [headers, bytes] of changed) expect(codeOf(headers, {}, bytes)).toBe('webhook_signature_wrong')
})

test('what is missing or no signature is said to be so', () => {
  const unsigned = [
    {},
    standard({ 'webhook-id': undefined }),
    standard({ 'webhook-id': 'x'.repeat(257) }),
    standard({ 'webhook-timestamp': '' }),
    standard({ 'webhook-timestamp': '1e9' }),
    standard({ 'webhook-timestamp': '-5' }),
    standard({ 'webhook-signature': '' }),
    standard({ 'webhook-signature': 'v1,short' }),
    standard({ 'webhook-signature': 'v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' }),
    standard({ 'webhook-signature': Array(11).fill('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=').join(' ') }),
    standard({ 'webhook-signature': ['a', 'b'] }),
  ]
  for (const headers of unsigned) expect(codeOf(headers), JSON.stringify(headers)).toBe('webhook_unsigned')
})

test('a time may be off by the tolerance either way, and not by a second more', () => {
  for (const off of [-300, 300]) expect(codeOf(standard({}, seconds + off))).toBe('msg_1')
  for (const off of [-301, 301]) expect(codeOf(standard({}, seconds + off))).toBe('webhook_expired')
  expect(codeOf(standard({}, seconds - 600), { tolerance: 600_000 })).toBe('msg_1')
})

test('of several signatures and several secrets one is enough', () => {
  const next = newSecret()
  expect(codeOf(standard({}, seconds, [secret, next]), { secret: next })).toBe('msg_1')
  expect(codeOf(standard(), { secret: [next, secret] })).toBe('msg_1')
  expect(codeOf(standard({}, seconds, [newSecret(), newSecret()]), { secret: [next, secret] })).toBe(
    'webhook_signature_wrong',
  )
})

test('a secret that is none is a mistake of the app, and is not shown', () => {
  for (const wrong of ['', 'whsec_', 'whsec_###', 'whsec_c2hvcnQ=', []])
    expect(codeOf(standard(), { secret: wrong as never }), String(wrong)).toBe('definition_invalid')
  expect(() => verifyWebhook({ headers: standard(), body }, { secret: 'whsec_hunter2' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  )
  expect(codeOf(standard(), {}, text as never)).toBe('definition_invalid')
})

describe('other schemes', () => {
  const sign = (head: string) => createHmac('sha256', 'it is a secret').update(head).update(body)
  const options = { secret: 'it is a secret' }

  test("GitHub's", () => {
    // The example of its documentation.
    const example = {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      'x-github-delivery': '72d3162e',
    }
    const given = { scheme: 'github', secret: "It's a Secret to Everybody" } as const
    expect(codeOf(example, given, Buffer.from('Hello, World!'))).toBe('72d3162e')
    expect(codeOf(example, given, Buffer.from('Hello, World?'))).toBe('webhook_signature_wrong')
    expect(codeOf({ ...example, 'x-hub-signature-256': 'sha1=00' }, given)).toBe('webhook_unsigned')
  })

  test("Stripe's, whose id is the event's", () => {
    const event = Buffer.from('{"id":"evt_1"}')
    const v1 = (at: number) => createHmac('sha256', 'it is a secret').update(`${at}.`).update(event).digest('hex')
    const header = (at: number) => ({ 'stripe-signature': `t=${at},v0=aa,v1=${'0'.repeat(64)},v1=${v1(at)}` })
    const given = { ...options, scheme: 'stripe' } as const
    expect(codeOf(header(seconds), given, event)).toBe('evt_1')
    expect(codeOf(header(seconds - 301), given, event)).toBe('webhook_expired')
    expect(codeOf({ 'stripe-signature': `t=1,t=2,v1=${v1(1)}` }, given, event)).toBe('webhook_unsigned')
    expect(codeOf({ 'stripe-signature': `v1=${v1(seconds)}` }, given, event)).toBe('webhook_unsigned')
  })

  test('a signature of the body in a header field', () => {
    const scheme = { header: 'X-Signature', encoding: 'base64' } as const
    const signature = sign('').digest('base64')
    const id = Buffer.from(signature, 'base64').toString('hex')
    expect(codeOf({ 'x-signature': signature }, { ...options, scheme })).toBe(id)
    expect(codeOf({ 'x-signature': `${signature}=` }, { ...options, scheme })).toBe('webhook_unsigned')
  })
})
