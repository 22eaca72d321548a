import { MonoblocError } from '../errors.ts'
import type { Egress } from './egress.ts'
import { signMessage } from './webhook-signature.ts'
import type { AttemptOutcome, DeliveryRow, EndpointRow } from './webhook-store.ts'

/** Bytes of an answer that are kept: enough for the sentence that says what was wrong. */
export const mostResponse = 1024
const longestError = 500

export interface Attempt extends AttemptOutcome {
  result: 'delivered' | 'failed' | 'gone'
  /** Milliseconds that the endpoint asked to be left alone. */
  after: number
}

/**
 * Sends one message once. Whatever the other side does is an outcome and no error.
 *
 * @param now milliseconds since 1970
 */
export async function sendDelivery(
  client: Egress,
  endpoint: Pick<EndpointRow, 'url' | 'secret' | 'retiring' | 'retires'>,
  delivery: DeliveryRow,
  now: number,
  signal: AbortSignal,
): Promise<Attempt> {
  const body = bodyOf(delivery)
  const timestamp = Math.floor(now / 1000)
  const { secret, retiring, retires, url } = endpoint
  const secrets = retiring !== null && retires > now ? [secret, retiring] : [secret]
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Monobloc-Webhooks',
    'webhook-id': delivery.message,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signMessage(secrets, delivery.message, timestamp, body),
  }
  const began = performance.now()
  try {
    const request = { method: 'POST', headers, body, signal, cut: mostResponse, repeatable: true } as const
    const answer = await client.request(url, request)
    const { status } = answer
    const isGood = status >= 200 && status < 300
    return {
      result: isGood ? 'delivered' : status === 410 ? 'gone' : 'failed',
      tried: now,
      status,
      duration: Math.round(answer.duration),
      error: isGood ? null : `It answered with ${status}.`,
      response: answer.body.length === 0 ? null : textOf(answer.body),
      after: status === 429 || status === 503 ? retryAfter(answer.headers['retry-after'], now) : 0,
    }
  } catch (error) {
    if (signal.aborted) throw error
    const duration = Math.round(performance.now() - began)
    return { result: 'failed', tried: now, status: null, duration, error: errorOf(error), response: null, after: 0 }
  }
}

/** What is sent: `{ "type", "timestamp", "data" }`, the same bytes at each attempt. */
function bodyOf({ event, at, data }: DeliveryRow): string {
  return `{"type":${JSON.stringify(event)},"timestamp":"${new Date(at).toISOString()}","data":${data}}`
}

/** Text that every database takes. */
function textOf(body: Buffer): string {
  return body.toString('utf8').replaceAll('\0', '\uFFFD')
}

function errorOf(error: unknown): string {
  const text = error instanceof MonoblocError ? error.message : String(error)
  return text.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, longestError)
}

/** Seconds, or a date. */
function retryAfter(value: string | string[] | undefined, now: number): number {
  if (typeof value !== 'string') return 0
  const milliseconds = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return milliseconds > 0 ? milliseconds : 0
}
