import type { Consumer } from './consumer.ts'
import { effectTools } from './effect-tools.ts'
import { type EventListener, listenWithin } from './event-emit.ts'
import type { Subscriber } from './subscriber.ts'
import { SubscriberAttempt } from './subscriber-attempt.ts'
import { type LanesOptions, SubscriberLanes } from './subscriber-lanes.ts'

/** What follows the log for subscribers: all but those within the transaction. */
export function consumersOf(subscribers: readonly Subscriber[], options: LanesOptions): Consumer[] {
  return subscribers
    .filter(({ options: { within } }) => !within)
    .map((subscriber) => new SubscriberLanes(subscriber, options).consumer)
}

/** Lets subscribers with `within` run in the transactions of units of work with these queries. */
export function listenToEvents(
  queries: object,
  subscribers: readonly Subscriber[],
  options: Pick<LanesOptions, 'units' | 'log'>,
): void {
  const byEvent = Map.groupBy(
    subscribers.filter(({ options: { within } }) => within),
    ({ event }) => event.name,
  )
  listenWithin(queries, new Map([...byEvent].map(([name, all]) => [name, all.map((one) => listenerOf(one, options))])))
}

// It ends with the transaction around it.
const { signal } = new AbortController()

function listenerOf(subscriber: Subscriber, { units, log }: Pick<LanesOptions, 'units' | 'log'>): EventListener {
  const attempt = new SubscriberAttempt(subscriber, units)
  const own = log.child({ subscriber: subscriber.name })
  return async ({ id, name, version, at, data }, db) => {
    const event = { id, name, at, position: null, key: attempt.keyOf(data), version }
    await subscriber.options.handle({
      event,
      data: data as never,
      db: db as never,
      ...effectTools(db),
      log: own,
      signal,
      prepared: undefined,
    })
  }
}
