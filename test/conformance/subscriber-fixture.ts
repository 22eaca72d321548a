import { z } from 'zod'
import type { ScopedDb } from '../../src/commit/index.ts'
import {
  type ConsumerHost,
  type ConsumerHostOptions,
  consumersOf,
  createSubscriber,
  createSubscribers,
  type EventType,
  effectTools,
  event,
  listenToEvents,
  type Subscriber,
  type SubscriberOptions,
  type Subscribers,
} from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { type ConsumerFixture, Effect, Note, openConsumers, untilIdle } from './consumer-fixture.ts'

/** A note was made, of somebody. */
export const Made = event('note.made', { schema: z.object({ number: z.int(), of: z.string().default('ann') }) })

export interface Running {
  host: ConsumerHost
  control: Subscribers
  /** Looks now, and waits until nothing is left to do. */
  settle(): Promise<void>
}

export interface SubscriberFixture extends ConsumerFixture {
  /** A process that runs subscribers. */
  run(subscribers: Subscriber[], options?: Partial<ConsumerHostOptions>): Promise<Running>
  emit(...all: { number: number; of?: string }[]): Promise<void>
  transaction<T>(work: (db: any, tools: ReturnType<typeof effectTools>) => Promise<T>): Promise<T>
}

export async function openSubscribers(): Promise<SubscriberFixture> {
  const fixture = await openConsumers()
  const { units, queries, storage, clock } = fixture
  const now = () => clock.now
  const transaction: SubscriberFixture['transaction'] = (work) =>
    units.write(
      { deadline: 20_000, cause: 'test', trace: '4bf92f3577b34da6a3ce929d0e0e4736' },
      'system',
      async (db) => {
        const result = await work(db, effectTools(db))
        // As whoever ends a unit of work does.
        await (db.constructor as typeof ScopedDb).finish(db)
        return result
      },
    )
  return {
    ...fixture,
    transaction,
    async run(subscribers, options) {
      const lanes = { storage, units, now, log: silentLogger, ...(options?.random && { random: options.random }) }
      listenToEvents(queries, subscribers, { units, log: silentLogger })
      const host = fixture.host(consumersOf(subscribers, lanes), options)
      await host.start()
      const control = createSubscribers({ storage, now, subscribers, host })
      return {
        host,
        control,
        async settle() {
          await host.wake()
          await untilIdle(host)
        },
      }
    },
    emit: (...all) =>
      transaction(async (_, { emit }) => {
        for (const data of all) void emit(Made, data)
      }),
  }
}

export function on<E extends EventType<any>>(of: E, options: SubscriberOptions<any, any, E, any>): Subscriber<any> {
  return createSubscriber({}, of, options)
}

/** Notes what it is given. */
export function notingEvents(name: string, more: Partial<SubscriberOptions<any, any, typeof Made, any>> = {}) {
  return on(Made, {
    name,
    handle: ({ data, db }) => (db as any).insert(Effect, { number: data.number, by: name }),
    ...more,
  })
}

export { Effect, Note }
