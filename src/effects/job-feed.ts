import { setTimeout } from 'node:timers'
import { MonoblocError } from '../errors.ts'
import type { Session, Storage } from '../storage/index.ts'
import type { LimitedClaims } from './job-claim.ts'
import type { JobLimits } from './job-limit.ts'
import { byTurn, type ClaimedJob, type JobStore } from './job-store.ts'

/** How many more jobs of two kinds a process can take: those that only need the database, and those that wait for others. */
export interface Capacity {
  quick: number
  loose: number
}

export interface FeedOptions {
  storage: Storage
  store: JobStore
  now: () => number
  /** The names of the jobs that this process runs, and whether they are loose. */
  kinds: ReadonlyMap<string, keyof Capacity>
  /** Of the jobs that have some. */
  limits: ReadonlyMap<string, JobLimits>
  limited: LimitedClaims
  /** How many of a name this process has. */
  own(name: string): number
  worker(): string
  /** More that is to be read at each look. */
  looked(session: Session): Promise<(() => void) | undefined>
  /** There may be something to claim. */
  ready(): void
  /** Somebody has told these jobs of this process to stop. */
  cancelling(ids: readonly string[]): void
  failed(error: unknown): void
}

const deadline = 10_000

/** Milliseconds until this process looks anew at what others may have done, and at a clock that may have been set. */
export const lookMillis = 1000

/** Milliseconds between two looks for which a commit of somebody else was the reason. */
const hintMillis = 100

/** Delayed jobs that are let go by one statement: some milliseconds of a write turn. */
const mostPromoted = 500

/** Above every rank. */
const anyRank = 1_000

/**
 * Knows where there may be jobs to claim, and claims them.
 *
 * A name is `ready` from a commit of this process, or a look, until a claim has found nothing more. It is known by looks
 * alone what other processes enqueue: one a second, and one soon after any of their commits. So a hint that is lost costs
 * a second at most.
 */
export class JobFeed {
  readonly #options: FeedOptions
  readonly #ready = new Set<string>()
  #nextDue = Infinity
  /** The earliest that this process was told of: a look that is under way, or what is yet to be written, may not see it. */
  #toldDue = Infinity
  #timer: NodeJS.Timeout | undefined
  #hinted: NodeJS.Timeout | undefined
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined
  #unwatch: (() => void) | undefined
  #isRunning = false

  constructor(options: FeedOptions) {
    this.#options = options
  }

  start(): void {
    this.#isRunning = true
    this.#unwatch = this.#options.storage.onAppend(this.#hint)
    void this.look()
  }

