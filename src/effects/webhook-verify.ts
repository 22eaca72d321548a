import type { IncomingHttpHeaders } from 'node:http'
import { checkOptions, MonoblocError } from '../errors.ts'
import { hmac, isSame, secretKey } from './webhook-signature.ts'

/** Signatures of the body alone, in hexadecimal or base64, in one header field. */
export interface BodySignature {
  /** The header field that has the signature: `x-hub-signature-256`. */
  header: string
  /** What stands before the signature: `sha256=`. Default: nothing. */
  prefix?: string
  /** Default: hex. */
  encoding?: 'hex' | 'base64'
  /** The header field that has the message's id. It is not signed. Default: the signature is the id. */
  id?: string
}

export interface VerifyOptions {
  /** What was agreed on with the sender. Of several each will do: while one takes the place of another. */
  secret: string | readonly string[]
  /**
   * How it is signed. `standard` (the default): Standard Webhooks, `whsec_` secrets. `stripe`: `t=…,v1=…` in
   * `stripe-signature`. `github`: `x-hub-signature-256`. Or where to find a signature of the body.
   */
  scheme?: 'standard' | 'stripe' | 'github' | BodySignature
  /** Milliseconds that a signed time may be off, either way. Default: 5 minutes. `github` and the like sign no time. */
  tolerance?: number
  /** Milliseconds since 1970. */
  now?: () => number
}

/** A message whose sender is known. */
export interface VerifiedWebhook {
  /** The same each time the message is sent. */
  id: string
  /** When it was signed, where that is signed. */
  at: Date | null
  /** The body as JSON; undefined where it is none. */
  data: unknown
}

/** What a scheme makes of the header: which bytes are signed, and with what. */
interface Signed {
  id: string
  /** Seconds since 1970. */
  timestamp: number | null
  /** Before the body. */
  head: string
  signatures: Buffer[]
}

const known = { secret: true, scheme: true, tolerance: true, now: true } satisfies Record<keyof VerifyOptions, true>
const defaultTolerance = 5 * 60 * 1000
// Each costs a comparison; nobody has that many secrets at once.
const mostSignatures = 10
const longestId = 256
const digestBytes = 32

/**
 * Sees that a message comes from who has the secret, and was signed just now: https://www.standardwebhooks.com.
 *
 * @param message the header, and the body byte by byte as it came: an endpoint has it with `body: raw()`
 * @throws MonoblocError `webhook_unsigned`, `webhook_signature_wrong`, `webhook_expired`, `definition_invalid`
 */
export function verifyWebhook(
  message: { headers: IncomingHttpHeaders; body: Uint8Array },
  options: VerifyOptions,
): VerifiedWebhook {
  checkOptions('verifyWebhook()', options, known)
  const { scheme = 'standard', tolerance = defaultTolerance, now = Date.now } = options
  const { body, headers } = message
  if (!(body instanceof Uint8Array)) {
    throw new MonoblocError('definition_invalid', {
      detail: 'verifyWebhook() takes the body as it came: say body: raw() in the endpoint.',
    })
  }
  const keys = keysOf(options.secret, scheme)
  const { id, timestamp, head, signatures } = readerOf(scheme)(headers)
  // All are compared, so that the time says nothing of which one it was.
  let isGenuine = false
  for (const key of keys) {
    const expected = hmac(key, head, body)
    for (const signature of signatures) if (isSame(expected, signature)) isGenuine = true
  }
  if (!isGenuine) throw new MonoblocError('webhook_signature_wrong')
  if (timestamp !== null && !(Math.abs(now() - timestamp * 1000) <= tolerance))
    throw new MonoblocError('webhook_expired')
  const data = jsonOf(body)
  const at = timestamp === null ? null : new Date(timestamp * 1000)
  return { id: scheme === 'stripe' ? stripeId(data, id) : id, at, data }
}

