// All consumers of one process.
//
// The rows of `monobloc_consumer` say who runs what: a process that finds one free, or its lease over, takes it with a new
// fence, and keeps the lease while it lives. Whoever commits with an older fence commits nothing, so a process that slept
// does no harm when it wakes. A clean stop gives the leases back, and others see it at their next look. A crash leaves the
// lease, and others wait for its end.
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import type { Units } from '../commit/index.ts'
import type { Logger } from '../observe/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Consumer } from './consumer.ts'
import { ConsumerPages } from './consumer-pages.ts'
import { oldestKept } from './consumer-position.ts'
import { ConsumerRun, ownDeadline } from './consumer-run.ts'
import { type ConsumerState, ConsumerStore } from './consumer-store.ts'

export interface ConsumerHostOptions {
  storage: Storage
  units: Units
  /** Milliseconds since 1970. */
  now: () => number
  /** From 0 to 1. */
  random?: () => number
  log: Logger
  /** Of this process: leases are in its name. */
  owner: string
  /** Milliseconds until others take over what a process that died was running. Default 10,000: it outlives a pause of the process. */
  lease?: number
  /** Milliseconds between two looks at the rows. Default 1,000: clocks of tests jump, and rows are changed from outside. */
  every?: number
}

const defaultLease = 10_000
const defaultEvery = 1_000

/** Milliseconds after a hint until it is looked whether others have let go of something: as often as hints come from them. */
const hintedLook = 100

/** The clocks of several machines differ by less, or much else goes wrong. */
const clockSkew = 60_000

/** Whether a lease has ended, or is longer than any: then the clock was set back since. */
export function isOver(until: number, lease: number, now: number): boolean {
  return until <= now || until > now + lease + clockSkew
}

export class ConsumerHost {
  readonly store: ConsumerStore
  readonly #options: ConsumerHostOptions
  readonly #pages: ConsumerPages
  readonly #runs: ConsumerRun[]
  readonly #lease: number
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #unlisten: (() => void) | undefined
  #looking: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** One is free, or may be: it is about to be taken, perhaps when what it was doing with an older fence has ended. */
  #isTaking = false

  /** What it runs must have been registered by `start`. */
  constructor(options: ConsumerHostOptions, consumers: readonly Consumer[]) {
    const { storage, units, now, random = Math.random, log } = options
    this.#options = options
    this.#lease = options.lease ?? defaultLease
    this.store = new ConsumerStore(storage.dialect)
    this.#pages = new ConsumerPages(storage)
    const shared = {
      storage,
      units,
      store: this.store,
      pages: this.#pages,
      now,
      random,
      log,
      onLost: () => this.#lost(),
    }
    this.#runs = consumers.map((consumer) => new ConsumerRun(consumer, shared))
  }

