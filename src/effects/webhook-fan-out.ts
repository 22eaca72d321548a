import type { LogEntry } from '../storage/index.ts'
import type { Consumer } from './consumer.ts'
import { readData, recordedEvent } from './event-data.ts'
import type { Webhooks } from './webhook.ts'
import type { WebhookStore } from './webhook-store.ts'

export const eventTable = 'monobloc_event'

export interface FanOutOptions {
  webhooks: Webhooks
  store: WebhookStore
  now: () => number
  /** Something is there to be sent, or will be with the next commit. */
  onWork(): void
}

/**
 * Hands events out to endpoints: a message for each event and a delivery for each endpoint that wants it, in the
 * transaction in which the consumer's position moves, so that each endpoint has each event once.
 */
export function createFanOut({ webhooks, store, now, onWork }: FanOutOptions): Consumer {
  const { events, options } = webhooks
  return {
    name: 'webhooks',
    wants: (entry) => entry.table === eventTable && events.has(recordedEvent(entry).name),
    async handle({ transactions, session }) {
      let count = 0
      for (const { position, at, trace, entries } of transactions) {
        for (const entry of entries) {
          const { id, name } = recordedEvent(entry)
          const data = dataOf(webhooks, entry)
          const owner = options.owner?.({ id, name, data }) ?? null
          const sent = { id, event: name, owner, data: JSON.stringify(data), position, sequence: entry.sequence }
          count += await store.fanOut(session, { ...sent, at: at.getTime(), trace }, now())
        }
      }
      if (count > 0) onWork()
    },
  }
}

/** What is sent is what was emitted; of an older version, what the newest makes of it. */
function dataOf({ events }: Webhooks, entry: LogEntry): unknown {
  const recorded = recordedEvent(entry)
  const event = events.get(recorded.name)!
  return recorded.version === event.version ? recorded.data : readData(event, recorded)
}