  stop(): void {
    this.#isRunning = false
    this.#unwatch?.()
    clearTimeout(this.#timer)
    clearTimeout(this.#hinted)
    this.#hinted = undefined
    this.#ready.clear()
    this.#nextDue = Infinity
    this.#toldDue = Infinity
  }

  get hasReady(): boolean {
    return this.#ready.size > 0
  }

  /** A job is on disk. */
  readonly enqueued = (name: string, due: number): void => {
    if (!this.#isRunning) return
    if (due === 0) this.found([name])
    else {
      this.#toldDue = Math.min(this.#toldDue, due)
      if (due >= this.#nextDue) return
      this.#nextDue = due
      this.#arm()
    }
  }

  found(names: readonly string[]): void {
    if (!this.#isRunning) return
    for (const name of names) if (this.#options.kinds.has(name)) this.#ready.add(name)
    if (this.#ready.size > 0) this.#options.ready()
  }

  /** Resolves when it is known what there is, by the clock of this moment. */
  async look(): Promise<void> {
    // One that is under way may have seen the time before.
    await this.#looking
    this.#looking ??= this.#look()
      .then(
        () => 1,
        (error) => {
          this.#options.failed(error)
          // What is due already would have it look again at once.
          return lookMillis
        },
      )
      .then((least) => {
        this.#looking = undefined
        this.#arm(least)
      })
    await this.#looking
  }

  async #look(): Promise<void> {
    if (!this.#isRunning) return
    const { storage, store, now, kinds, worker, cancelling } = this.#options
    this.#lookedAt = performance.now()
    const names = [...kinds.keys()]
    const since = now()
    const seen = await storage.read({ deadline }, async (session) => {
      const heads = await store.heads(session, names)
      const due = await store.nextDue(session)
      const stopped = await store.cancelling(session, worker())
      return { heads, due, cancelling: stopped, others: await this.#options.looked(session) }
    })
    seen.others?.()
    this.#saw(seen.due, since)
    this.found(seen.heads.map(({ name }) => name))
    if (seen.cancelling.length > 0) cancelling(seen.cancelling)
    while (this.#isRunning && this.#nextDue <= now()) await this.#promote()
  }

  async #promote(): Promise<void> {
    const { storage, store, now } = this.#options
    const since = now()
    const [names, due] = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
      const found = await store.promote(session, now(), mostPromoted)
      return [found, await store.nextDue(session)] as const
    })
    // What others take at this moment is left out, and is still the next: they will say what there is.
    this.#saw(names.length === 0 ? Infinity : due, since)
    this.found([...new Set(names)])
  }

  /** @param since when the look began: what was due by then it has seen, or it is on nobody's way to the disk */
  #saw(due: number, since: number): void {
    if (this.#toldDue <= since) this.#toldDue = Infinity
    this.#nextDue = Math.min(due, this.#toldDue)
  }

  #arm(least = 1): void {
    if (!this.#isRunning) return
    clearTimeout(this.#timer)
    const left = Math.max(least, Math.min(this.#nextDue - this.#options.now(), lookMillis))
    this.#timer = setTimeout(() => void this.look(), left)
  }

  #hint = (): void => {
    if (this.#hinted) return
    const left = this.#lookedAt + hintMillis - performance.now()
    this.#hinted = setTimeout(
      () => {
        this.#hinted = undefined
        void this.look()
      },
      Math.max(0, left),
    )
  }

  canClaim(capacity: Capacity): boolean {
    for (const name of this.#ready) if (capacity[this.#options.kinds.get(name)!] > 0) return true
    return false
  }

  /** Takes jobs that are ready, within a capacity. @throws MonoblocError `lease_lost` */
  async claim(capacity: Capacity): Promise<ClaimedJob[]> {
    const { storage, store, kinds, worker } = this.#options
    const names = [...this.#ready].filter((name) => capacity[kinds.get(name)!] > 0)
    if (names.length === 0) return []
    // What is enqueued from here on makes its name ready again.
    for (const name of names) this.#ready.delete(name)
    try {
      const round = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
        // Of one worker to its end, also where this process gives that one up meanwhile: its row is what others see.
        const id = worker()
        if (!(await store.holds(session, id))) throw new MonoblocError('lease_lost', { subject: 'worker' })
        const round: ClaimRound = { worker: id, claimed: [], more: [], left: { ...capacity } }
        for (let open = names; open.length > 0; ) open = await this.#claimOf(session, open, round)
        return round
      })
      this.found(round.more)
      // Of one that was given up they go free with the rest that it had.
      return round.worker === worker() ? round.claimed.sort(byTurn) : []
    } catch (error) {
      for (const name of names) this.#ready.add(name)
      throw error
    }
  }

  /** Goes once through the ranks. @returns names that were held back for others and may have more: fewer than there were */
  async #claimOf(session: Session, names: readonly string[], round: ClaimRound): Promise<string[]> {
    const { store, kinds, limits } = this.#options
    const { left, more, claimed } = round
    const heads = await store.heads(session, names)
    const heldBack: string[] = []
    for (const share of sharesOf(heads, left, kinds)) {
      const rows = await Promise.all(share.map((from) => this.#claimFrom(session, from, round)))
      for (const [at, { name, below, limit }] of share.entries()) {
        left[kinds.get(name)!] -= rows[at]!.length
        if (limits.has(name)) continue
        if (rows[at]!.length === limit) more.push(name)
        else if (below < anyRank) heldBack.push(name)
      }
      claimed.push(...rows.flat())
    }
    more.push(...heads.map(({ name }) => name).filter((name) => left[kinds.get(name)!] <= 0))
    return heldBack.filter((name) => left[kinds.get(name)!] > 0)
  }

  async #claimFrom(session: Session, from: Share, { worker, more }: ClaimRound): Promise<ClaimedJob[]> {
    const { store, now, limits, limited, own } = this.#options
    const limit = limits.get(from.name)
    if (!limit) return store.claim(session, worker, now(), from)
    const asked = { ...from, worker, now: now(), own: own(from.name) }
    const { rows, more: hasMore, until } = await limited.claim(session, limit, asked)
    if (hasMore) more.push(from.name)
    if (until !== undefined) this.enqueued(from.name, until)
    return rows
  }
}

interface ClaimRound {
  worker: string
  claimed: ClaimedJob[]
  /** Names that may have more. */
  more: string[]
  left: Capacity
}

interface Share {
  name: string
  below: number
  limit: number
}

/**
 * Who may take how much: the names whose first job has the best rank, in equal parts, and as far as the best rank of the
 * others; then the next ones, of what is left.
 */
function* sharesOf(
  heads: readonly { name: string; rank: number }[],
  left: Capacity,
  kinds: ReadonlyMap<string, keyof Capacity>,
): Generator<Share[]> {
  const ranks = [...new Set(heads.map(({ rank }) => rank))].sort((a, b) => a - b)
  for (const [at, rank] of ranks.entries()) {
    const below = ranks[at + 1] ?? anyRank
    const group = heads.filter((head) => head.rank === rank && left[kinds.get(head.name)!] > 0)
    const count = { quick: 0, loose: 0 }
    for (const { name } of group) count[kinds.get(name)!]++
    if (group.length > 0) {
      yield group.map(({ name }) => {
        const kind = kinds.get(name)!
        return { name, below, limit: Math.ceil(left[kind] / count[kind]) }
      })
    }
  }
}
