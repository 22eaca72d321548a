import { ScopedDb } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { uuidv7 } from '../schema/index.ts'
import { type EventType, isEvent } from './event.ts'
import { keptData } from './event-data.ts'

/** What happened, as a listener within the transaction is told. */
export interface EmittedEvent {
  id: string
  name: string
  version: number
  at: Date
  /** As the schema has it. */
  data: unknown
}

/** Does something in the transaction that emits. @param db acts as the system */
export type EventListener = (event: EmittedEvent, db: ScopedDb) => Promise<unknown>

/** By the queries of their app, since those are what a unit of work carries; then by event. */
const listeners = new WeakMap<object, ReadonlyMap<string, readonly EventListener[]>>()

/** Says what runs within the transactions of units of work with these queries. */
export function listenWithin(queries: object, byEvent: ReadonlyMap<string, readonly EventListener[]>): void {
  if (byEvent.size > 0) listeners.set(queries, byEvent)
  else listeners.delete(queries)
}

/**
 * Says in the transaction of a `db` that something has happened.
 *
 * @throws MonoblocError `event_invalid`, `event_too_large`, and what a listener throws
 */
export function emitEvent(db: unknown, event: EventType, data: unknown): Promise<void> {
  return ScopedDb.effect(db, async (rows) => {
    if (!isEvent(event)) throw new MonoblocError('definition_invalid', { detail: 'emit takes what event() has made.' })
    const { session, queries } = rows
    const { kept, read } = keptData(event, data)
    const now = queries.now()
    const { name, version } = event
    const id = uuidv7(now)
    const appended = session.event!({ id, name, version, data: kept })
    const within = listeners.get(queries)?.get(name)
    await appended
    if (!within) return
    const told = { id, name, version, at: new Date(now), data: read }
    for (const listener of within) await ScopedDb.whole(rows.inside(), (inside) => listener(told, inside))
  })
}
