import { once } from 'node:events'
import http, { type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { ScopedDb } from '../../src/commit/index.ts'
import {
  createWebhookParts,
  createWebhooks,
  effectTools,
  event,
  verifyWebhook,
  type WebhookOptions,
  type WebhookParts,
} from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { type ConsumerFixture, openConsumers } from './consumer-fixture.ts'

export const Paid = event('order.paid', { schema: z.object({ order: z.int(), shop: z.string().optional() }) })
export const Sent = event('order.sent', { schema: z.object({ order: z.int() }) })

export interface Got {
  id: string
  body: string
  headers: IncomingHttpHeaders
}

/** A server that takes messages in: every one of them in `all`, and each id once, in the order in which it came, in `taken`. */
export interface Receiver {
  url: string
  all: Got[]
  /** Numbers of orders of messages that were answered with success. */
  taken: number[]
  /** How it answers. Default: 204. */
  answer: (got: Got) => number | Promise<number>
  header: Record<string, string>
  text: string
  close(): Promise<void>
}

export async function openReceiver(secret?: () => string, now?: () => number): Promise<Receiver> {
  const seen = new Set<string>()
  const receiver = { all: [], taken: [], answer: () => 204, header: {}, text: '' } as unknown as Receiver
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    const got: Got = { id: request.headers['webhook-id'] as string, body: body.toString(), headers: request.headers }
    if (secret) verifyWebhook({ headers: request.headers, body }, { secret: secret(), ...(now && { now }) })
    receiver.all.push(got)
    const status = await receiver.answer(got)
    if (status < 300 && !seen.has(got.id)) {
      seen.add(got.id)
      receiver.taken.push(JSON.parse(got.body).data.order)
    }
    response.writeHead(status, receiver.header).end(status === 204 ? undefined : receiver.text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  receiver.close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return receiver
}

export interface WebhookProcess extends WebhookParts {
  /** Looks now, and waits until nothing is left to do. */
  settle(): Promise<void>
  stop(): Promise<void>
}

export interface WebhookFixture extends ConsumerFixture {
  control: WebhookParts['control']
  webhooks: ReturnType<typeof createWebhooks>
  /** A process that hands out and sends. */
  run(options?: { owner?: string; log?: typeof silentLogger }): Promise<WebhookProcess>
  pay(...orders: number[]): Promise<void>
  transaction<T>(work: (db: any, tools: ReturnType<typeof effectTools>) => Promise<T>): Promise<T>
}

export const local = { allow: ['127.0.0.1'], http: true, ports: 'any' } as const

export async function openWebhooks(options: Partial<WebhookOptions> = {}): Promise<WebhookFixture> {
  const fixture = await openConsumers()
  const { storage, units, clock } = fixture
  const now = () => clock.now
  const webhooks = createWebhooks({}, { events: [Paid, Sent], egress: local, ...options })
  const transaction: WebhookFixture['transaction'] = (work) =>
    units.write({ deadline: 20_000, cause: 'test' }, 'system', (db) =>
      ScopedDb.whole(db, () => work(db, effectTools(db))),
    )
  const running: WebhookProcess[] = []
  let processes = 0
  const { control } = createWebhookParts(webhooks, { storage, now, log: silentLogger, owner: 'control' })
  return {
    ...fixture,
    control,
    webhooks,
    transaction,
    pay: (...orders) =>
      transaction(async (_, { emit }) => {
        for (const order of orders) void emit(Paid, { order })
      }),
    async run({ owner = `process ${++processes}`, log = silentLogger } = {}) {
      const parts = createWebhookParts(webhooks, { storage, now, random: () => 1, log, owner })
      const host = fixture.host([parts.consumer], { owner })
      await host.start()
      await parts.runner.start()
      const isIdle = async () => (await host.isIdle()) && (await parts.runner.isIdle())
      const process: WebhookProcess = {
        ...parts,
        async settle() {
          await host.wake()
          while (!(await host.isIdle())) await new Promise((resolve) => setTimeout(resolve, 2))
          await parts.runner.wake()
          while (!(await isIdle())) await new Promise((resolve) => setTimeout(resolve, 2))
        },
        async stop() {
          await host.stop()
          await parts.runner.stop()
        },
      }
      running.push(process)
      return process
    },
    async close() {
      for (const process of running) await process.stop()
      await fixture.close()
    },
  }
}
