import type { LogEntry, LoggedTransaction } from '../storage/index.ts'
import type { Cursor } from './consumer.ts'

export interface NextBatch {
  /** With the wanted entries. */
  transactions: LoggedTransaction[]
  /** Where the consumer stands when all of it is done. */
  end: Cursor
}

/**
 * What comes next of a page: transactions with the entries that are wanted, as long as these are few enough. Whoever
 * alone is more than that comes in parts.
 *
 * @param page the transactions behind the cursor's position
 * @param most entries
 */
export function nextBatch(
  page: readonly LoggedTransaction[],
  cursor: Cursor,
  wants: ((entry: LogEntry) => boolean) | undefined,
  most: number,
): NextBatch {
  const transactions: LoggedTransaction[] = []
  let end = cursor
  let count = 0
  for (const transaction of page) {
    const { position } = transaction
    const entries = transaction.entries.filter(
      (entry) =>
        (position !== cursor.position + 1 || entry.sequence > cursor.sequence) && (wants === undefined || wants(entry)),
    )
    if (entries.length > 0) {
      const room = most - count
      if (entries.length > room) {
        if (count > 0) break
        const part = entries.slice(0, room)
        return {
          transactions: [{ ...transaction, entries: part }],
          end: { position: position - 1, sequence: part.at(-1)!.sequence },
        }
      }
      transactions.push({ ...transaction, entries })
      count += entries.length
    }
    end = { position, sequence: 0 }
  }
  return { transactions, end }
}
