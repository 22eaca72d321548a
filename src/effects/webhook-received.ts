import { ScopedDb } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Storage } from '../storage/index.ts'
import { ownStatements } from './own-statements.ts'

const day = 24 * 60 * 60 * 1000
// Senders retry for some days at most.
const defaultKeep = 30 * day
const longestName = 256
const pruneStep = 1000
const longestKeep = 10 * 366 * day

export interface Received {
  /** Who sent it, in a word of yours: the ids of one sender say nothing of another's. */
  from: string
  /** The message's, from `verifyWebhook`. */
  id: string
  /** Milliseconds that it is remembered, at most 10 years. Default: 30 days. */
  keep?: number
}

const statements = ownStatements({
  take: `insert into monobloc_webhook_received (source, id, expires) values ($1, $2, $3)
    on conflict (source, id) do update set expires = excluded.expires
    where monobloc_webhook_received.expires <= $4`,
  prune: `delete from monobloc_webhook_received where (source, id) in
    (select source, id from monobloc_webhook_received where expires <= $1 order by expires limit ${pruneStep})`,
})

/**
 * Whether a message is taken in for the first time. It is remembered in the transaction of what it leads to: with a crash
 * neither is there, and once both are, the message does nothing when it comes again.
 *
 * @param db of the handler, in a write transaction
 * @throws MonoblocError `transaction_read_only`, `definition_invalid`
 */
export function receiveOnce(db: unknown, { from, id, keep = defaultKeep }: Received): Promise<boolean> {
  return ScopedDb.effect(db, async ({ session, queries }) => {
    for (const text of [from, id]) {
      if (typeof text === 'string' && text !== '' && text.length <= longestName && !text.includes('\0')) continue
      throw new MonoblocError('definition_invalid', {
        detail: `receiveOnce(): from and id have 1 to ${longestName} characters.`,
      })
    }
    if (!Number.isInteger(keep) || keep < 1 || keep > longestKeep)
      throw new MonoblocError('definition_invalid', {
        detail: 'receiveOnce(): keep is in milliseconds, at most 10 years.',
      })
    const now = queries.now()
    const { take } = statements(queries.dialect)
    return (await session.run(take, [from, id, now + keep, now])) === 1
  })
}

/** Forgets what has expired. @returns how many */
export async function pruneReceived(storage: Storage, now: number): Promise<number> {
  const { prune } = statements(storage.dialect)
  for (let count = 0; ; ) {
    const gone = await storage.write({ deadline: 10_000, isolation: 'committed' }, (session) =>
      session.run(prune, [now]),
    )
    count += gone
    if (gone < pruneStep) return count
  }
}
