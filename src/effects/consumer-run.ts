// One consumer of the log in this process.
//
// States:
// - watching: another process runs it, or it is paused, or lost. Nothing is read for it.
// - working: the row's fence is ours. Batches follow one another, each in one transaction with the position.
// - resting: ours, and at the end of the log, until a hint.
// - waiting: ours, and what comes next has failed (kept in the row) or the database was away (not kept): until its time.
//
// Transitions: `lead` (a lease was taken) leads from watching to working; a commit that finds another fence, and `leave`,
// lead back. A position that has fallen out of the log is `lost` in the row: it stands still until it is placed anew.
//
// A crash leaves the row as the last commit did: whoever takes over goes on from there, and nothing is done twice. What was
// passed over without a transaction is written down from time to time only, and passed over again.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ScopedDb, type Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'
import type { Storage } from '../storage/index.ts'
import type { Consumer, Cursor } from './consumer.ts'
import { type NextBatch, nextBatch } from './consumer-batch.ts'
import type { ConsumerPages } from './consumer-pages.ts'
import type { ConsumerState, ConsumerStore } from './consumer-store.ts'
import { isResting, retryDelay } from './retry-delay.ts'
import { thrownText } from './thrown-text.ts'

export interface ConsumerRunOptions {
  storage: Storage
  units: Units
  store: ConsumerStore
  pages: ConsumerPages
  now: () => number
  random: () => number
  log: Logger
  /** It may have lost its lease: the rows should be looked at. */
  onLost(): void
}

export const defaultMost = 100
const defaultDeadline = 30_000

/** Milliseconds for what a consumer writes down of itself. */
export const ownDeadline = 10_000

/** What has nothing to do with the entry: it is tried again, and nothing is counted. */
const passing: readonly unknown[] = [
  'shutting_down',
  'database_busy',
  'database_unavailable',
  'commit_unknown',
  'database_full',
]

/** Between two tries while the database is away. */
const trouble = { delay: 100, longest: 5_000 }

// Characters of an error that are kept: enough for its sentence and where it was thrown.
const longestError = 2_000

export class ConsumerRun {
  readonly consumer: Consumer
  /** As the row was last seen; the cursor is ahead of the row by what was passed over. */
  state: ConsumerState | undefined
  readonly #options: ConsumerRunOptions
  readonly #log: Logger
  #leading: AbortController | undefined
  #working: Promise<void> | undefined
  #reading: Promise<unknown> | undefined
  /** Poked while it worked. */
  #again = false
  /** Up to this position entries come one by one: one of them has failed. */
  #carefulUntil = 0
  /** The database was away: not before this time. */
  #quietUntil = 0
  #troubles = 0
  /** The row must be read: what became of a commit is not known. */
  #isUnsure = false
  /** A commit of ours may have been made, and what is done after one was not: who takes over begins from the rows. */
  #isBlind = false
  #written: Cursor = { position: 0, sequence: 0 }

  constructor(consumer: Consumer, options: ConsumerRunOptions) {
    this.consumer = consumer
    this.#options = options
    this.#log = options.log.child({ consumer: consumer.name })
  }

  get isLeading(): boolean {
    return this.#leading !== undefined
  }

  get isWorking(): boolean {
    return this.#working !== undefined
  }

  /** Whether it has passed over what the row does not know of. */
  get isAhead(): boolean {
    return this.state !== undefined && this.state.position > this.#written.position
  }

