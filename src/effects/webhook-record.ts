import { model, t } from '../schema/index.ts'

// Times are milliseconds since 1970. What deliveries change often is in rows of its own (`monobloc_webhook_lane`), so that
// on PostgreSQL they are not in the way of what hands out events.

/** Where events are sent to. */
export const WebhookEndpointRecord = model(
  'monobloc_webhook_endpoint',
  {
    id: t.text(),
    url: t.text(),
    /** Whose it is, as the app says: it is sent what happened to them. Null: everything. */
    owner: t.text().nullable(),
    /** Names of events, each between two `|`. Null: all. */
    events: t.text().nullable(),
    description: t.text().nullable(),
    state: t.enum('active', 'disabled'),
    /** Why it is disabled. */
    reason: t.enum('failing', 'gone', 'asked').nullable(),
    /** Since when it is in its state. */
    since: t.integer(),
    secret: t.text(),
    /** The secret before this one, which signs too until `retires`. */
    retiring: t.text().nullable(),
    retires: t.integer(),
    /** The number of its newest delivery. */
    last: t.integer(),
    created: t.integer(),
  },
  { key: ['id'], indexes: [['owner']] },
)

/** How far the deliveries of an endpoint have come, and who makes them. */
export const WebhookLaneRecord = model(
  'monobloc_webhook_lane',
  {
    endpoint: t.text(),
    /** Everything up to this delivery is delivered or skipped. */
    done: t.integer(),
    /** The process that delivers; null: none. */
    owner: t.text().nullable(),
    /** Until when it is the owner's. */
    lease: t.integer(),
    /** Grows whenever a process takes it: who has an older one writes nothing. */
    fence: t.integer(),
    /** When the next attempt is due. */
    retry: t.integer(),
    /** Since when every attempt has failed; 0: the last one succeeded. */
    failing: t.integer(),
    /** When it last had its turn. */
    served: t.integer(),
  },
  { key: ['endpoint'] },
)

/** What is sent, once for all endpoints. */
export const WebhookMessageRecord = model(
  'monobloc_webhook_message',
  {
    /** The event's own. */
    id: t.text(),
    event: t.text(),
    owner: t.text().nullable(),
    /** As JSON. */
    data: t.text(),
    position: t.integer(),
    sequence: t.integer(),
    at: t.integer(),
    trace: t.text().nullable(),
  },
  { key: ['id'], indexes: [['position', 'sequence'], ['at']] },
)

/** One message for one endpoint. */
export const WebhookDeliveryRecord = model(
  'monobloc_webhook_delivery',
  {
    endpoint: t.text(),
    /** 1, 2, 3, … of its endpoint, in the order in which they are sent. */
    sequence: t.integer(),
    message: t.text(),
    state: t.enum('waiting', 'delivered', 'skipped'),
    attempts: t.integer(),
    created: t.integer(),
    /** When it was last attempted, and what came of that. */
    tried: t.integer().nullable(),
    status: t.integer().nullable(),
    duration: t.integer().nullable(),
    error: t.text().nullable(),
    response: t.text().nullable(),
  },
  { key: ['endpoint', 'sequence'], indexes: [['message'], ['created']] },
)

/** A message of another server that was taken in. */
export const WebhookReceivedRecord = model(
  'monobloc_webhook_received',
  {
    source: t.text(),
    id: t.text(),
    expires: t.integer(),
  },
  { key: ['source', 'id'], indexes: [['expires']] },
)
