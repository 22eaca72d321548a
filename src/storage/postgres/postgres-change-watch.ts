// Not the global one, which tests of applications replace: a look would never begin.
import { setImmediate } from 'node:timers'
import { LogReader, ReadLater } from '../sql/log-reader.ts'
import type { ChangeListener, ChangeWatch, LoggedChange, SqlRow, Statement } from '../storage.ts'
import type { AskTogether } from './postgres-ask.ts'
import { unitOperation } from './postgres-commit-rows.ts'
import { loggedValue } from './postgres-log.ts'
import { thisServer } from './postgres-own-tables.ts'
import { newestStamp } from './postgres-stamper.ts'

/**
 * Entries that are told one by one at most. Beyond, looking at each would hold the process up for longer than it takes to
 * compute anew what depends on them.
 */
const mostEntries = 1_000

function bounded(sql: string): Statement {
  return { sql, reach: 'bounded' }
}

const begin = bounded('begin isolation level read committed read only')
// As the stamper says: the index is the only way in that does not read everything.
const planning = bounded(`
  select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`)
const commit = bounded('commit')

/**
 * Where numbers of transactions mean the same: one server, and one line of its history. A promoted replica may give numbers
 * again that the lost part of the old line had given, and begins a line of its own.
 */
const place = `${thisServer} || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`

// Whoever sees a position sees its transaction.
const startStatement = bounded(
  `select pg_current_snapshot()::text as now, ${place} as place, position from ${newestStamp}`,
)

// Spans of numbers that `seen` does not see and `now` does, each an index search: what the stamper does for positions, but
// it looks at no position, so that entries count as soon as they can be seen. Only what was pruned since is told by its
// position: what `seen` does not see got one later than those it saw, or none yet, and is pruned in that order.
const changesStatement = bounded(`
  with state as materialized (
    select $1::pg_snapshot as seen, pg_current_snapshot() as now, position,
      position > $2::bigint and not exists (select from monobloc_commit where position = $2::bigint + 1) as gap
    from ${newestStamp}
  ),
  running as (
    select x::text::bigint as x from state, pg_snapshot_xip(now) x where x >= pg_snapshot_xmax(seen)
    union all
    select pg_snapshot_xmax(now)::text::bigint from state
  ),
  span as (
    select x as low, x as high from state, pg_snapshot_xip(seen) x where pg_visible_in_snapshot(x, now)
    union all
    select low::text::xid8, high::text::xid8 from (
      select lag(x + 1, 1, pg_snapshot_xmax(seen)::text::bigint) over (order by x) as low, x - 1 as high from running, state
    ) between_them
    where low <= high
  )
  select state.now::text as now, ${place} as place, state.position, state.gap,
    l.sequence, l.shape, l.operation, l.row, l.previous, l.omitted
  from state left join (
    select l.* from span join monobloc_log l on l.xid >= span.low and l.xid <= span.high
    where l.operation <> ${unitOperation} limit ${mostEntries + 1}
  ) l on true`)

const shapes = bounded('select id, table_name, columns from monobloc_shape')

export interface PostgresWatchOptions {
  /** Runs `work`, which may be done again, on a connection of its own. */
  withLog<T>(work: (log: { ask: AskTogether }) => Promise<T>): Promise<T>
}

/**
 * Tells of changes by looking at the server: what a snapshot of now sees and the one of the last look did not. Entries count
 * as soon as they are visible, which is before their writer hears of the commit; whether they have a position is no matter.
 *
 * - resting: no look is under way.
 * - looking: one is. Who comes now waits for the next, which begins when this one has ended: only that one is sure to see
 *   what had committed when they came.
 *
 * A look that fails leaves the snapshot of before, so that the next tells what this one could not.
 */
export class PostgresChangeWatch implements ChangeWatch {
  readonly #options: PostgresWatchOptions
  readonly #listener: ChangeListener
  readonly #readers = new Map<number, LogReader>()
  #seen: string | undefined
  /** The newest that the last look saw. */
  #position = 0
  #place: unknown
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(listener: ChangeListener, options: PostgresWatchOptions) {
    this.#listener = listener
    this.#options = options
  }

  get isAwake(): boolean {
    return this.#seen !== undefined
  }

  catchUp(): Promise<void> {
    if (this.#next) return this.#next
    // What else arrives in this round of the event loop shares it.
    const begun = new Promise<void>((resolve) => setImmediate(resolve))
    const before = this.#running
    this.#next = begun
      .then(() => before)
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        this.#running = this.#look()
        return this.#running
      })
    return this.#next
  }

  /** Nothing of it runs by itself. */
  close(): void {}

  #look(): Promise<void> {
    return this.#options.withLog(async ({ ask }) => {
      if (this.#seen === undefined) {
        const [[row]] = (await ask([[startStatement, []]])) as [[SqlRow]]
        this.#begin(row)
        return
      }
      const answers = await ask([
        [begin, []],
        [planning, []],
        [changesStatement, [this.#seen, this.#position]],
        [commit, []],
      ])
      const rows = answers[2]!
      const [first] = rows as [SqlRow]
      if (first.place !== this.#place || first.gap === 't' || rows.length > mostEntries) {
        this.#begin(first)
        return
      }
      const entries = rows.filter(({ sequence }) => sequence !== null)
      await this.#learnShapes(ask, entries)
      this.#seen = first.now as string
      this.#position = Number(first.position)
      if (entries.length > 0) {
        this.#listener.changed(
          entries.map((row): LoggedChange => new ReadLater(this.#readers.get(Number(row.shape))!, row)),
        )
      }
    })
  }

  #begin({ now, place, position }: SqlRow): void {
    this.#seen = now as string
    this.#position = Number(position)
    this.#place = place
    this.#listener.changed('all')
  }

  async #learnShapes(ask: AskTogether, rows: readonly SqlRow[]): Promise<void> {
    if (rows.every((row) => this.#readers.has(Number(row.shape)))) return
    const [known] = (await ask([[shapes, []]])) as [SqlRow[]]
    for (const shape of known) this.#readers.set(Number(shape.id), new LogReader(shape, loggedValue))
  }
}
