import { startPayments } from './payments/server.ts'

let own: ReturnType<typeof startPayments> | undefined

/** Where to pay: PAYMENTS_URL, or a server that the example brings along. */
export async function paymentsUrl(): Promise<string> {
  if (process.env.PAYMENTS_URL) return process.env.PAYMENTS_URL
  own ??= startPayments()
  return (await own).url
}

/**
 * Charges once for each key, however often it is called. Null: the payment was declined.
 *
 * @throws Error when the server gives no answer that one can trust
 */
export async function charge(order: { id: number; total: string }, key: string, signal: AbortSignal) {
  const response = await fetch(await paymentsUrl(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ order: order.id, amount: order.total }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]),
  })
  if (response.status === 402) return null
  if (!response.ok) throw new Error(`payments answered ${response.status}`)
  return ((await response.json()) as { id: string }).id
}
