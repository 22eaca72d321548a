import { MonoblocError } from '../../errors.ts'
import { LogReader, transactionOf } from '../sql/log-reader.ts'
import type { LoggedTransaction, Session, SqlRow, Statement } from '../storage.ts'
import { loggedValue } from './sqlite-log.ts'

/**
 * One answer of `tail` holds about so many entries at most: beyond, it ends after the transaction it is in. Ten thousand
 * rows of a kilobyte are ten megabytes.
 */
const mostEntries = 10_000

function bounded(sql: string): Statement {
  return { sql, reach: 'bounded' }
}

const statements = {
  ends: bounded(`
    select (select max(sequence) from monobloc_log) as sequence, position, last,
      (select min(position) from monobloc_commit) as oldest
    from (select 1) left join (select position, last from monobloc_commit order by position desc limit 1)`),
  commits: bounded('select * from monobloc_commit where position > ? order by position limit ? + 0'),
  entries: bounded('select * from monobloc_log where sequence between ? and ? order by sequence'),
  shape: bounded('select * from monobloc_shape where id = ?'),
}

export interface LogEnds {
  /** The newest transaction; 0 without one. */
  newest: number
  /** The oldest that is still there; 0 without one. */
  oldest: number
  /** Another program has written entries that no transaction has taken up yet. */
  isBehind: boolean
}

export function readEnds(session: Session): LogEnds {
  const row = session.first(statements.ends, []) as SqlRow
  return {
    newest: Number(row.position ?? 0),
    oldest: Number(row.oldest ?? 0),
    isBehind: Number(row.sequence ?? 0) > Number(row.last ?? 0),
  }
}

/** Reads the log in the engine's own process. Shapes are never changed, so they are read once. */
export class LogTail {
  readonly #readers = new Map<number, LogReader>()

  read(session: Session, after: number, limit: number): LoggedTransaction[] {
    const { oldest, newest } = readEnds(session)
    if (after < oldest - 1) {
      throw new MonoblocError('position_pruned', {
        detail: `The log begins at ${oldest}; asked was for all after ${after}.`,
      })
    }
    if (after >= newest) return []
    const transactions: LoggedTransaction[] = []
    let entries = 0
    for (const row of session.all(statements.commits, [after, limit]) as SqlRow[]) {
      if (entries >= mostEntries) break
      const found = session.all(statements.entries, [row.first!, row.last!]) as SqlRow[]
      entries += found.length
      transactions.push(
        transactionOf(
          row,
          found.map((entry) => this.#reader(session, entry.shape as number).entry(entry)),
        ),
      )
    }
    return transactions
  }

  #reader(session: Session, shape: number): LogReader {
    let reader = this.#readers.get(shape)
    if (!reader) {
      reader = new LogReader(session.first(statements.shape, [shape]) as SqlRow, loggedValue)
      this.#readers.set(shape, reader)
    }
    return reader
  }
}