  /** The lease is ours, with this state. */
  lead(state: ConsumerState): void {
    this.state = state
    this.#written = { position: state.position, sequence: state.sequence }
    this.#leading = new AbortController()
    this.#isUnsure = false
    this.#isBlind = false
    this.#troubles = 0
    this.#quietUntil = 0
    if (state.attempts > 0) this.#carefulUntil = state.position + 1
    this.consumer.aside?.lead(state.fence, this.#leading.signal, () => this.poke())
    this.poke()
  }

  /** The row has been written with this cursor. */
  wrote(cursor: Cursor): void {
    this.#written = cursor
  }

  /** It is not ours any more, or shall not be. What is under way commits nothing when another fence is set. */
  leave(): void {
    this.#leading?.abort(new MonoblocError('shutting_down'))
    this.#leading = undefined
  }

  /** Something may be there to do. */
  poke(): void {
    if (!this.#leading) return
    this.consumer.aside?.poke()
    if (this.#isWaiting() || !this.#isReady) return
    if (this.#working) {
      this.#again = true
      return
    }
    this.#again = false
    const leading = this.#leading
    this.#working = this.#work(leading)
      .catch((error) => this.#trouble(error))
      .finally(() => {
        this.#working = undefined
        if (this.#again) this.poke()
      })
  }

  /** Resolves when a look into the log that is under way has ended, and with it what found nothing to do. */
  async looked(): Promise<void> {
    await this.#reading?.catch(() => {})
    await nextTurn()
  }

  /** Resolves when the batch that is under way has ended. */
  async worked(): Promise<void> {
    while (this.#working) await this.#working
  }

  /** Resolves when nothing of it is under way. */
  async settled(): Promise<void> {
    await this.worked()
    await this.consumer.aside?.settled()
  }

  /** Nothing that could be done now is left, with the log's end at `newest`. */
  isIdle(newest: number): boolean {
    if (this.consumer.aside?.isIdle() === false) return false
    if (!this.#leading) return true
    return !this.#working && (this.#isWaiting() || !this.#isReady || this.state!.position >= newest)
  }

  get #isReady(): boolean {
    return this.consumer.aside?.isReady ?? true
  }

  #isWaiting(): boolean {
    const now = this.#options.now()
    return isResting(this.state!.retry, this.consumer.retry, now) || isResting(this.#quietUntil, trouble, now)
  }

  async #work(leading: AbortController): Promise<void> {
    const { wants, most = defaultMost } = this.consumer
    while (!leading.signal.aborted && !this.#isWaiting() && this.#isReady) {
      if (this.#isUnsure && !(await this.#readAgain())) return
      const state = this.state!
      const page = await this.#page(state)
      // Another may have it since, and has been where this page begins.
      if (!page || page.length === 0 || leading.signal.aborted) return
      const isCareful = state.position < this.#carefulUntil
      const batch = nextBatch(page, state, wants, isCareful ? 1 : most)
      if (batch.transactions.length > 0) await this.#take(state, batch, leading.signal)
      else {
        Object.assign(state, batch.end)
        // A long way without anything wanted is many pages, and others want to run too.
        await nextTurn()
      }
    }
  }

  async #page(state: ConsumerState) {
    try {
      const page = this.#options.pages.after(state.position)
      if (page instanceof Promise) this.#reading = page
      return await page
    } catch (error) {
      if (codeOf(error) !== 'position_pruned') throw error
      const { storage, store } = this.#options
      const why = `position_pruned: ${(error as Error).message}`
      this.#log.error(
        'a consumer is lost: the log no longer reaches back to where it stands. Replay it from a position',
        {
          position: state.position,
          err: error,
        },
      )
      await storage.write({ deadline: ownDeadline, isolation: 'committed' }, (session) =>
        store.lose(session, state, why),
      )
      this.leave()
      return undefined
    }
  }

  /** @param state from which the batch goes on: what the row says is held to it, and not to what was read of it since */
  async #take(state: ConsumerState, batch: NextBatch, signal: AbortSignal): Promise<void> {
    const { transactions } = batch
    const log = this.#log
    const { name, deadline = defaultDeadline } = this.consumer
    try {
      const prepared = this.consumer.prepare && (await this.#prepare(batch, signal, deadline))
      let { end } = batch
      const about = { deadline, cause: `${name}:${placesOf(batch)}`, trace: traceOf(batch) }
      await this.#options.units.write(about, 'system', async (db, session) => {
        await this.#options.store.move(session, state, batch.end)
        const work = () => this.consumer.handle({ transactions, db, session, log, signal, prepared })
        const stopped = (await ScopedDb.whole(db, work)) as Cursor | undefined
        end = stopped ?? batch.end
        if (stopped) await this.#options.store.stop(session, state, stopped)
      })
      Object.assign(state, end, { attempts: 0, retry: 0, error: null })
      this.#written = end
      this.#troubles = 0
    } catch (error) {
      await this.#failed(error, state, batch, signal)
    }
  }

  /** It may await anything, so that nothing but a timer bounds it. */
  #prepare({ transactions }: NextBatch, leading: AbortSignal, deadline: number): Promise<unknown> {
    return boundedBy(leading, deadline, (signal) => this.consumer.prepare!({ transactions, log: this.#log, signal }))
  }

  async #failed(error: unknown, state: ConsumerState, batch: NextBatch, signal: AbortSignal): Promise<void> {
    // Stopped, or taken over: it says nothing of the entry.
    if (signal.aborted) return
    const code = codeOf(error)
    if (code === 'lease_lost') {
      this.leave()
      this.#options.onLost()
      return
    }
    if (isPassing(error)) {
      this.#trouble(error)
      return
    }
    if (entriesOf(batch) > 1) {
      this.#carefulUntil = Math.max(batch.end.position, batch.transactions.at(-1)!.position)
      return
    }
    const { now, random, store, storage } = this.#options
    const attempts = state.attempts + 1
    const next = {
      ...state,
      attempts,
      retry: now() + retryDelay(attempts, this.consumer.retry ?? {}, random()),
      error: errorText(error),
    }
    this.#log.warn('what comes next for a consumer has failed, and is tried again', {
      position: batch.transactions[0]!.position,
      attempts,
      err: error,
    })
    await storage.write({ deadline: ownDeadline, isolation: 'committed' }, (session) => store.fail(session, next))
    const { retry, error: text } = next
    Object.assign(state, { attempts, retry, error: text })
  }

  /** The database is away, or what it did is not known. */
  #trouble(error: unknown): void {
    const { now, random } = this.#options
    this.#isUnsure = true
    this.#isBlind ||= codeOf(error) === 'commit_unknown'
    this.#quietUntil = now() + retryDelay(++this.#troubles, trouble, random())
    if (codeOf(error) !== 'shutting_down') this.#log.warn('a consumer waits for the database', { err: error })
  }

