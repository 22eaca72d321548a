import type { Logger } from '../observe/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Consumer } from './consumer.ts'
import type { Webhooks } from './webhook.ts'
import { createWebhookControl, inStorage, type WebhookControl } from './webhook-control.ts'
import { createFanOut } from './webhook-fan-out.ts'
import { WebhookRunner } from './webhook-runner.ts'
import { WebhookStore } from './webhook-store.ts'

export interface WebhookPartsOptions {
  storage: Storage
  now: () => number
  random?: () => number
  log: Logger
  /** Of this process. */
  owner: string
  /** Milliseconds of a lease. */
  lease?: number | undefined
  /** Milliseconds between two looks at what waits. */
  every?: number
}

/** What webhooks are at run time. */
export interface WebhookParts {
  /** Hands events out, for the host of consumers. */
  consumer: Consumer
  /** Sends what was handed out. */
  runner: WebhookRunner
  control: WebhookControl
}

export function createWebhookParts(webhooks: Webhooks, options: WebhookPartsOptions): WebhookParts {
  const { storage, now } = options
  const store = new WebhookStore(storage.dialect)
  const runner = new WebhookRunner({ ...options, webhooks, store })
  return {
    consumer: createFanOut({ webhooks, store, now, onWork: () => runner.expect() }),
    runner,
    control: webhookControl(webhooks, storage, now),
  }
}

/** The control alone: for commands, which run beside the app. */
export function webhookControl(webhooks: Webhooks, storage: Storage, now: () => number): WebhookControl {
  return createWebhookControl(webhooks, inStorage(storage, now))
}
