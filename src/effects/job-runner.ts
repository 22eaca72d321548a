import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Diagnostics, Logger } from '../observe/index.ts'
import type { Queries, Storage } from '../storage/index.ts'
import { isLoose, type Job } from './job.ts'
import { JobAttempt } from './job-attempt.ts'
import { attemptFailed } from './job-diagnostics.ts'
import { type JobNews, jobStoreOf, listenForJobs } from './job-enqueue.ts'
import { codeOf, settledByFailure } from './job-failure.ts'
import { type Capacity, JobFeed } from './job-feed.ts'
import { JobFollow } from './job-follow.ts'
import { storeOf } from './job-need-enqueue.ts'
import { JobOutcomes } from './job-outcomes.ts'
import { ClaimPace, TurnClaims } from './job-pace.ts'
import {
  type AttemptEnd,
  asyncSchema,
  inputOf,
  type RunOptions,
  runLoose,
  runPrepare,
  TransactionRun,
  timeLimit,
} from './job-run.ts'
import type { ClaimedJob } from './job-store.ts'
import { JobWorker } from './job-worker.ts'

export interface JobRunnerOptions {
  storage: Storage
  queries: Queries
  units: Units
  now: () => number
  log: Logger
  diagnostics: Diagnostics
  /** Jobs with `prepare` or `transaction: false` that run at the same time in this process. Default 20. */
  concurrency?: number
  /** Milliseconds without a sign of life until others take over. Default 15,000. */
  lease?: number | undefined
  /** Milliseconds that a stop waits for jobs that run. Default 8,000. */
  drain?: number
  random?: () => number
}

/** Signs of life in the time of a lease: three may be late or lost. */
const beatsOfLease = 4

/** Handlers that are called in one round of the event loop: requests come in between. */
const mostOfRound = 64

/** Jobs that have a transaction under way: what a request waits for behind them in a write turn. */
const mostWriting = 32

/** Outcomes are noted together with a claim, when nothing else is to do, or after so many milliseconds. */
const noteMillis = 10

/** Milliseconds that a handler has, once it was told to end, until nobody waits for it any more. */
const graceMillis = 5_000

/** Milliseconds until a claim is tried again that has failed. */
const troubleMillis = 200

/** Milliseconds between two notes of progress. */
const progressMillis = 1_000

/**
 * Runs jobs in this process.
 *
 * - stopped. → joining: its worker gets a lease. → running: it claims, runs and notes. → draining: it claims nothing more,
 *   hands back what has not begun, and waits for what has. → stopped.
 *
 * A crash leaves what was claimed as `running`, under a lease that ends by itself: see `JobWorker`.
 */
export class JobRunner {
  readonly #options: JobRunnerOptions
  readonly #run: RunOptions
  readonly #jobs: ReadonlyMap<string, Job>
  readonly #worker: JobWorker
  readonly #feed: JobFeed
  readonly #outcomes: JobOutcomes
  readonly #follow: JobFollow
  readonly #random: () => number
  readonly #concurrency: number
  #state: 'stopped' | 'running' | 'draining' = 'stopped'
  /** Claimed and not begun. */
  #quick: JobAttempt[] = []
  #loose: JobAttempt[] = []
  /** Begun, by id. */
  readonly #running = new Map<string, JobAttempt>()
  /** In this round. */
  readonly #begun: TransactionRun[] = []
  #looseRunning = 0
  #quickRunning = 0
  #claiming: Promise<void> | undefined
  #isScheduled = false
  #stopping = new AbortController()
  readonly #pace = new ClaimPace()
  readonly #turn = new TurnClaims()
  #noting: NodeJS.Timeout | undefined
  #beat: NodeJS.Timeout | undefined
  #beating: Promise<void> = Promise.resolve()
  #whenIdle: (() => void)[] = []

