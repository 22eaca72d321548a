// What a subscriber with `key` or `parallel` has been given, and has not handled yet.
//
// States of an event: in the log → pending (a row of `monobloc_delivery`, written in the transaction in which the consumer's
// position moves) → handled (the row is removed in the transaction of what the handler writes). One that fails stays
// pending, with its attempts; those of its key behind it wait, and others go on.
//
// States of the lanes in this process:
// - closed: another process runs the subscriber.
// - loading: the lease was just taken; what is pending is read.
// - open: up to `parallel` keys are worked on side by side, each one event at a time.
//
// One that handles its events in order has none, but for those of before it did: they come first, and then the log.
//
// A crash leaves rows, which the next process reads. One that slept removes no row once another has the fence, and what two
// took up at once only one of them can remove: the other's transaction is undone.
import type { Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Consumer, ConsumerAside, ConsumerWork } from './consumer.ts'
import { boundedBy, errorText, isPassing, ownDeadline } from './consumer-run.ts'
import { DeliveryStore, type PendingDelivery } from './delivery-store.ts'
import { readData } from './event-data.ts'
import { isResting, retryDelay } from './retry-delay.ts'
import { parallelOf, type Subscriber, timeoutOf } from './subscriber.ts'
import { SubscriberAttempt } from './subscriber-attempt.ts'
import { deliveriesOf, followed, orderedConsumer } from './subscriber-consumer.ts'

export interface LanesOptions {
  storage: Storage
  units: Units
  now: () => number
  random?: () => number
  log: Logger
}

/** Pending events of one subscriber: beyond, it takes no more out of the log until some are handled. Some megabytes. */
export const mostPending = 5_000

interface Lane {
  /** In order; the first is worked on. */
  deliveries: PendingDelivery[]
  isRunning: boolean
}

interface Lead {
  fence: number
  signal: AbortSignal
}

export class SubscriberLanes implements ConsumerAside {
  readonly consumer: Consumer
  readonly #options: LanesOptions
  readonly #attempt: SubscriberAttempt
  readonly #store: DeliveryStore
  readonly #parallel: number
  readonly #isOrdered: boolean
  readonly #log: Logger
  #lead: Lead | undefined
  #isLoaded = false
  #loading: Promise<void> | undefined
  #lanes = new Map<string, Lane>()
  #known = new Set<number>()
  readonly #running = new Set<Promise<void>>()
  #wakeConsumer: () => void = () => {}

