import type { Queries, Session, Storage } from '../storage/index.ts'
import type { Job } from './job.ts'
import { LimitedClaims } from './job-claim.ts'
import { type JobNews, parentsOf, readInput } from './job-enqueue.ts'
import { type JobLimits, slotOf } from './job-limit.ts'
import { JobNeeds, type Released } from './job-need.ts'
import { storeOf } from './job-need-enqueue.ts'
import type { ClaimedJob } from './job-store.ts'

export interface FollowOptions {
  storage: Storage
  queries: Queries
  jobs: readonly Job[]
  now: () => number
  /** Whether outcomes are yet to be written. */
  hasOutcomes(): boolean
  /** There may be something to claim of these names. */
  found(names: readonly string[]): void
  released(jobs: readonly Released[]): void
  failed(error: unknown): void
}

const deadline = 10_000

/** Milliseconds between two looks for jobs that an older version of the app enqueued without the key of their limit. */
const adoptMillis = 60_000
const adoptedAtOnce = 500

/** The key of jobs whose input can not be read any more. */
const unreadable = '?'

/** What the end of a job means for others: those that wait for it, and those that its limits hold back. */
export class JobFollow {
  readonly limits: ReadonlyMap<string, JobLimits>
  readonly limited: LimitedClaims
  /** The jobs of this process that have children. */
  readonly parents: Set<string>
  readonly #options: FollowOptions
  readonly #needs: JobNeeds
  readonly #keyed: readonly Job[]
  /** Names with limits of which something has ended that may not be on disk yet. */
  readonly #freed = new Set<string>()
  #adoptedAt = -Infinity

  constructor(options: FollowOptions) {
    const { storage, queries, jobs, now, released, failed } = options
    this.#options = options
    this.limits = new Map(jobs.flatMap(({ name, limits }) => (limits ? [[name, limits]] : [])))
    this.limited = new LimitedClaims(queries.dialect)
    this.parents = parentsOf(queries)
    this.#keyed = jobs.filter(({ limits }) => limits?.concurrency?.key)
    this.#needs = new JobNeeds({ storage, store: storeOf(queries.dialect), now, released, failed })
  }

  get isWorking(): boolean {
    return this.#needs.isWorking
  }

  heard({ waits }: JobNews): void {
    if (waits) this.#needs.used()
  }

  /** Reads what a look at the database shows. @returns what is to be done about it */
  async looked(session: Session): Promise<(() => void) | undefined> {
    const needs = await this.#needs.looked(session)
    const adopts = this.#keyed.length > 0 && performance.now() - this.#adoptedAt > adoptMillis
    if (!adopts) return needs
    this.#adoptedAt = performance.now()
    return () => {
      needs?.()
      this.#adopt().catch(this.#options.failed)
    }
  }

  /** An attempt is over in this process. @param isLast no other one of the job has begun here */
  over({ id, name }: ClaimedJob, isLast: boolean): void {
    if (this.limits.size > 0 && this.limits.has(name)) this.#freed.add(name)
    if (isLast && this.parents.size > 0) this.parents.delete(id)
  }

  /** Jobs have ended, and that is on disk. */
  onDisk(ids: () => readonly string[]): void {
    if (this.#needs.isUsed) this.#needs.ended(ids())
    if (this.#freed.size === 0) return
    const names = [...this.#freed]
    if (!this.#options.hasOutcomes()) this.#freed.clear()
    this.#options.found(names)
  }

  /** Somebody else says so. */
  ended(ids: readonly string[]): void {
    this.#needs.ended(ids)
  }

  async #adopt(): Promise<void> {
    const { storage, found } = this.#options
    for (const job of this.#keyed) {
      for (let count = adoptedAtOnce; count === adoptedAtOnce; ) {
        count = await storage.write({ deadline, isolation: 'committed' }, (session) =>
          this.limited.adopt(session, job.name, adoptedAtOnce, (input) => keyOf(job, input)),
        )
        if (count > 0) found([job.name])
      }
    }
  }
}

async function keyOf(job: Job, input: string): Promise<string> {
  try {
    return slotOf(job.name, job.limits, await readInput(job, input)) ?? unreadable
  } catch {
    return unreadable
  }
}
