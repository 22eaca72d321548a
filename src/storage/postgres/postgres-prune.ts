import type { SqlRow, Statement, Storage } from '../storage.ts'
import { stamp } from './postgres-stamper.ts'
import type { LogAccess } from './postgres-tail.ts'

/** Entries that one step removes: a few milliseconds, so that hardly anyone waits behind it. */
const entriesPerStep = 5_000

function bounded(sql: string): Statement {
  return { sql, reach: 'bounded' }
}

// The first that stays: young enough and among the newest entries that may stay, or needed. The newest transaction stays
// in any case. It is looked for from the oldest on, so that only what goes is read.
const firstToStay = bounded(`
  select position from monobloc_commit
  where (at >= $1 and total - entries >= (select max(total) from monobloc_stamp) - $2) or position > $3
    or position = (select max(position) from monobloc_stamp)
  order by position limit 1`)

// One transaction at least, however large it is.
const step = bounded(`
  with oldest as materialized (select total - entries as before from monobloc_commit order by position limit 1),
  gone as (
    delete from monobloc_commit where position = any (array(
      select position from (select position, total, entries from monobloc_commit where position < $1 order by position limit ${entriesPerStep}) next, oldest
      where total - entries < before + ${entriesPerStep} and (total <= before + ${entriesPerStep} or total - entries = before)
    )) returning xid, first, last, entries
  ),
  removed as (
    delete from monobloc_log l using gone g where l.xid = g.xid and l.sequence between g.first and g.last
  )
  select count(*) as transactions, coalesce(sum(entries), 0)::bigint as entries from gone`)

const begin = bounded('begin isolation level read committed read write')
// It is removed again when a crash brings it back.
const lazily = bounded('set local synchronous_commit = off')
const commit = bounded('commit')

/** Removes the oldest transactions, in steps. What a step removed stays removed when the process ends before the next. */
export async function pruneLog(
  { ask, now, deadlineAt }: LogAccess,
  { maxAge, maxEntries, keepAfter = Number.MAX_SAFE_INTEGER }: Parameters<Storage['prune']>[0],
): Promise<number> {
  const values = [Math.floor(now - maxAge), Math.min(maxEntries, Number.MAX_SAFE_INTEGER), keepAfter]
  const [, found] = await stamp(ask, now, deadlineAt, [[firstToStay, values]])
  const stays = found![0]?.position
  if (stays === undefined) return 0
  let removed = 0
  for (;;) {
    const answers = await ask([
      [begin, []],
      [lazily, []],
      [step, [stays]],
      [commit, []],
    ])
    const [gone] = answers[2] as [SqlRow]
    if (gone.transactions === 0) return removed
    removed += Number(gone.entries)
  }
}