  constructor(jobs: readonly Job[], options: JobRunnerOptions) {
    const { storage, units, queries, now, log, lease = 15_000, random = Math.random, concurrency = 20 } = options
    this.#options = options
    this.#random = random
    this.#concurrency = concurrency
    this.#jobs = new Map(jobs.map((job) => [job.name, job]))
    const store = jobStoreOf(queries.dialect)
    const worker = () => this.#worker.id
    const failed = (error: unknown) => this.#trouble(error)
    this.#follow = new JobFollow({
      storage,
      queries,
      jobs,
      now,
      failed,
      hasOutcomes: () => this.#outcomes.size > 0,
      found: (names) => this.#feed.found(names),
      released: (released) => {
        for (const { name, due } of released) this.#feed.enqueued(name, due)
      },
    })
    const { parents, limits, limited } = this.#follow
    this.#run = { storage, units, store, now, log, worker, needs: storeOf(queries.dialect), parents }
    this.#worker = new JobWorker(
      {
        storage,
        store,
        now,
        lease,
        lost: () => this.#lost(),
        freed: (names, dead) => {
          log.warn('jobs: a process that ran some has ended or hung, and they are free again', { worker: dead, names })
          this.#feed.found(names)
        },
      },
      queries.dialect,
    )
    this.#feed = new JobFeed({
      storage,
      store,
      now,
      worker,
      failed,
      limits,
      limited,
      own: (name) => this.#own(name),
      looked: (session) => this.#follow.looked(session),
      kinds: new Map(jobs.map((job) => [job.name, isLoose(job.options) ? 'loose' : 'quick'])),
      ready: () => this.#schedule(),
      cancelling: (ids) => {
        const told = this.#attempts().filter(({ claimed }) => ids.includes(claimed.id))
        for (const attempt of told) attempt.abort(new MonoblocError('job_cancelled'))
      },
    })
    this.#outcomes = new JobOutcomes({
      storage,
      store,
      now,
      worker,
      failed,
      noted: (_count, lost, ids) => {
        this.#follow.onDisk(ids)
        if (lost > 0) log.warn('jobs: others have taken over what had ended here', { count: lost })
        this.#schedule()
      },
    })
  }

  async start(): Promise<void> {
    await this.#worker.join()
    this.#state = 'running'
    this.#stopping = new AbortController()
    listenForJobs(this.#options.queries, { heard: this.#heard, idleFor: this.#idleFor, claimed: this.#claimed })
    this.#feed.start()
    const { lease = 15_000 } = this.#options
    this.#beat = setInterval(this.#giveSign, lease / beatsOfLease)
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'draining'
    this.#stopping.abort()
    listenForJobs(this.#options.queries, undefined)
    this.#feed.stop()
    await this.#claiming
    this.#handBack([...this.#quick.splice(0), ...this.#loose.splice(0)])
    const { drain = 8_000 } = this.#options
    if (!(await this.#idleWithin(drain))) {
      for (const attempt of this.#running.values()) attempt.abort(new MonoblocError('shutting_down'))
      // Those that heed their signal have a moment to end.
      await this.#idleWithin(Math.min(drain, 500))
      const left = [...this.#running.values()]
      if (left.length > 0) {
        const names = [...new Set(left.map(({ job }) => job.name))]
        this.#options.log.warn('jobs: these did not end in time, and begin again elsewhere', { names })
      }
      this.#handBack(left)
    }
    clearInterval(this.#beat)
    clearTimeout(this.#noting)
    this.#noting = undefined
    await this.#beating
    await this.#outcomes.flush()
    this.#state = 'stopped'
    this.#looseRunning = 0
    this.#quickRunning = 0
    await this.#worker.leave().catch((error) => this.#trouble(error))
  }

  /** Looks now what there is to do. */
  async wake(): Promise<void> {
    if (this.#state === 'running') await this.#feed.look()
  }

  /** Nothing is due, and nothing runs. */
  async isIdle(): Promise<boolean> {
    if (this.#state !== 'running') return true
    await this.wake()
    // What was found may be held back by its limits: a claim says so. One that is under way began before it was found.
    for (let claims = 0; claims < 2; claims++) {
      await new Promise((resolve) => setImmediate(resolve))
      await this.#claiming
    }
    return !this.#feed.hasReady && this.#isEmpty
  }

  get #isEmpty(): boolean {
    const { size, isWriting } = this.#outcomes
    return (
      this.#running.size === 0 &&
      this.#quick.length === 0 &&
      this.#loose.length === 0 &&
      !this.#claiming &&
      !this.#follow.isWorking &&
      size === 0 &&
      !isWriting
    )
  }

  /** With the next round of the event loop, once for all that has happened in this one. */
  #schedule(): void {
    if (this.#isScheduled || this.#state === 'stopped') return
    this.#isScheduled = true
    // The second follows the first with nothing but microtasks between: Node runs immediates of one round in a row.
    setImmediate(this.#round)
    setImmediate(this.#endRound)
  }

  #round = (): void => {
    this.#isScheduled = false
    for (let count = 0; count < mostOfRound && this.#quick.length > 0 && this.#quickRunning < mostWriting; count++) {
      const run = this.#beginQuick(this.#quick.shift()!)
      if (run) this.#begun.push(run)
    }
    while (this.#loose.length > 0 && this.#looseRunning < this.#concurrency) this.#beginLoose(this.#loose.shift()!)
  }

  #endRound = (): void => {
    // Whoever has neither ended by now nor asked anything awaits something else.
    for (const run of this.#begun.splice(0)) if (run.isOutside) run.refuse()
    this.#next()
  }

  #next(): void {
    if (this.#quick.length > 0 && this.#quickRunning < mostWriting) this.#schedule()
    const isLow = this.#quick.length <= this.#pace.batch / 4
    const claims = isLow && this.#state === 'running' && !this.#claiming && this.#feed.hasReady && this.#claim()
    // Both are in one commit then.
    if (claims || this.#quick.length === 0 || this.#outcomes.age >= noteMillis) void this.#outcomes.flush()
    if (this.#running.size === 0 && this.#isEmpty) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** @returns whether it has begun to */
  #claim(): boolean {
    const capacity: Capacity = {
      quick: Math.max(0, this.#pace.batch - this.#quick.length),
      loose: Math.max(0, this.#concurrency - this.#looseRunning - this.#loose.length),
    }
    if (!this.#feed.canClaim(capacity)) return false
    const startedAt = performance.now()
    this.#claiming = this.#feed
      .claim(capacity)
      .then(
        (claimed) => this.#take(claimed, capacity, startedAt),
        (error) => {
          this.#trouble(error)
          return pause(troubleMillis, undefined, { signal: this.#stopping.signal }).catch(() => {})
        },
      )
      .finally(() => {
        this.#claiming = undefined
        this.#schedule()
      })
    return true
  }

  #take(claimed: readonly ClaimedJob[], capacity: Capacity, startedAt: number): void {
    for (const row of claimed)
      this.#shelve(new JobAttempt(this.#jobs.get(row.name)!, row, this.#worker.id, this.#progressed))
    const quick = claimed.filter(({ name }) => !isLoose(this.#jobs.get(name)!.options)).length
    this.#pace.claimed(quick > 0 && quick >= capacity.quick, startedAt)
  }

  #shelve(attempt: JobAttempt): void {
    if (isLoose(attempt.job.options)) this.#loose.push(attempt)
    else this.#quick.push(attempt)
  }

  #beginQuick(attempt: JobAttempt): TransactionRun | undefined {
    this.#begin(attempt)
    this.#quickRunning++
    const ended = (end: AttemptEnd) => {
      if (attempt.state === 'ended') return
      this.#quickRunning--
      this.#end(attempt, end)
    }
    try {
      // Told so before it began.
      if (attempt.reason !== undefined) throw attempt.reason
      const input = inputOf(attempt)
      if (input instanceof Promise) throw asyncSchema(attempt, input)
      const run = new TransactionRun(this.#run, attempt, { input, prepared: undefined }, timeLimit(attempt), ended)
      run.start()
      return run
    } catch (error) {
      ended({ kind: 'failed', error })
      return undefined
    }
  }

  #beginLoose(attempt: JobAttempt): void {
    this.#begin(attempt)
    this.#looseRunning++
    const until = performance.now() + timeLimit(attempt)
    const ended = (end: AttemptEnd) => {
      if (attempt.state === 'ended') return
      clearTimeout(attempt.timer)
      this.#looseRunning--
      this.#end(attempt, end)
    }
    const failed = (error: unknown) => ended({ kind: 'failed', error: attempt.reason ?? error })
    attempt.timer = setTimeout(() => {
      attempt.abort(new MonoblocError('job_timeout', { subject: attempt.job.name }))
      attempt.timer = setTimeout(() => failed(attempt.reason), graceMillis)
    }, timeLimit(attempt))
    this.#loosely(attempt, until, ended).catch(failed)
  }

  async #loosely(attempt: JobAttempt, until: number, ended: (end: AttemptEnd) => void): Promise<void> {
    if (attempt.reason !== undefined) throw attempt.reason
    const input = await inputOf(attempt)
    if (!attempt.job.options.prepare) {
      ended(await runLoose(this.#run, attempt, input))
      return
    }
    const prepared = await runPrepare(this.#run, attempt, input)
    if (attempt.reason !== undefined) throw attempt.reason
    if (attempt.state === 'ended') return
    if (attempt.job.options.transaction === false) {
      ended(await runLoose(this.#run, attempt, input, prepared))
      return
    }
    const left = Math.max(1, until - performance.now())
    const run = new TransactionRun(this.#run, attempt, { input, prepared }, left, ended)
    setImmediate(() => run.start())
    setImmediate(() => run.isOutside && run.refuse())
  }

  #begin(attempt: JobAttempt): void {
    attempt.state = 'running'
    this.#running.set(attempt.claimed.id, attempt)
  }

  #end(attempt: JobAttempt, end: AttemptEnd): void {
    attempt.state = 'ended'
    const { claimed } = attempt
    // Of one that was lost, the next attempt may be here too by now, and nothing of this one counts.
    const isLost = attempt.worker !== this.#worker.id
    const isLast = this.#running.get(claimed.id) === attempt && this.#running.delete(claimed.id)
    this.#follow.over(claimed, isLast)
    this.#noteProgress(attempt)
    if (end.kind === 'done') !isLost && this.#outcomes.done(claimed.id, end.result)
    else if (end.kind === 'failed') this.#fail(attempt, end.error)
    else this.#follow.onDisk(() => [claimed.id])
    this.#schedule()
  }

  readonly #heard = (name: string, news: JobNews): void => {
    if (news.due !== undefined) this.#feed.enqueued(name, news.due)
    this.#follow.heard(news)
    const { ended } = news
    if (ended) void this.wake().then(() => this.#follow.ended(ended))
  }

  readonly #idleFor = (job: Job): string | undefined => {
    if (job.limits || !this.#jobs.has(job.name)) return undefined
    const isIdle = !this.#claiming && !this.#feed.hasReady && this.#quick.length + this.#loose.length === 0
    if (!isIdle) return undefined
    const begins = isLoose(job.options)
      ? this.#turn.take('loose', this.#concurrency - this.#looseRunning)
      : this.#turn.take('quick', mostWriting - this.#quickRunning)
    return begins ? this.#worker.id : undefined
  }

  readonly #claimed = (worker: string, row: ClaimedJob): void => {
    // Of a lease that has ended meanwhile, whoever ended it has taken over the claims.
    if (worker !== this.#worker.id || this.#state === 'stopped') return
    const attempt = new JobAttempt(this.#jobs.get(row.name)!, row, this.#worker.id, this.#progressed)
    if (this.#state === 'running') this.#shelve(attempt)
    else this.#handBack([attempt])
    this.#schedule()
  }

  /** How many of a name are claimed by this process. */
  #own(name: string): number {
    return this.#attempts().filter(({ claimed }) => claimed.name === name).length
  }

  #attempts(): JobAttempt[] {
    return [...this.#quick, ...this.#loose, ...this.#running.values()]
  }

  #fail(attempt: JobAttempt, error: unknown): void {
    const { claimed, job } = attempt
    attempt.abort(error instanceof Error ? error : new MonoblocError('job_failed'))
    const { diagnostics, now } = this.#options
    const isLost = codeOf(error) === 'lease_lost'
    const settled = settledByFailure(job, claimed, error, { now: now(), random: this.#random() })
    // Whoever has taken it over says what becomes of it.
    if (!isLost) {
      this.#outcomes.settle(settled)
      if (settled.state === 'delayed') this.#feed.enqueued(job.name, settled.due)
    }
    attemptFailed(diagnostics, claimed, isLost ? 'lost' : settled.state, error)
  }

  #noteProgress(attempt: JobAttempt): void {
    if (attempt.progress === undefined || attempt.worker !== this.#worker.id) return
    this.#outcomes.progress(attempt.claimed.id, attempt.progress)
    attempt.progress = undefined
    this.#schedule()
  }

  /** Somebody has something to note, which is written with what others note until then. */
  readonly #progressed = (): void => {
    this.#noting ??= setTimeout(() => {
      this.#noting = undefined
      for (const attempt of this.#running.values()) this.#noteProgress(attempt)
    }, progressMillis)
  }

  /** As if they had never been claimed. */
  #handBack(attempts: readonly JobAttempt[]): void {
    for (const attempt of attempts) {
      if (attempt.state === 'ended') continue
      attempt.state = 'ended'
      clearTimeout(attempt.timer)
      this.#running.delete(attempt.claimed.id)
      const { id, attempt: number, due } = attempt.claimed
      this.#outcomes.settle({ id, attempt: number, state: 'queued', due, ended: null, error: null, counted: 0 })
    }
  }

  /** Others have what this process had claimed. */
  #lost(): void {
    const error = new MonoblocError('lease_lost', { subject: 'worker' })
    this.#options.log.warn('jobs: this process gave no sign of life for too long, and others have its jobs')
    this.#outcomes.drop()
    for (const attempt of [...this.#quick.splice(0), ...this.#loose.splice(0)]) attempt.state = 'ended'
    for (const attempt of this.#running.values()) attempt.abort(error)
  }

  readonly #giveSign = (): void => {
    this.#beating = this.#worker.beat().catch((error) => this.#trouble(error))
  }

  #trouble(error: unknown): void {
    const code = codeOf(error)
    if (code === 'shutting_down' && this.#state !== 'running') return
    if (code === 'commit_unknown') this.#worker.giveUp()
    if (code === 'lease_lost') this.#giveSign()
    else this.#options.log.warn('jobs: the database did not answer, and is asked again', { err: error })
  }

  async #idleWithin(millis: number): Promise<boolean> {
    if (this.#isEmpty) return true
    this.#schedule()
    let timer: NodeJS.Timeout | undefined
    const idle = new Promise<boolean>((resolve) => {
      this.#whenIdle.push(() => resolve(true))
      timer = setTimeout(resolve, millis, false)
    })
    return idle.finally(() => clearTimeout(timer))
  }
}