  /** @returns whether it is still ours */
  async #readAgain(): Promise<boolean> {
    const { storage, store } = this.#options
    const { name } = this.consumer
    const row = await storage.read({ deadline: ownDeadline }, (session) => store.read(session, name))
    if (row?.fence !== this.state!.fence || this.#isBlind) {
      this.leave()
      this.#options.onLost()
      return false
    }
    // Passed over or not: the row is what is on disk.
    this.state = row
    this.#written = { position: row.position, sequence: row.sequence }
    this.#isUnsure = false
    return true
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof MonoblocError ? error.code : undefined
}

/** Whether an error has nothing to do with what was being done. */
export function isPassing(error: unknown): boolean {
  return passing.includes(codeOf(error) ?? '')
}

/** Work that may await anything, until its time is up or it is of no use any more. @throws MonoblocError `deadline_exceeded` */
export async function boundedBy<T>(
  use: AbortSignal,
  milliseconds: number,
  work: (signal: AbortSignal) => T,
): Promise<Awaited<T>> {
  const late = AbortSignal.timeout(milliseconds)
  const signal = AbortSignal.any([use, late])
  const { promise, reject } = Promise.withResolvers<never>()
  const end = () => reject(late.aborted ? new MonoblocError('deadline_exceeded') : signal.reason)
  signal.addEventListener('abort', end)
  try {
    return await Promise.race([Promise.try(work, signal), promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

function entriesOf({ transactions }: NextBatch): number {
  return transactions.reduce((count, { entries }) => count + entries.length, 0)
}

/** `120`, or of several `120-140`. */
function placesOf({ transactions }: NextBatch): string {
  const first = transactions[0]!.position
  const last = transactions.at(-1)!.position
  return first === last ? `${first}` : `${first}-${last}`
}

/** Of all of them, where it is the same. */
function traceOf({ transactions }: NextBatch): string | null {
  const [{ trace }] = transactions as [NextBatch['transactions'][0]]
  return transactions.every((transaction) => transaction.trace === trace) ? trace : null
}

export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${thrownText(error)}` : thrownText(error)
  return text.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, longestError)
}
