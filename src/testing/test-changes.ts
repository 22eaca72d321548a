import type { AppRun } from '../runtime/index.ts'
import type { LogEntry, LogOperation } from '../storage/index.ts'

/** One row that was written, as the commit log tells it. */
export interface TestChange {
  /** The name of the model, or of the table of a link. */
  table: string
  operation: LogOperation
  key: Record<string, unknown>
  /** The row after the change (before it, for a delete), as JSON has it; without secret and oversized fields. */
  row: Record<string, unknown>
  /** Of an update: the previous values of the fields that changed. */
  previous: Record<string, unknown>
  /** The key of the user who did it; null: nobody, or the system. */
  actor: string | null
  /** Those of one transaction have the same. */
  position: number
}

type AppData = NonNullable<AppRun['data']>

// Many times what one test writes; the log answers in smaller parts where entries are large.
const atOnce = 1000

/** Everything that was committed after a position, in order, but for what Monobloc keeps for itself. */
export async function changesAfter({ storage }: AppData, position: number): Promise<TestChange[]> {
  const changes: TestChange[] = []
  for (let after = position; ; ) {
    const transactions = await storage.tail(after, atOnce)
    if (transactions.length === 0) return changes
    for (const { position, actor, entries } of transactions) {
      changes.push(...entries.filter(isOfApp).map((entry) => changeOf(entry, actor, position)))
    }
    after = transactions.at(-1)!.position
  }
}

const isOfApp = ({ table }: LogEntry) => !table.startsWith('monobloc_')

function changeOf({ table, operation, key, row, previous }: LogEntry, actor: string | null, position: number) {
  return { table, operation, key, row, previous, actor, position }
}
