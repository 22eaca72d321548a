import { type EventType, readData, recordedEvent } from '../effects/index.ts'
import type { AppRun } from '../runtime/index.ts'
import { eventTable, type LogEntry, type LoggedTransaction, type LogOperation } from '../storage/index.ts'

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

/** One event that was emitted. */
export interface TestEvent<Data = unknown> {
  id: string
  name: string
  version: number
  /** Of an event that is named, as its schema has it; otherwise as it was emitted. */
  data: Data
  actor: string | null
  /** Of its transaction in the log. */
  position: number
}

type AppData = NonNullable<AppRun['data']>

// Many times what one test writes; the log answers in smaller parts where entries are large.
const atOnce = 1000

/** Everything that was committed after a position, in order, but for what Monobloc keeps for itself. */
export async function changesAfter({ storage }: AppData, position: number): Promise<TestChange[]> {
  const log = await transactionsAfter(storage, position)
  return log.flatMap(({ position, actor, entries }) =>
    entries.filter(isOfApp).map((entry) => changeOf(entry, actor, position)),
  )
}

/** Every event that was committed after a position, in order; of one kind, where it is named. */
export async function eventsAfter({ storage }: AppData, position: number, event?: EventType): Promise<TestEvent[]> {
  const log = await transactionsAfter(storage, position)
  return log.flatMap(({ position, actor, entries }) =>
    entries.filter(isEvent(event)).map((entry) => {
      const { id, name, version, data } = recordedEvent(entry)
      return { id, name, version, data: event ? readData(event, recordedEvent(entry)) : data, actor, position }
    }),
  )
}

async function transactionsAfter(storage: AppData['storage'], position: number): Promise<LoggedTransaction[]> {
  const all: LoggedTransaction[] = []
  for (let after = position; ; after = all.at(-1)!.position) {
    const some = await storage.tail(after, atOnce)
    if (some.length === 0) return all
    all.push(...some)
  }
}

const isEvent = (event: EventType | undefined) => (entry: LogEntry) =>
  entry.table === eventTable && (event === undefined || entry.row.name === event.name)

const isOfApp = ({ table }: LogEntry) => !table.startsWith('monobloc_')

function changeOf({ table, operation, key, row, previous }: LogEntry, actor: string | null, position: number) {
  return { table, operation, key, row, previous, actor, position }
}