  constructor(subscriber: Subscriber, options: LanesOptions) {
    this.#options = options
    this.#attempt = new SubscriberAttempt(subscriber, options.units)
    this.#store = new DeliveryStore(options.storage.dialect)
    const parallel = parallelOf(subscriber)
    this.#parallel = parallel ?? 1
    this.#isOrdered = parallel === undefined
    this.consumer = this.#isOrdered
      ? { ...orderedConsumer(subscriber, options.units), aside: this }
      : { ...followed(subscriber), handle: (work) => this.#fanOut(work), aside: this }
    this.#log = options.log.child({ consumer: this.consumer.name })
  }

  lead(fence: number, signal: AbortSignal, wake: () => void): void {
    this.#lead = { fence, signal }
    this.#wakeConsumer = wake
    this.#isLoaded = false
    this.#lanes = new Map()
    this.#known = new Set()
    this.poke()
  }

  get isReady(): boolean {
    return this.#isLoaded && (this.#isOrdered ? this.#known.size === 0 : this.#known.size < mostPending)
  }

  poke(): void {
    const lead = this.#lead
    if (!lead || lead.signal.aborted) return
    if (this.#isLoaded) this.#fill(lead)
    else this.#loading ??= this.#load(lead).finally(() => (this.#loading = undefined))
  }

  isIdle(): boolean {
    if (!this.#lead || this.#lead.signal.aborted) return this.#running.size === 0
    if (!this.#isLoaded || this.#running.size > 0) return false
    const now = this.#options.now()
    return [...this.#lanes.values()].every(({ deliveries: [first] }) => !first || this.#isResting(first, now))
  }

  async settled(): Promise<void> {
    await this.#loading
    await Promise.all(this.#running)
  }

  async #load(lead: Lead): Promise<void> {
    try {
      const { storage } = this.#options
      // What another process has been given while it was told that it may go on is above the bound by one batch at most.
      const read = storage.read({ deadline: ownDeadline }, (session) =>
        this.#store.list(session, this.consumer.name, mostPending * 2),
      )
      const pending = await read
      if (this.#lead !== lead) return
      for (const delivery of pending) this.#add(delivery)
      this.#isLoaded = true
      this.#fill(lead)
      this.#wakeConsumer()
    } catch (error) {
      if (!lead.signal.aborted) this.#log.warn('what is pending for a subscriber could not be read', { err: error })
    }
  }

  /** Takes events out of the log. */
  async #fanOut({ transactions, session }: ConsumerWork): Promise<void> {
    const { name } = this.consumer
    const { event } = this.#attempt.subscriber
    const pending = deliveriesOf(transactions).map((delivery): PendingDelivery => {
      const key = this.#attempt.keyOf(readData(event, delivery.event)) ?? String(delivery.sequence)
      return { ...delivery, key, attempts: 0, retry: 0, error: null }
    })
    await Promise.all(pending.map((delivery) => this.#store.add(session, name, delivery)))
    const lead = this.#lead
    session.onCommit!(() => {
      if (this.#lead !== lead || !lead) return
      for (const delivery of pending) this.#add(delivery)
      this.#fill(lead)
    })
  }

  #add(delivery: PendingDelivery): void {
    if (this.#known.has(delivery.sequence)) return
    this.#known.add(delivery.sequence)
    const key = this.#isOrdered ? '' : delivery.key
    const lane = this.#lanes.get(key)
    if (lane) lane.deliveries.push(delivery)
    else this.#lanes.set(key, { deliveries: [delivery], isRunning: false })
  }

  /** Begins as many lanes as there may be. */
  #fill(lead: Lead): void {
    if (lead.signal.aborted || this.#running.size >= this.#parallel) return
    const now = this.#options.now()
    for (const [key, lane] of this.#lanes) {
      if (this.#running.size >= this.#parallel) return
      if (lane.isRunning || this.#isResting(lane.deliveries[0]!, now)) continue
      lane.isRunning = true
      const run = this.#run(lead, lane).finally(() => {
        this.#running.delete(run)
        lane.isRunning = false
        if (this.#lead !== lead) return
        this.#lanes.delete(key)
        // To the end of the line: keys take turns.
        if (lane.deliveries.length > 0) this.#lanes.set(key, lane)
        this.#fill(lead)
        this.#wakeConsumer()
      })
      this.#running.add(run)
    }
  }

  #isResting({ retry }: PendingDelivery, now: number): boolean {
    return isResting(retry, this.#attempt.subscriber.options.retry, now)
  }

  async #run(lead: Lead, lane: Lane): Promise<void> {
    const delivery = lane.deliveries[0]!
    try {
      await this.#deliver(lead, delivery)
      this.#done(lead, lane)
    } catch (error) {
      await this.#failed(lead, lane, delivery, error).catch((cause) => this.#rest(delivery, cause))
    }
  }

  #done(lead: Lead, lane: Lane): void {
    if (this.#lead !== lead) return
    this.#known.delete(lane.deliveries.shift()!.sequence)
  }

  async #deliver({ fence, signal }: Lead, delivery: PendingDelivery): Promise<void> {
    const { name } = this.consumer
    const { position, sequence, trace } = delivery
    const deadline = timeoutOf(this.#attempt.subscriber)
    const prepared = this.#attempt.isLoose
      ? await boundedBy(signal, deadline, (bounded) => this.#attempt.before(delivery, this.#log, bounded))
      : undefined
    const about = { deadline, cause: this.#attempt.cause(position), trace }
    await this.#options.units.write(about, 'system', async (db, session) => {
      await this.#store.take(session, name, sequence, fence)
      await this.#attempt.inside(delivery, db, this.#log, signal, prepared)
    })
  }

  async #failed(lead: Lead, lane: Lane, delivery: PendingDelivery, error: unknown): Promise<void> {
    if (lead.signal.aborted) return
    if (error instanceof MonoblocError && error.code === 'lease_lost') {
      // It was skipped, or its commit was not answered; where another process has taken over, the consumer hears of it.
      this.#done(lead, lane)
      return
    }
    if (isPassing(error)) {
      this.#rest(delivery, error)
      return
    }
    const { now, random = Math.random, storage } = this.#options
    const attempts = delivery.attempts + 1
    const retry = now() + retryDelay(attempts, this.#attempt.subscriber.options.retry ?? {}, random())
    const next = { ...delivery, attempts, retry, error: errorText(error) }
    const { position, key } = delivery
    this.#log.warn('a subscriber has failed, and tries again', { position, key, attempts, err: error })
    await storage.write({ deadline: ownDeadline, isolation: 'committed' }, (session) =>
      this.#store.fail(session, this.consumer.name, next),
    )
    Object.assign(delivery, { attempts, retry, error: next.error })
  }

  /** The database was away: in a moment again. */
  #rest(delivery: PendingDelivery, error: unknown): void {
    delivery.retry = this.#options.now() + 1000
    this.#log.warn('a subscriber waits for the database', { err: error })
  }
}
