import { randomInt, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What went over the counter. */
export interface Charge {
  id: string
  order: number
  amount: string
}

export interface PaymentServer {
  url: string
  /** Every charge that was made, in order. */
  readonly charges: readonly Charge[]
  stop(): void
}

/** It is down; it charges and its answer is lost; it charges and answers so late that nobody waits; it does what it should. */
export type Mood = 'refuse' | 'lose' | 'stall' | 'fine'

// As bad as a bad day of a real one: of ten answers six are right.
const moods: Mood[] = ['refuse', 'refuse', 'lose', 'stall', 'fine', 'fine', 'fine', 'fine', 'fine', 'fine']
const limit = 10_000

/**
 * A payment service as they are: it is down now and then, and sometimes it charges and the answer is lost. Whoever asks
 * again under the same `Idempotency-Key` is told of the same charge. Amounts beyond 10,000 are declined.
 */
export async function startPayments(mood = (): Mood => moods[randomInt(moods.length)]!): Promise<PaymentServer> {
  const charges: Charge[] = []
  const byKey = new Map<string, Charge>()
  const server = createServer(async (request, response) => {
    const { order, amount } = JSON.parse(await textOf(request))
    const today = mood()
    if (today === 'refuse') {
      response.writeHead(503).end()
      return
    }
    if (Number(amount) > limit) {
      response.writeHead(402).end()
      return
    }
    const key = request.headers['idempotency-key'] as string
    const known = byKey.get(key)
    const charge = known ?? { id: randomUUID(), order, amount }
    if (!known) {
      charges.push(charge)
      byKey.set(key, charge)
    }
    if (today === 'lose') response.destroy()
    else if (today === 'stall') setTimeout(() => response.destroy(), 300).unref()
    else response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(charge))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, charges, stop: () => void server.close() }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += part
  return text
}
