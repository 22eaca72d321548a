// What came to the receiver of webhooks is held to what is in the database: everything that is due came to each endpoint, in
// the order of the log once repeated ids are dropped, and nothing else ever did.
import type { Json } from './contents.ts'
import type { Facts } from './effects-facts.ts'
import type { Received } from './effects-receiver.ts'

/** @param due a key `REQUEST ENDPOINT` for each delivery */
export function checkReceived(facts: Facts, due: ReadonlySet<string>): string[] {
  const { received } = facts
  const found = received
    .filter(({ isSigned }) => !isSigned)
    .map(({ id, endpoint }) => `audit: ${id} came to ${endpoint} without a signature that fits`)
  const came = new Set<string>()
  for (const [key, all] of Map.groupBy(received, keyOf)) {
    if (!due.has(key)) found.push(`atomic: ${key} was sent and is due to nothing`)
    const ids = new Set(all.map(({ id }) => id))
    if (ids.size > 1) found.push(`once: ${key} was sent under ${ids.size} ids`)
    if (new Set(all.map(({ body }) => body)).size > ids.size) found.push(`once: ${key} was sent in several wordings`)
    if (all.some(({ isTaken }) => isTaken)) came.add(key)
  }
  for (const key of due) if (!came.has(key)) found.push(`once: ${key} never came`)
  for (const { key, state } of deliveriesOf(facts))
    if (state !== 'delivered' && came.has(key)) found.push(`once: ${key} came and is noted as ${state}`)
  return [...found, ...checkOrder(facts)]
}

function checkOrder({ log, received }: Facts): string[] {
  const places = new Map(log.map(({ cause, position }) => [cause, position]))
  const ids = new Set<string>()
  const latest = new Map<string, number>()
  const found: string[] = []
  for (const one of received) {
    const { endpoint, id, isTaken } = one
    if (!isTaken || ids.has(`${id} ${endpoint}`)) continue
    ids.add(`${id} ${endpoint}`)
    const place = places.get(requestOf(one)) ?? 0
    const last = latest.get(endpoint) ?? 0
    if (place < last) found.push(`ordered: ${endpoint} was sent ${requestOf(one)} (${place}) after ${last}`)
    latest.set(endpoint, place)
  }
  return found
}

/** What the database says of deliveries. */
export function deliveriesOf({ own }: Pick<Facts, 'own'>): { key: string; state: string }[] {
  const rowsOf = (name: string): Json[] => own.get(`monobloc_webhook_${name}`) ?? []
  const requests = new Map(rowsOf('message').map(({ id, data }) => [id, JSON.parse(String(data)).request]))
  const endpoints = new Map(rowsOf('endpoint').map(({ id, url }) => [id, new URL(String(url)).pathname.slice(1)]))
  return rowsOf('delivery').map(({ endpoint, message, state }) => ({
    key: `${requests.get(message)} ${endpoints.get(endpoint)}`,
    state: String(state),
  }))
}

function keyOf(one: Received): string {
  return `${requestOf(one)} ${one.endpoint}`
}

function requestOf({ body }: Received): string {
  return JSON.parse(body).data.request
}
