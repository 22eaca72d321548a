import { MonoblocError } from '../errors.ts'

const visible = /^[!-~]{1,255}$/

/** @throws MonoblocError `idempotency_key_invalid` */
export function checkIdempotencyKey(key: unknown): string {
  if (typeof key === 'string' && visible.test(key)) return key
  throw new MonoblocError('idempotency_key_invalid')
}
