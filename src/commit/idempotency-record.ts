import { model, t } from '../schema/index.ts'

/**
 * What is known of a request that was sent with an Idempotency-Key.
 *
 * `started` is written only for handlers outside a transaction: after a crash it says that something may have happened.
 * `done` holds the answer, written in the transaction of the effects.
 */
export const IdempotencyRecord = model(
  'monobloc_idempotency',
  {
    /** Identity and route: the same key of another user or on another route is another key. */
    scope: t.text(),
    key: t.text(),
    fingerprint: t.text(),
    state: t.enum('started', 'done'),
    /** The process that began it; another one's `started` record is of a process that may have died. */
    owner: t.text(),
    status: t.integer().nullable(),
    headers: t.json().nullable(),
    body: t.bytes().nullable(),
    expiresAt: t.timestamp(),
  },
  { key: ['scope', 'key'], indexes: [['expiresAt']] },
)
