import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { MonoblocError } from '../errors.ts'

const prefix = 'whsec_'
// Standard Webhooks asks for 24 to 64 bytes.
const secretBytes = 32
const fewestBytes = 16
const mostBytes = 256

/** A new secret, as Standard Webhooks writes them: `whsec_` and base64. */
export function newSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

/** The key of a `whsec_` secret. @throws MonoblocError `definition_invalid` */
export function secretKey(secret: string): Buffer {
  const text = typeof secret === 'string' ? secret.replace(/^whsec_/, '') : ''
  const key = Buffer.from(text, 'base64')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text) && key.length >= fewestBytes && key.length <= mostBytes) return key
  // The secret itself is in no error.
  throw new MonoblocError('definition_invalid', {
    detail: `A secret of webhooks is whsec_ and ${fewestBytes} to ${mostBytes} bytes in base64.`,
  })
}

/** HMAC-SHA256 of the parts, one after another. */
export function hmac(key: string | Buffer, ...parts: (string | Uint8Array)[]): Buffer {
  const made = createHmac('sha256', key)
  for (const part of parts) made.update(part)
  return made.digest()
}

/**
 * `webhook-signature` of a message (Standard Webhooks): one `v1,…` for each secret.
 *
 * @param timestamp seconds since 1970
 */
export function signMessage(secrets: readonly string[], id: string, timestamp: number, body: string): string {
  return secrets
    .map((secret) => `v1,${hmac(secretKey(secret), `${id}.${timestamp}.`, body).toString('base64')}`)
    .join(' ')
}

/** In a time that says nothing of where they differ. */
export function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
