import { MonoblocError } from '../errors.ts'
import { uuidv7 } from '../schema/index.ts'
import type { LogEntry, Storage } from '../storage/index.ts'
import type { Cursor } from './consumer.ts'
import { nextBatch } from './consumer-batch.ts'
import type { ConsumerHost } from './consumer-host.ts'
import { firstAfter, oldestKept, positionBefore } from './consumer-position.ts'
import { ownDeadline } from './consumer-run.ts'
import { type ConsumerState, ConsumerStore } from './consumer-store.ts'
import { type DeliveryCounts, DeliveryStore } from './delivery-store.ts'
import { recordedEvent } from './event-data.ts'
import type { Subscriber } from './subscriber.ts'
import { consumerName } from './subscriber-attempt.ts'
import { followed } from './subscriber-consumer.ts'

export interface SubscriberInfo {
  name: string
  /** The name of its event. */
  event: string
  /**
   * `failing`: what comes next has failed, and is tried again. `lost`: the log no longer reaches back to where it stands.
   * `new`: no process has run it yet.
   */
  state: 'running' | 'failing' | 'paused' | 'lost' | 'new'
  /** The newest transaction of the log up to which it has looked at everything. */
  position: number
  /** How far it is behind: transactions of the log, and milliseconds since the first of them. */
  lag: { positions: number; milliseconds: number }
  /** How often what comes next has failed; with `key` or `parallel`, the oldest that fails. */
  attempts: number
  error: string | null
  retryAt: Date | null
  /** With `key` or `parallel`: events that were taken out of the log and wait for their turn. */
  pending: number
  /** How many of those have failed. */
  failing: number
  /** The process that runs it. */
  owner: string | null
}

/** An event that a subscriber was told to leave out. */
export interface SkippedEvent {
  subscriber: string
  event: { id: string; name: string; version: number; data: unknown }
  position: number
  attempts: number
  error: string | null
  at: Date
}

export interface Subscribers {
  /** All that have a place in the log, by name. */
  list(): Promise<SubscriberInfo[]>
  /** @throws MonoblocError `not_found` */
  get(name: string): Promise<SubscriberInfo>
  /** Lets it stand where it is. What runs at this moment is undone. */
  pause(name: string): Promise<void>
  /** Lets it go on. What has failed is tried at once. */
  resume(name: string): Promise<void>
  /**
   * Lets it begin anew: at a transaction, at the first of a time, or at the oldest in the log. It goes on from there, also
   * when it was paused or lost.
   *
   * @returns the position up to which it stands
   * @throws MonoblocError `not_found`, `position_pruned`
   */
  replay(name: string, options: { from: number | Date | 'start' | 'newest' }): Promise<number>
  /**
   * Leaves out the event that fails, for good, with a record of it. With `key` or `parallel` the oldest that fails, or the
   * one with this id.
   *
   * @throws MonoblocError `not_found`, `conflict` when nothing fails
   */
  skip(name: string, options?: { event?: string }): Promise<SkippedEvent>
  /** What was left out, newest first: at most 100. */
  skipped(name: string): Promise<SkippedEvent[]>
}

export interface SubscribersOptions {
  storage: Storage
  now: () => number
  subscribers: readonly Subscriber[]
  /** Of this process, where it runs them. */
  host?: ConsumerHost | undefined
}

const mostSkipped = 100
const mostFailing = 1_000
const atOnce = 500

/** Looks at subscribers and moves them, whether or not a process runs them. */
export function createSubscribers(options: SubscribersOptions): Subscribers {
  return new SubscriberControl(options)
}

class SubscriberControl implements Subscribers {
  readonly #storage: Storage
  readonly #now: () => number
  readonly #host: ConsumerHost | undefined
  readonly #subscribers: ReadonlyMap<string, Subscriber>
  readonly #store: ConsumerStore
  readonly #deliveries: DeliveryStore

  constructor({ storage, now, subscribers, host }: SubscribersOptions) {
    this.#storage = storage
    this.#now = now
    this.#host = host
    const followers = subscribers.filter(({ options }) => !options.within)
    this.#subscribers = new Map(followers.map((one) => [one.name, one]).sort(([a], [b]) => (a! < b! ? -1 : 1)) as never)
    this.#store = new ConsumerStore(storage.dialect)
    this.#deliveries = new DeliveryStore(storage.dialect)
  }