function keysOf(secret: VerifyOptions['secret'], scheme: VerifyOptions['scheme']): (string | Buffer)[] {
  const secrets = Array.isArray(secret) ? (secret as string[]) : [secret as string]
  if (secrets.length === 0 || !secrets.every((text) => typeof text === 'string' && text !== ''))
    throw new MonoblocError('definition_invalid', { detail: 'verifyWebhook(): secret is a text, or a list of texts.' })
  return scheme === undefined || scheme === 'standard' ? secrets.map(secretKey) : secrets
}

function readerOf(scheme: NonNullable<VerifyOptions['scheme']>): (headers: IncomingHttpHeaders) => Signed {
  if (scheme === 'standard') return readStandard
  if (scheme === 'stripe') return readStripe
  if (scheme === 'github')
    return (headers) => readBody(headers, { header: 'x-hub-signature-256', prefix: 'sha256=', id: 'x-github-delivery' })
  return (headers) => readBody(headers, scheme)
}

function readStandard(headers: IncomingHttpHeaders): Signed {
  const id = fieldOf(headers, 'webhook-id')
  const time = fieldOf(headers, 'webhook-timestamp')
  const signatures = fieldOf(headers, 'webhook-signature')
    .split(' ')
    .flatMap((text) => (text.startsWith('v1,') ? signatureOf(text.slice(3), 'base64') : []))
  return signed({ id: idOf(id), timestamp: secondsOf(time), head: `${id}.${time}.`, signatures })
}

/** https://docs.stripe.com/webhooks#verify-manually */
function readStripe(headers: IncomingHttpHeaders): Signed {
  const parts = fieldOf(headers, 'stripe-signature').split(',')
  const valuesOf = (name: string) =>
    parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1))
  const [time = '', ...more] = valuesOf('t')
  if (more.length > 0) throw unsigned('stripe-signature has two times')
  const signatures = valuesOf('v1').flatMap((text) => signatureOf(text, 'hex'))
  const id = signatures[0]?.toString('hex') ?? ''
  return signed({ id, timestamp: secondsOf(time), head: `${time}.`, signatures })
}

/** The event's own, in the body: each attempt is signed anew. */
function stripeId(data: unknown, otherwise: string): string {
  const { id } = (data ?? {}) as { id?: unknown }
  return typeof id === 'string' && id !== '' && id.length <= longestId ? id : otherwise
}

/** GitHub and many others: the body alone is signed. */
function readBody(headers: IncomingHttpHeaders, scheme: BodySignature): Signed {
  const { header, prefix = '', encoding = 'hex', id } = scheme
  const text = fieldOf(headers, header.toLowerCase())
  if (!text.startsWith(prefix)) throw unsigned(`${header} does not begin with ${prefix}`)
  const signatures = signatureOf(text.slice(prefix.length), encoding)
  return signed({
    id: id === undefined ? (signatures[0]?.toString('hex') ?? '') : idOf(fieldOf(headers, id.toLowerCase())),
    timestamp: null,
    head: '',
    signatures,
  })
}

function signed(parts: Signed): Signed {
  if (parts.signatures.length === 0) throw unsigned('there is no signature of a kind that is known')
  if (parts.signatures.length > mostSignatures) throw unsigned(`there are more than ${mostSignatures} signatures`)
  return parts
}

function fieldOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  if (typeof value !== 'string' || value === '') throw unsigned(`the header field ${name} is missing`)
  return value
}

function idOf(text: string): string {
  if (text.length > longestId) throw unsigned(`the id has more than ${longestId} characters`)
  return text
}

function secondsOf(text: string): number {
  if (!/^\d{1,11}$/.test(text)) throw unsigned('the time is no number of seconds')
  return Number(text)
}

/** One signature, or none where the text is not one. */
function signatureOf(text: string, encoding: 'hex' | 'base64'): Buffer[] {
  const pattern = encoding === 'hex' ? /^[0-9a-f]{64}$/i : /^[A-Za-z0-9+/]{43}=$/
  const bytes = pattern.test(text) ? Buffer.from(text, encoding) : undefined
  return bytes?.length === digestBytes ? [bytes] : []
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}

function unsigned(why: string): MonoblocError {
  return new MonoblocError('webhook_unsigned', {
    violations: [{ path: ['headers'], code: 'webhook_unsigned', message: why }],
  })
}
