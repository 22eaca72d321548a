import type { SqlRow, Statement, Storage } from '../storage.ts'

/** Entries that one step removes: a few milliseconds, so that writers hardly wait behind it. */
const entriesPerStep = 5_000

// Older than the age, or in front of the newest entries that may stay. The newest transaction stays in any case, with
// its entries: positions and sequences go on from them.
const lastToGo: Statement = {
  sql: `
    select min(position) - 1 as position, (select min(position) from monobloc_commit) as oldest from monobloc_commit
    where (at >= ? and first > (select max(last) from monobloc_commit) - ?) or position > ?
      or position = (select max(position) from monobloc_commit)`,
  reach: 'plan',
}
const step: Statement = {
  sql: `
    select position, last from (
      select position, first, last from monobloc_commit where position <= ? order by position limit ${entriesPerStep}
    ) where first < (select min(first) from monobloc_commit where position = (select min(position) from monobloc_commit)) + ${entriesPerStep}
    order by position desc limit 1`,
  reach: 'bounded',
}
const removeEntries: Statement = { sql: 'delete from monobloc_log where sequence <= ?', reach: 'bounded' }
const removeCommits: Statement = { sql: 'delete from monobloc_commit where position <= ?', reach: 'bounded' }

/**
 * Removes the oldest transactions, in steps. What a step removed stays removed when the process ends before the next.
 *
 * @param now milliseconds since the epoch
 */
export async function pruneLog(
  storage: Storage,
  limits: Parameters<Storage['prune']>[0],
  now: number,
): Promise<number> {
  const values = [now - limits.maxAge, limits.maxEntries, limits.keepAfter ?? Number.MAX_SAFE_INTEGER]
  const deadline = 60_000
  const found = await storage.read({ deadline, label: 'prune' }, (session) => session.first(lastToGo, values))
  const { position, oldest } = found as SqlRow
  if (position === null || oldest === null || Number(position) < Number(oldest)) return 0
  let removed = 0
  for (;;) {
    const entries = await storage.write({ deadline, cause: 'prune' }, (session): number | undefined => {
      const end = session.first(step, [position!]) as SqlRow | undefined
      if (!end) return undefined
      session.run(removeCommits, [end.position!])
      return session.run(removeEntries, [end.last!]) as number
    })
    if (entries === undefined) return removed
    removed += entries
  }
}
