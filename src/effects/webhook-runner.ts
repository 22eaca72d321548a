// Sends what endpoints have waiting, in one process.
//
// A lane is what one endpoint has waiting, in order. States of a lane:
// - free: no lease, or one that is over. Any process may take it when something waits and the next attempt is due.
// - taken: the row has this process and a fence. Deliveries go out one after another; each that succeeds is written down
//   before the next is sent, and the lease is prolonged with it.
// - given back: nothing is left, an attempt has failed (with the time of the next), its turn is over, or the process stops.
//
// A crash leaves a taken lane, which is free again when its lease is over. What was sent and not written down is sent again
// with the same id: at least once. Who slept longer than its lease finds another fence when it writes, and writes nothing;
// what it sent meanwhile is a message that its endpoint gets from the other process too. Dropping ids that came before, an
// endpoint sees every message once and in order.
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'
import type { Session, Storage } from '../storage/index.ts'
import type { Egress } from './egress.ts'
import { retryDelay } from './retry-delay.ts'
import { type Webhooks, webhookDefaults } from './webhook.ts'
import { type Attempt, sendDelivery } from './webhook-send.ts'
import type { DeliveryRow, EndpointRow, LaneRow, WebhookStore } from './webhook-store.ts'

export interface WebhookRunnerOptions {
  storage: Storage
  webhooks: Webhooks
  store: WebhookStore
  /** Milliseconds since 1970. */
  now: () => number
  /** From 0 to 1. */
  random?: () => number
  log: Logger
  /** Of this process: leases are in its name. */
  owner: string
  /** Milliseconds until others take over what a process that died was sending. Default: the time of an attempt, and 20,000. */
  lease?: number | undefined
  /** Milliseconds between two looks. Default 1,000: clocks of tests jump, and other processes hand events out. */
  every?: number
}

const defaultEvery = 1000
// After an event was handed out, until its commit can be seen.
const soon = 10
/** Milliseconds for what a lane writes down of itself. */
const deadline = 10_000
/** Milliseconds of a lease beyond the time of one attempt: for what is written down after it. */
const leaseBeyond = 2 * deadline
/** The clocks of several machines differ by less, or much else goes wrong. */
const clockSkew = 60_000
// Milliseconds until a lane is looked at again that could not be read or written.
const afterTrouble = 1000
// Milliseconds after which a lane lets others have its turn.
const longestTurn = 5000
const pruneEvery = 60_000
const pruneStep = 1000

type Settings = Record<'concurrency' | 'timeout' | 'keep' | 'disableAfter', number> & {
  retry: { delay: number; longest: number }
}

export class WebhookRunner {
  readonly #options: WebhookRunnerOptions
  readonly #settings: Settings
  readonly #client: Egress
  readonly #lanes = new Map<string, Promise<void>>()
  #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  #pruned = Number.NEGATIVE_INFINITY

