import { ScopedDb, type Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'
import { effectTools } from './effect-tools.ts'
import { type RecordedEvent, readData } from './event-data.ts'
import { type EventFacts, type Subscriber, timeoutOf } from './subscriber.ts'

/** One event that is to be handled. */
export interface Delivery {
  event: RecordedEvent
  position: number
  /** Its entry in the log. */
  sequence: number
  /** When it was committed: milliseconds since 1970. */
  at: number
  trace: string | null
}

const longestKey = 200

/** Runs the functions of a subscriber for one event. */
export class SubscriberAttempt {
  readonly subscriber: Subscriber
  readonly #units: Units

  constructor(subscriber: Subscriber, units: Units) {
    this.subscriber = subscriber
    this.#units = units
  }

  /** Whether anything of it runs outside the transaction. */
  get isLoose(): boolean {
    const { prepare, transaction } = this.subscriber.options
    return prepare !== undefined || transaction === false
  }

  cause(position: number): string {
    return `${consumerName(this.subscriber.name)}:${position}`
  }

  /** @throws MonoblocError `event_invalid` for a key that is none */
  keyOf(data: unknown): string | null {
    const { key } = this.subscriber.options
    if (!key) return null
    const made: unknown = key(data as never)
    if (typeof made === 'string' && made.length >= 1 && made.length <= longestKey) return made.toWellFormed()
    throw new MonoblocError('event_invalid', {
      subject: this.subscriber.name,
      detail: `Its key is text of 1 to ${longestKey} characters.`,
    })
  }

  /** What runs before the transaction: `prepare`, or all of a handler without one. */
  async before(delivery: Delivery, log: Logger, signal: AbortSignal): Promise<unknown> {
    const { prepare, transaction, handle } = this.subscriber.options
    if (!prepare && transaction !== false) return undefined
    const { data, event } = this.#read(delivery)
    const write = { cause: this.cause(delivery.position), trace: delivery.trace }
    const options = { readOnly: transaction !== false, deadline: timeoutOf(this.subscriber), write }
    const db = this.#units.loose('system', options)
    const context = { event, data, db: db as never, log, signal }
    if (prepare) return ScopedDb.whole(db, () => prepare(context))
    return ScopedDb.whole(db, () => handle({ ...context, ...effectTools(db), prepared: undefined }))
  }

  /** What runs within it. */
  async inside(delivery: Delivery, db: ScopedDb, log: Logger, signal: AbortSignal, prepared: unknown): Promise<void> {
    const { handle, transaction } = this.subscriber.options
    if (transaction === false) return
    const { data, event } = this.#read(delivery)
    const context = { event, data, db: db as never, ...effectTools(db), log, signal, prepared }
    await ScopedDb.whole(db, () => handle(context))
  }

  #read({ event, position, at }: Delivery): { data: unknown; event: EventFacts } {
    const { id, name, version } = event
    const data = readData(this.subscriber.event, event)
    return { data, event: { id, name, at: new Date(at), position, key: this.keyOf(data), version } }
  }
}

/** Under which the place of a subscriber is kept, and by which its transactions are known in the log. */
export function consumerName(subscriber: string): string {
  return `subscriber:${subscriber}`
}
