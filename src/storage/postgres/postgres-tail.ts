import { MonoblocError } from '../../errors.ts'
import { LogReader, transactionOf } from '../sql/log-reader.ts'
import type { LogEntry, LoggedTransaction, SqlRow, Statement } from '../storage.ts'
import type { AskTogether } from './postgres-ask.ts'
import { unitOperation } from './postgres-commit-rows.ts'
import { loggedValue } from './postgres-log.ts'
import { lookAtEnd, stamp } from './postgres-stamper.ts'

/**
 * One answer of `tail` holds about so many entries at most: beyond, it ends after the transaction it is in. Ten thousand
 * rows of a kilobyte are ten megabytes.
 */
const mostEntries = 10_000

/** What reading the log needs of the engine. */
export interface LogAccess {
  ask: AskTogether
  /** Milliseconds since the epoch. */
  now: number
  /** On the monotonic clock. */
  deadlineAt: number
}

// Both parts go by an index, and everything comes from one snapshot.
const page: Statement = {
  sql: `
    select c.position, c.at, c.actor, c.cause, c.trace, c.outside, c.entries, l.*
    from (
      select *, sum(entries) over (order by position) - entries as before from (
        select * from monobloc_commit where position > $1 order by position limit $2
      ) next
    ) c, lateral (
      select sequence, shape, operation, row, previous, omitted from monobloc_log
      where xid = c.xid and sequence between c.first and c.last and operation <> ${unitOperation}
      order by sequence
    ) l
    where c.before < ${mostEntries}
    order by c.position, l.sequence`,
  reach: 'bounded',
}
const shapes: Statement = { sql: 'select id, table_name, columns from monobloc_shape', reach: 'bounded' }

/** Reads the log. Shapes are never changed, so they are read once. */
export class LogTail {
  readonly #readers = new Map<number, LogReader>()

  /** As `Storage.tail` says. */
  async read({ ask, now, deadlineAt }: LogAccess, after: number, limit: number): Promise<LoggedTransaction[]> {
    const asked = [page, [after, limit]] as const
    let [end, rows] = await lookAtEnd(ask, [asked])
    if (!end.isStamped && !isFull(rows!, limit)) {
      const stamped = await stamp(ask, now, deadlineAt, [asked])
      rows = stamped[1]
    }
    await this.#learnShapes(ask, rows!)
    const transactions = this.#transactions(rows!)
    const [first] = transactions
    if (first && first.position !== after + 1) {
      throw new MonoblocError('position_pruned', {
        detail: `The log begins at ${first.position}; asked was for all after ${after}.`,
      })
    }
    return transactions
  }

  async position({ ask, now, deadlineAt }: LogAccess): Promise<number> {
    const [end] = await lookAtEnd(ask)
    if (end.isStamped) return end.position
    const [position] = await stamp(ask, now, deadlineAt)
    return position
  }

  #transactions(rows: readonly SqlRow[]): LoggedTransaction[] {
    const transactions: LoggedTransaction[] = []
    let entries: LogEntry[] = []
    for (const row of rows) {
      if (transactions.at(-1)?.position !== row.position) {
        entries = []
        transactions.push(transactionOf(row, entries))
      }
      entries.push(this.#readers.get(row.shape as number)!.entry(row))
    }
    return transactions
  }

  async #learnShapes(ask: AskTogether, rows: readonly SqlRow[]): Promise<void> {
    if (rows.every((row) => this.#readers.has(row.shape as number))) return
    const [known] = (await ask([[shapes, []]])) as [SqlRow[]]
    for (const shape of known) this.#readers.set(shape.id as number, new LogReader(shape, loggedValue))
  }
}

/** Nothing that has no position yet could be on the same page. */
function isFull(rows: readonly SqlRow[], limit: number): boolean {
  return rows.length >= mostEntries || new Set(rows.map((row) => row.position)).size >= limit
}