  async list(): Promise<SubscriberInfo[]> {
    if (this.#subscribers.size === 0) return []
    await this.#host?.flush()
    const newest = await this.#storage.position()
    const [rows, counts] = await this.#storage.read({ deadline: ownDeadline }, async (session) => [
      new Map((await this.#store.list(session)).map((row) => [row.name, row])),
      await this.#deliveries.counts(session),
    ])
    const all = [...this.#subscribers.values()].map((one) => {
      const name = consumerName(one.name)
      return this.#info(one, rows.get(name), counts.get(name), newest)
    })
    return Promise.all(all)
  }

  async get(name: string): Promise<SubscriberInfo> {
    this.#known(name)
    return (await this.list()).find((one) => one.name === name)!
  }

  async pause(name: string): Promise<void> {
    await this.#hold(name, 'paused')
  }

  async resume(name: string): Promise<void> {
    await this.#hold(name, 'running')
  }

  async replay(name: string, { from }: { from: number | Date | 'start' | 'newest' }): Promise<number> {
    const consumer = consumerName(this.#known(name).name)
    const position = await this.#placeOf(from)
    const moved = await this.#write(async (session) => {
      // They come again from the log, in their order.
      await this.#deliveries.removeAfter(session, consumer, position)
      return this.#store.place(session, consumer, { position, sequence: 0 })
    })
    if (moved === 0) throw neverRun(name)
    await this.#host?.wake()
    return position
  }

  async skip(name: string, { event }: { event?: string } = {}): Promise<SkippedEvent> {
    const subscriber = this.#known(name)
    const consumer = consumerName(name)
    const row = await this.#storage.read({ deadline: ownDeadline }, (session) => this.#store.read(session, consumer))
    if (!row) throw neverRun(name)
    const skipped =
      row.attempts > 0 ? await this.#skipNext(subscriber, row, event) : await this.#skipPending(name, event)
    await this.#host?.wake()
    return skipped
  }

  async skipped(name: string): Promise<SkippedEvent[]> {
    const consumer = consumerName(this.#known(name).name)
    const rows = await this.#storage.read({ deadline: ownDeadline }, (session) =>
      this.#store.skipped(session, consumer, mostSkipped),
    )
    return rows.map(({ position, attempts, error, at, entry }) => ({
      subscriber: name,
      event: JSON.parse(entry),
      position,
      attempts,
      error,
      at: new Date(at),
    }))
  }

  /** The next entry in the log, at which it stands. */
  async #skipNext(
    { name, event, options }: Subscriber,
    row: ConsumerState,
    id: string | undefined,
  ): Promise<SkippedEvent> {
    const found = await this.#nextEntry(row, followed({ name, event, options } as Subscriber).wants!)
    if (!found || (id !== undefined && found.entry.row.id !== id)) throw nothingFails(name, id)
    const { position, entry } = found
    const skipped = this.#skippedOf(name, row, position, entry)
    const end: Cursor = { position: position - 1, sequence: entry.sequence }
    await this.#write(async (session) => {
      const again = await this.#store.read(session, row.name)
      const isThere = again?.attempts && again.position === row.position && again.sequence === row.sequence
      if (!isThere) throw nothingFails(name, id)
      await this.#leave(session, skipped, entry.sequence)
      await this.#store.place(session, row.name, end, again.state)
    })
    return skipped
  }

  async #skipPending(name: string, id: string | undefined): Promise<SkippedEvent> {
    const consumer = consumerName(name)
    const failing = await this.#storage.read({ deadline: ownDeadline }, (session) =>
      this.#deliveries.failing(session, consumer, mostFailing),
    )
    const found = failing.find(({ event }) => id === undefined || event.id === id)
    if (!found) throw nothingFails(name, id)
    const { event, position, sequence, attempts, error } = found
    const skipped = { subscriber: name, event, position, attempts, error, at: new Date(this.#now()) }
    await this.#write(async (session) => {
      if (!(await this.#deliveries.remove(session, consumer, sequence))) throw nothingFails(name, id)
      await this.#leave(session, skipped, sequence)
      // Whoever runs it reads anew what is pending.
      const row = await this.#store.read(session, consumer)
      if (row?.state === 'running') await this.#store.hold(session, consumer, 'running')
    })
    return skipped
  }

  async #nextEntry(cursor: Cursor, wants: (entry: LogEntry) => boolean) {
    for (let at = cursor; ; ) {
      const page = await this.#storage.tail(at.position, atOnce)
      if (page.length === 0) return undefined
      const { transactions, end } = nextBatch(page, at, wants, 1)
      const [first] = transactions
      if (first) return { position: first.position, entry: first.entries[0]! }
      at = end
    }
  }

  #skippedOf(name: string, { attempts, error }: ConsumerState, position: number, entry: LogEntry): SkippedEvent {
    return { subscriber: name, event: recordedEvent(entry), position, attempts, error, at: new Date(this.#now()) }
  }

  #leave(session: Parameters<ConsumerStore['leave']>[0], skipped: SkippedEvent, sequence: number) {
    const { subscriber, event, position, attempts, error, at } = skipped
    return this.#store.leave(session, {
      id: uuidv7(at.getTime()),
      consumer: consumerName(subscriber),
      position,
      sequence,
      entry: JSON.stringify(event),
      attempts,
      error,
      at: at.getTime(),
    })
  }

  async #hold(name: string, state: 'running' | 'paused'): Promise<void> {
    const consumer = consumerName(this.#known(name).name)
    const held = await this.#write(async (session) => {
      const row = await this.#store.read(session, consumer)
      if (row?.state === 'lost') {
        throw new MonoblocError('position_pruned', {
          subject: name,
          detail: 'It is lost: replay it from a position, from a time, or from the start of what the log still holds.',
        })
      }
      return row && (row.state !== state || state === 'running') ? this.#store.hold(session, consumer, state) : row && 1
    })
    if (!held) throw neverRun(name)
    await this.#host?.wake()
  }

  async #placeOf(from: number | Date | 'start' | 'newest'): Promise<number> {
    const newest = await this.#storage.position()
    if (from === 'newest') return newest
    if (from === 'start') return oldestKept(this.#storage, newest)
    if (from instanceof Date && Number.isFinite(from.getTime())) return positionBefore(this.#storage, from.getTime())
    if (typeof from !== 'number' || !Number.isSafeInteger(from) || from < 1) {
      throw new MonoblocError('definition_invalid', {
        detail: "replay: from is a position (1, 2, …), a Date, 'start' or 'newest'.",
      })
    }
    const position = Math.min(from - 1, newest)
    if ((await firstAfter(this.#storage, position)) === 'pruned') {
      const oldest = await oldestKept(this.#storage, newest)
      throw new MonoblocError('position_pruned', { detail: `The log begins at ${oldest + 1}.` })
    }
    return position
  }

  async #info(
    { name, event }: Subscriber,
    row: ConsumerState | undefined,
    counts: DeliveryCounts | undefined,
    newest: number,
  ): Promise<SubscriberInfo> {
    const about = { name, event: event.name, pending: counts?.pending ?? 0, failing: counts?.failing ?? 0 }
    if (!row) {
      const nothing = { position: 0, attempts: 0, error: null, retryAt: null, owner: null }
      return { ...about, ...nothing, state: 'new', lag: { positions: 0, milliseconds: 0 } }
    }
    const worst = row.attempts === 0 && counts?.failing ? await this.#oldestFailing(row.name) : row
    const { attempts, error, retry } = worst ?? row
    const next = row.position < newest ? await firstAfter(this.#storage, row.position) : undefined
    const oldest = Math.min(counts?.oldest ?? Infinity, typeof next === 'number' ? next : Infinity)
    return {
      ...about,
      state: row.state === 'running' && attempts > 0 ? 'failing' : row.state,
      position: row.position,
      lag: {
        positions: Math.max(0, newest - row.position),
        milliseconds: oldest === Infinity ? 0 : Math.max(0, this.#now() - oldest),
      },
      attempts,
      error: row.state === 'lost' ? row.error : error,
      retryAt: attempts > 0 ? new Date(retry) : null,
      owner: row.owner,
    }
  }

  async #oldestFailing(consumer: string) {
    const [first] = await this.#storage.read({ deadline: ownDeadline }, (session) =>
      this.#deliveries.failing(session, consumer, 1),
    )
    return first
  }

  #write<T>(work: Parameters<Storage['write']>[1]): Promise<T> {
    return this.#storage.write({ deadline: ownDeadline, cause: 'subscribers' }, work) as Promise<T>
  }

  #known(name: string): Subscriber {
    const found = this.#subscribers.get(name)
    if (found) return found
    const known = [...this.#subscribers.keys()].join(', ')
    throw new MonoblocError('not_found', {
      subject: `subscriber ${name}`,
      detail: known ? `There are ${known}.` : 'This app serves none that follows the log.',
    })
  }
}

function neverRun(name: string): MonoblocError {
  return new MonoblocError('not_found', { subject: `subscriber ${name}`, detail: 'No process has run it yet.' })
}

function nothingFails(name: string, id: string | undefined): MonoblocError {
  return new MonoblocError('conflict', {
    subject: `subscriber ${name}`,
    detail: id === undefined ? 'Nothing of it fails.' : `The event ${id} does not fail there.`,
  })
}
