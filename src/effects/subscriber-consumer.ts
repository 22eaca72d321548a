import { ScopedDb, type Units } from '../commit/index.ts'
import { eventTable, type LogEntry, type LoggedTransaction } from '../storage/index.ts'
import type { Consumer, ConsumerWork, Cursor } from './consumer.ts'
import { defaultMost } from './consumer-run.ts'
import { recordedEvent } from './event-data.ts'
import { type Subscriber, timeoutOf } from './subscriber.ts'
import { consumerName, type Delivery, SubscriberAttempt } from './subscriber-attempt.ts'

/**
 * Milliseconds after which a batch ends with the event it is at. On SQLite nothing else of the process runs meanwhile: it is
 * what a request may have to wait.
 */
const longestBatch = 20

/** A subscriber that handles one event after another, in the order of the log. */
export function orderedConsumer(subscriber: Subscriber, units: Units): Consumer {
  const attempt = new SubscriberAttempt(subscriber, units)
  const { retry } = subscriber.options
  return {
    ...followed(subscriber),
    retry,
    // Of what is prepared, each must see what the one before has done.
    most: attempt.isLoose ? 1 : defaultMost,
    deadline: timeoutOf(subscriber),
    ...(attempt.isLoose && {
      prepare: ({ transactions, log, signal }) => attempt.before(deliveriesOf(transactions)[0]!, log, signal),
    }),
    handle: (work) => handleInOrder(attempt, work),
  }
}

/** What every consumer of a subscriber has. */
export function followed({ name, event, options }: Subscriber): Pick<Consumer, 'name' | 'from' | 'wants'> {
  return {
    name: consumerName(name),
    from: options.from,
    wants: (entry: LogEntry) => entry.table === eventTable && entry.row.name === event.name,
  }
}

export function deliveriesOf(transactions: readonly LoggedTransaction[]): Delivery[] {
  return transactions.flatMap(({ position, at, trace, entries }) =>
    entries.map((entry) => ({
      event: recordedEvent(entry),
      position,
      sequence: entry.sequence,
      at: at.getTime(),
      trace,
    })),
  )
}

async function handleInOrder(attempt: SubscriberAttempt, work: ConsumerWork): Promise<Cursor | undefined> {
  const { transactions, db, log, signal, prepared } = work
  const deliveries = deliveriesOf(transactions)
  const begun = performance.now()
  const noted = await ScopedDb.effect(db, (_, noted) => noted)
  const { cause, trace } = noted
  try {
    for (const [at, delivery] of deliveries.entries()) {
      // What a handler enqueues names its own event, also where the transaction is that of several.
      noted.cause = attempt.cause(delivery.position)
      noted.trace = delivery.trace
      await attempt.inside(delivery, db, log, signal, prepared)
      const isLast = at === deliveries.length - 1
      if (!isLast && performance.now() - begun > longestBatch)
        return { position: delivery.position - 1, sequence: delivery.sequence }
    }
    return undefined
  } finally {
    noted.cause = cause
    noted.trace = trace
  }
}