  constructor(options: WebhookRunnerOptions) {
    this.#options = options
    const { retry, ...given } = options.webhooks.options
    this.#settings = { ...webhookDefaults, ...given, retry: { ...webhookDefaults.retry, ...retry } }
    this.#client = options.webhooks.client()
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.#timer = setInterval(() => void this.#lookQuietly(), this.#options.every ?? defaultEvery).unref()
    void this.#lookQuietly()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#timer = undefined
    this.#soon = undefined
    this.#stopping.abort(new MonoblocError('shutting_down'))
    await this.#looking?.catch(() => {})
    await Promise.all(this.#lanes.values())
    this.#client.close()
  }

  /** Looks now. Resolves when what is due has been taken, not when it has been sent. */
  async wake(): Promise<void> {
    if (this.#timer) await this.#look()
  }

  /** Something has been handed out in a transaction that is about to commit. */
  expect(): void {
    if (!this.#timer || this.#soon) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      void this.#lookQuietly()
    }, soon).unref()
  }

  /** Nothing is left that could be sent now. */
  async isIdle(): Promise<boolean> {
    if (!this.#timer) return true
    if (this.#lanes.size > 0 || this.#looking || this.#soon) return false
    return (await this.#due(1)).length === 0
  }

  async #lookQuietly(): Promise<void> {
    await this.#look().catch((error) => {
      if (this.#timer) this.#options.log.warn('webhooks could not look at what is waiting', { err: error })
    })
  }

  /** One look at a time; asked for during one, it is done again. */
  #look(): Promise<void> {
    this.#again = true
    this.#looking ??= this.#lookWhileAsked().finally(() => {
      this.#looking = undefined
      // Asked for when it had looked whether it was.
      if (this.#again && this.#timer) void this.#lookQuietly()
    })
    return this.#looking
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#again && this.#timer) {
      this.#again = false
      const free = this.#settings.concurrency - this.#lanes.size
      if (free > 0) {
        // Lanes of this process are among what it finds, as long as they are under way.
        const due = await this.#due(free + this.#lanes.size)
        await this.#take(due.filter(({ endpoint }) => !this.#lanes.has(endpoint)).slice(0, free))
      }
      await this.#prune()
    }
  }

  async #due(limit: number): Promise<LaneRow[]> {
    const { storage, store, now, owner } = this.#options
    const { retry } = this.#settings
    const time = now()
    const beyond = { retry: time + retry.longest + clockSkew, lease: this.#leaseEnd() + clockSkew }
    return storage.read({ deadline }, (session) => store.due(session, { now: time, owner, limit, beyond }))
  }

  async #take(due: readonly LaneRow[]): Promise<void> {
    if (due.length === 0) return
    const { storage, store, owner } = this.#options
    const taken: LaneRow[] = []
    await storage.write({ deadline, isolation: 'committed' }, async (session) => {
      taken.length = 0
      for (const lane of due) {
        if (await store.take(session, lane, owner, this.#leaseEnd())) taken.push({ ...lane, fence: lane.fence + 1 })
      }
    })
    for (const lane of taken) this.#run(lane)
  }

  #leaseEnd(): number {
    return this.#options.now() + (this.#options.lease ?? this.#settings.timeout + leaseBeyond)
  }

  #run(lane: LaneRow): void {
    const { signal } = this.#stopping
    const running = this.#serve(lane)
      .catch(async (error) => {
        if (signal.aborted) return
        this.#options.log.warn('deliveries of an endpoint wait for the database', {
          endpoint: lane.endpoint,
          err: error,
        })
        await wait(afterTrouble, undefined, { signal }).catch(() => {})
      })
      .then(() => {
        this.#lanes.delete(lane.endpoint)
        // A place is free, or more was handed out meanwhile.
        if (this.#timer) void this.#lookQuietly()
      })
    this.#lanes.set(lane.endpoint, running)
  }

  /** Sends what waits until nothing does, an attempt fails, its turn is over, or somebody else has the lane. */
  async #serve(lane: LaneRow): Promise<void> {
    const { storage, store } = this.#options
    const turnEnds = performance.now() + longestTurn
    for (;;) {
      // For each anew: while the one before was sent it may have been skipped, and its endpoint disabled or changed.
      const read = async (session: Session) => {
        const endpoint = await store.endpoint(session, lane.endpoint)
        return endpoint && { endpoint, delivery: await store.waiting(session, lane.endpoint, endpoint.done) }
      }
      const found = await storage.read({ deadline }, read)
      // Removed meanwhile.
      if (!found) return
      const { endpoint, delivery } = found
      if (!delivery) return this.#release(lane, endpoint.last)
      const mayGoOn = !this.#stopping.signal.aborted && performance.now() < turnEnds
      if (endpoint.state !== 'active' || !mayGoOn) return this.#release(lane, 0)
      if (!(await this.#deliver(lane, endpoint, delivery))) return
    }
  }

  /** @returns whether the lane is still ours, and open */
  async #deliver(lane: LaneRow, endpoint: EndpointRow, delivery: DeliveryRow): Promise<boolean> {
    const { storage, store, now } = this.#options
    const { signal } = this.#stopping
    let attempt: Attempt
    try {
      attempt = await sendDelivery(this.#client, endpoint, delivery, now(), signal)
    } catch (error) {
      if (!signal.aborted) throw error
      await this.#release(lane, 0)
      return false
    }
    if (attempt.result !== 'delivered') {
      await this.#failed(lane, endpoint, delivery, attempt)
      return false
    }
    return storage.write({ deadline, isolation: 'committed' }, (session) =>
      store.succeed(session, lane, delivery.sequence, this.#leaseEnd(), attempt),
    )
  }

  async #failed(lane: LaneRow, endpoint: EndpointRow, delivery: DeliveryRow, attempt: Attempt): Promise<void> {
    const { storage, store, random = Math.random, now, log } = this.#options
    const { retry, disableAfter } = this.#settings
    const attempts = delivery.attempts + 1
    const failing = endpoint.failing || attempt.tried
    const delay = Math.max(retryDelay(attempts, retry, random()), Math.min(attempt.after, retry.longest))
    const reason = attempt.result === 'gone' ? 'gone' : attempt.tried - failing >= disableAfter ? 'failing' : undefined
    const isOurs = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
      const next = { retry: now() + delay, failing }
      if (!(await store.fail(session, lane, delivery.sequence, next, attempt))) return false
      if (reason) await store.setState(session, endpoint.id, 'disabled', reason, now())
      return true
    })
    if (!isOurs) return
    const { error, status } = attempt
    const about = { endpoint: endpoint.id, delivery: `${endpoint.id}:${delivery.sequence}`, attempts, status, error }
    if (reason === 'gone') log.warn('an endpoint of webhooks is gone, and was disabled', about)
    else if (reason)
      log.warn('an endpoint of webhooks has failed for too long, and was disabled', {
        ...about,
        since: new Date(failing),
      })
    else log.info('a delivery of webhooks has failed, and is tried again', { ...about, next: new Date(now() + delay) })
  }

  async #release(lane: LaneRow, done: number): Promise<void> {
    const { storage, store, now } = this.#options
    await storage.write({ deadline, isolation: 'committed' }, (session) => store.release(session, lane, done, now()))
  }

  /** Forgets deliveries and messages that are older than they are kept. */
  async #prune(): Promise<void> {
    const { storage, store, now } = this.#options
    if (now() - this.#pruned < pruneEvery) return
    this.#pruned = now()
    const before = now() - this.#settings.keep
    for (let gone = pruneStep; gone >= pruneStep && this.#timer; ) {
      gone = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
        const deliveries = await store.pruneDeliveries(session, before, pruneStep)
        return Math.max(deliveries, await store.pruneMessages(session, before, pruneStep))
      })
    }
  }
}
