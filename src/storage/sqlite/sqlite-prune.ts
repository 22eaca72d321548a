import type { SqlRow, Statement, Storage } from '../storage.ts'
import { readEnds } from './sqlite-tail.ts'

/** Entries that one transaction of pruning removes: a few milliseconds, so that writers hardly wait behind it. */
const batchEntries = 5_000

const oldest: Statement = { sql: 'select * from monobloc_commit order by position limit 1', reach: 'bounded' }
const newestEntry: Statement = { sql: 'select max(last) as last from monobloc_commit', reach: 'bounded' }
// Transactions follow one another without gaps in sequence, and time goes forward but for a clock that was set back:
// the first that may stay ends the search, so that the log keeps an unbroken end.
const firstKept: Statement = {
  sql: 'select min(position) as position from monobloc_commit where at >= ? and last > ? or position > ?',
  reach: 'bounded',
}
const rangeEnd: Statement = {
  sql: 'select max(last) as last, max(position) as position from monobloc_commit where position < ? and first < ?',
  reach: 'bounded',
}
const removeEntries: Statement = { sql: 'delete from monobloc_log where sequence <= ?', reach: 'bounded' }
const removeCommits: Statement = { sql: 'delete from monobloc_commit where position <= ?', reach: 'bounded' }

/**
 * Removes the oldest transactions in steps. The newest transaction always stays, with its entries: positions and
 * sequences go on from them.
 *
 * @param now milliseconds since the epoch
 */
export async function pruneLog(
  storage: Storage,
  limits: Parameters<Storage['prune']>[0],
  now: number,
): Promise<number> {
  let removed = 0
  for (;;) {
    const entries = await storage.write({ deadline: 60_000, cause: 'prune' }, (session): number | undefined => {
      const first = session.first(oldest, []) as SqlRow | undefined
      if (!first) return undefined
      const { newest } = readEnds(session)
      const last = Number((session.first(newestEntry, []) as SqlRow).last)
      const keepFrom = Math.min(newest, (limits.keepAfter ?? newest) + 1)
      const kept = session.first(firstKept, [now - limits.maxAge, last - limits.maxEntries, keepFrom - 1]) as SqlRow
      const end = session.first(rangeEnd, [kept.position!, Number(first.first) + batchEntries]) as SqlRow
      if (end.position === null) return undefined
      session.run(removeCommits, [end.position!])
      return session.run(removeEntries, [end.last!]) as number
    })
    if (entries === undefined) return removed
    removed += entries
  }
}