  async start(): Promise<void> {
    if (this.#runs.length === 0) return
    await this.#register()
    this.#unlisten = this.#options.storage.onAppend(() => this.#hinted())
    this.#timer = setInterval(() => void this.#lookQuietly(), this.#options.every ?? defaultEvery).unref()
    await this.look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#timer = undefined
    this.#soon = undefined
    this.#unlisten?.()
    this.#unlisten = undefined
    await (this.#next ?? this.#looking)?.catch(() => {})
    const led = this.#runs.filter((run) => run.isLeading)
    for (const run of led) run.leave()
    await Promise.all(this.#runs.map((run) => run.settled()))
    if (led.length === 0) return
    const give = this.#options.storage.write({ deadline: ownDeadline, isolation: 'committed' }, async (session) => {
      for (const { state } of led) await this.store.give(session, state!)
    })
    await give.catch((error) => this.#options.log.warn('leases of consumers could not be given back', { err: error }))
  }

  /** Looks now: at the rows, and for what is due. */
  async wake(): Promise<void> {
    this.#pages.hint()
    if (this.#timer) await this.look()
  }

  /** Nothing is left that could be done now. */
  async isIdle(): Promise<boolean> {
    if (this.#runs.length === 0 || !this.#timer) return true
    if (this.#isTaking) return false
    // A look that was begun a moment ago would be taken for work.
    await Promise.all(this.#runs.map((run) => run.looked()))
    const newest = await this.#options.storage.position()
    return this.#runs.every((run) => run.isIdle(newest))
  }

  /** Writes down how far each has come, which otherwise waits for the next look. */
  async flush(): Promise<void> {
    if (this.#timer && this.#runs.some((run) => run.isAhead)) await this.look()
  }

  /** Takes what is free, keeps what is ours, lets go of what is not. One look at a time; who asks during one shares the next. */
  look(): Promise<void> {
    if (this.#next) return this.#next
    if (!this.#looking) return this.#beginLook()
    this.#next = this.#looking
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#beginLook()
      })
    return this.#next
  }

  #beginLook(): Promise<void> {
    const looking = this.#look().finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return looking
  }

  async #look(): Promise<void> {
    const { storage, now, owner } = this.#options
    if (!this.#timer) return
    const rows = await storage.read({ deadline: ownDeadline }, (session) => this.store.list(session))
    const known = new Map(rows.map((row) => [row.name, row]))
    const time = now()
    const take: [ConsumerRun, ConsumerState][] = []
    const keep: ConsumerRun[] = []
    const later: ConsumerRun[] = []
    for (const run of this.#runs) {
      const row = known.get(run.consumer.name)
      if (!row) continue
      if (run.isLeading && row.fence !== run.state!.fence) run.leave()
      if (run.isLeading) {
        // A third of the lease is left for a database that is away. One that is too long is of a clock that was set back.
        const left = row.lease - time
        if (run.isAhead || left < (this.#lease * 2) / 3 || left > this.#lease) keep.push(run)
      } else {
        run.state = row
        const isFree = row.owner === null || row.owner === owner || isOver(row.lease, this.#lease, time)
        if (row.state !== 'running' || !isFree) continue
        if (run.isWorking) later.push(run)
        else take.push([run, row])
      }
    }
    this.#isTaking = later.length + take.length > 0
    if (later.length > 0) void Promise.all(later.map((run) => run.worked())).then(() => this.#lookSoon(0))
    if (take.length + keep.length > 0) await this.#claim(take, keep, time)
    this.#isTaking = later.length > 0
    this.#pages.release(Math.min(...this.#runs.map((run) => (run.isLeading ? run.state!.position : Infinity))))
    for (const run of this.#runs) run.poke()
  }

  async #claim(
    take: readonly [ConsumerRun, ConsumerState][],
    keep: readonly ConsumerRun[],
    time: number,
  ): Promise<void> {
    const { storage, owner } = this.#options
    const until = time + this.#lease
    const kept = keep.map((run) => ({ run, state: { ...run.state! } }))
    const taken = new Set<ConsumerRun>()
    const left = new Set<ConsumerRun>()
    await storage.write({ deadline: ownDeadline, isolation: 'committed' }, async (session) => {
      taken.clear()
      left.clear()
      for (const [run, row] of take) if (await this.store.take(session, row, owner, until, time)) taken.add(run)
      for (const { run, state } of kept) if (!(await this.store.keep(session, state, until, time))) left.add(run)
    })
    for (const [run, row] of take) {
      if (taken.has(run) && this.#timer) run.lead({ ...row, fence: row.fence + 1, owner, lease: until })
    }
    for (const { run, state } of kept) {
      if (left.has(run)) run.leave()
      else if (run.state!.fence === state.fence) run.wrote({ position: state.position, sequence: state.sequence })
    }
  }

  async #register(): Promise<void> {
    const { storage, now } = this.#options
    const rows = await storage.read({ deadline: ownDeadline }, (session) => this.store.list(session))
    const known = new Set(rows.map(({ name }) => name))
    const fresh = this.#runs.map(({ consumer }) => consumer).filter(({ name }) => !known.has(name))
    if (fresh.length === 0) return
    const newest = await storage.position()
    const oldest = fresh.some(({ from }) => from === 'start') ? await oldestKept(storage, newest) : 0
    await storage.write({ deadline: ownDeadline, isolation: 'committed' }, async (session) => {
      for (const { name, from } of fresh) await this.store.add(session, name, from === 'start' ? oldest : newest, now())
    })
  }

  #hinted(): void {
    this.#pages.hint()
    let isAll = true
    for (const run of this.#runs) {
      run.poke()
      isAll &&= run.isLeading
    }
    if (!isAll) this.#lookSoon(hintedLook)
  }

  #lost(): void {
    this.#isTaking = true
    this.#lookSoon(0)
  }

  #lookSoon(after: number): void {
    if (this.#soon || !this.#timer) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      void this.#lookQuietly()
    }, after).unref()
  }

  async #lookQuietly(): Promise<void> {
    await this.look().catch((error) => {
      if (this.#timer) this.#options.log.warn('consumers could not look at their rows', { err: error })
    })
  }
}
