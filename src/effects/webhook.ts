import { checkOptions, MonoblocError } from '../errors.ts'
import type { Effect } from './effect.ts'
import { type Egress, type EgressOptions, egress } from './egress.ts'
import { type EventType, isEvent } from './event.ts'
import type { RetryOptions } from './retry-delay.ts'
import { createWebhookControl, inDb, type WebhookControl } from './webhook-control.ts'

/** What happened, as `owner` is asked about it. */
export interface WebhookEvent {
  id: string
  name: string
  data: any
}

export interface WebhookOptions {
  /** What is sent: endpoints may ask for less. */
  events: readonly EventType<any>[]
  /**
   * Whose an event is: it is sent to the endpoints of that owner, and to those without one. Without it all endpoints are
   * sent everything.
   */
  owner?(event: WebhookEvent): string | null
  /** Milliseconds that deliveries and what was sent are kept, for the log and for replays. Default: 30 days. */
  keep?: number
  /** Milliseconds for which every attempt must have failed until an endpoint is disabled. Default: 5 days. */
  disableAfter?: number
  /** Default: 5 seconds, then twice as long each time, up to an hour. */
  retry?: RetryOptions
  /** Milliseconds that an endpoint may take to answer. Default 15,000. */
  timeout?: number
  /** Endpoints that one process sends to at the same time. Default 64. */
  concurrency?: number
  /** What may be called besides https on the public internet: `{ allow: ['10.2.0.0/16'] }`. */
  egress?: Omit<EgressOptions, 'redirects' | 'timeout' | 'maxRequest' | 'maxResponse'>
}

/** Sends events to addresses that others gave, as an app declares it. */
export interface Webhooks extends Effect {
  readonly kind: 'webhooks'
  readonly options: WebhookOptions
  /** The names of what is sent. */
  readonly events: ReadonlyMap<string, EventType>
  /** A client by the rules of these webhooks. */
  client(): Egress
  /** @throws MonoblocError `address_refused` */
  checkUrl(url: string): void
  /**
   * Manages endpoints in the transaction of a `db`, so that an app can let its users do it: whoever asks has been looked at
   * by the handler, and no policy is asked again.
   */
  in(db: unknown): WebhookControl
}

const day = 24 * 60 * 60 * 1000

export const webhookDefaults = {
  keep: 30 * day,
  disableAfter: 5 * day,
  retry: { delay: 5000, longest: 60 * 60 * 1000 },
  timeout: 15_000,
  concurrency: 64,
} as const

const longestRetry = day

const known = {
  events: true,
  owner: true,
  keep: true,
  disableAfter: true,
  retry: true,
  timeout: true,
  concurrency: true,
  egress: true,
} satisfies Record<keyof WebhookOptions, true>

// An event's data has 64 KiB at most; what is around it is short.
const maxRequest = 256 * 1024

/** @throws MonoblocError `definition_invalid` */
export function createWebhooks(definition: object, options: WebhookOptions): Webhooks {
  checkOptions('webhooks()', options, known)
  if (!Array.isArray(options.events) || options.events.length === 0 || !options.events.every(isEvent))
    throw invalid('events is a list of what event() has made')
  const events = new Map(options.events.map((event: EventType) => [event.name, event]))
  if (events.size < options.events.length) throw invalid('an event stands in events twice')
  const { keep, disableAfter, timeout, concurrency } = { ...webhookDefaults, ...options }
  for (const [name, value] of Object.entries({ keep, disableAfter, timeout, concurrency }))
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(`${name} is a whole number from 1 on`)
  const { retry } = options
  if (retry !== undefined) {
    checkOptions('webhooks() retry', retry, { delay: true, longest: true })
    for (const [name, value] of Object.entries(retry))
      if (!Number.isSafeInteger(value) || value < 1 || value > longestRetry)
        throw invalid(`retry.${name} is a whole number of milliseconds, at most a day`)
  }
  if (keep < disableAfter) throw invalid('keep is at least as long as disableAfter, or what waits would be forgotten')
  const client = () => egress({ ...options.egress, timeout, maxRequest })
  const { check: checkUrl } = client()
  const webhooks: Webhooks = {
    kind: 'webhooks',
    name: 'webhooks',
    definition,
    options,
    events,
    client,
    checkUrl,
    in: (db) => createWebhookControl(webhooks, inDb(db)),
  }
  return webhooks
}

function invalid(why: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `webhooks(): ${why}.` })
}
