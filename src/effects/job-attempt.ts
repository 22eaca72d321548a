import type { Logger } from '../observe/index.ts'
import type { EffectTools } from './effect.ts'
import { effectTools } from './effect-tools.ts'
import type { Job, JobFacts } from './job.ts'
import type { ClaimedJob } from './job-store.ts'

/**
 * One attempt of a job in this process.
 *
 * - waiting: claimed, and not begun.
 * - running: its handler was called.
 * - ended: what becomes of it is decided. What its handler does from then on changes nothing.
 */
export class JobAttempt {
  readonly job: Job
  readonly claimed: ClaimedJob
  /** Under whose lease it was claimed. */
  readonly worker: string
  state: 'waiting' | 'running' | 'ended' = 'waiting'
  /** JSON that is yet to be written. */
  progress: string | undefined
  timer: NodeJS.Timeout | undefined
  readonly #progressed: () => void
  #abort: AbortController | undefined
  #reason: unknown

  /** @param progressed called when there is progress to write */
  constructor(job: Job, claimed: ClaimedJob, worker: string, progressed: () => void) {
    this.job = job
    this.claimed = claimed
    this.worker = worker
    this.#progressed = progressed
  }

  note(progress: string): void {
    this.progress = progress
    if (this.state === 'running') this.#progressed()
  }

  /** Made when it is asked for: most jobs end before anyone could use it. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#reason !== undefined) this.#abort.abort(this.#reason)
    }
    return this.#abort.signal
  }

  /** Why it was told to stop; undefined while it was not. */
  get reason(): unknown {
    return this.#reason
  }

  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#abort?.abort(reason)
  }
}

/** What a handler is given. What few handlers use is made when they do. */
export class JobHandlerContext {
  readonly input: unknown
  readonly prepared: unknown
  readonly db: unknown
  readonly #attempt: JobAttempt
  readonly #log: Logger
  #effects: EffectTools | undefined

  constructor(attempt: JobAttempt, log: Logger, given: { input: unknown; prepared: unknown; db: unknown }) {
    this.#attempt = attempt
    this.#log = log
    this.input = given.input
    this.prepared = given.prepared
    this.db = given.db
  }

  get emit(): EffectTools['emit'] {
    return (this.#effects ??= effectTools(this.db)).emit
  }

  get enqueue(): EffectTools['enqueue'] {
    return (this.#effects ??= effectTools(this.db)).enqueue
  }

  get job(): JobFacts {
    const { id, name, attempt, attempts, created, cause } = this.#attempt.claimed
    return { id, name, attempt, attempts, createdAt: new Date(created), cause }
  }

  get idempotencyKey(): string {
    return this.#attempt.claimed.id
  }

  get log(): Logger {
    const { id, name, trace } = this.#attempt.claimed
    return this.#log.child({ job: id, name, ...(trace !== null && { trace }) })
  }

  get signal(): AbortSignal {
    return this.#attempt.signal
  }

  get progress(): (value: unknown) => void {
    return (value) => {
      const text = JSON.stringify(value)
      if (text === undefined || text.length > longestProgress)
        throw new RangeError(`progress() takes JSON of at most ${longestProgress} characters.`)
      this.#attempt.note(text)
    }
  }
}

const longestProgress = 4096
