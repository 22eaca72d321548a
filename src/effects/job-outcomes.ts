import { setTimeout } from 'node:timers'
import { MonoblocError } from '../errors.ts'
import type { Storage } from '../storage/index.ts'
import type { JobStore, SettledJob } from './job-store.ts'

export interface OutcomesOptions {
  storage: Storage
  store: JobStore
  now: () => number
  /** The worker whose jobs they are. */
  worker(): string
  /** They are on disk, or another process has them. */
  noted(count: number, lost: number, ids: () => string[]): void
  /** The database did not take them; they are kept, and tried again. */
  failed(error: unknown): void
}

/** Outcomes of one write, at most: a few milliseconds of a turn. */
const mostAtOnce = 1024

const deadline = 10_000

/** Milliseconds until outcomes that the database did not take are tried again. */
const pause = 200

/**
 * How attempts ended that have no transaction of their own: many are noted by one statement.
 *
 * - empty → gathering: something has ended. → writing: one write is under way, and what ends meanwhile is in the next.
 *
 * A crash leaves the jobs claimed, and another process takes them over: a handler without writes runs twice, which nobody
 * can see.
 */
export class JobOutcomes {
  readonly #options: OutcomesOptions
  #done: string[] = []
  #results: [string, string][] = []
  #settled: SettledJob[] = []
  #progress: [string, string][] = []
  #writing: Promise<void> | undefined
  #since = 0

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#done.length + this.#results.length + this.#settled.length + this.#progress.length
  }

  /** Milliseconds that the first of them waits. */
  get age(): number {
    return this.size === 0 ? 0 : performance.now() - this.#since
  }

  get isWriting(): boolean {
    return this.#writing !== undefined
  }

  done(id: string, result: string | null): void {
    if (this.size === 0) this.#since = performance.now()
    if (result === null) this.#done.push(id)
    else this.#results.push([id, result])
  }

  settle(settled: SettledJob): void {
    if (this.size === 0) this.#since = performance.now()
    this.#settled.push(settled)
  }

  progress(id: string, text: string): void {
    this.#progress.push([id, text])
  }

  /** What was noted for a worker that has lost its lease is another's now. */
  drop(): void {
    const count = this.#done.length + this.#results.length + this.#settled.length
    this.#done = []
    this.#results = []
    this.#settled = []
    this.#progress = []
    if (count > 0) this.#options.noted(0, count, () => [])
  }

  /** Resolves when all that has ended until now is noted, or the database does not take it. */
  flush(): Promise<void> {
    if (!this.#writing) {
      if (this.size === 0) return Promise.resolve()
      this.#writing = this.#writeAll().finally(() => {
        this.#writing = undefined
      })
    }
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    for (let tries = 0; this.size > 0; ) {
      try {
        await this.#write()
        tries = 0
      } catch (error) {
        this.#options.failed(error)
        if (++tries === mostTries || (error instanceof MonoblocError && error.code === 'shutting_down')) return
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  async #write(): Promise<void> {
    const { storage, store, now, worker, noted } = this.#options
    const done = this.#done.splice(0, mostAtOnce)
    const results = this.#results.splice(0, mostAtOnce)
    const settled = this.#settled.splice(0, mostAtOnce)
    const progress = this.#progress.splice(0, mostAtOnce)
    const id = worker()
    try {
      const count = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
        const at = now()
        // Before the end: then nobody has them any more.
        for (const [job, text] of progress) await store.progress(session, id, job, text)
        const counts = [
          ...(done.length > 0 ? [store.complete(session, id, at, done)] : []),
          ...(results.length > 0 ? [store.completeWith(session, id, at, results)] : []),
          ...settled.map((one) => store.settle(session, id, at, one)),
        ]
        let sum = 0
        for (const one of counts) sum += await one
        return sum
      })
      noted(count, done.length + results.length + settled.length - count, () => [
        ...done,
        ...results.map(([id]) => id),
        ...settled.map(({ id }) => id),
      ])
    } catch (error) {
      if (worker() === id) {
        this.#done.unshift(...done)
        this.#results.unshift(...results)
        this.#settled.unshift(...settled)
      } else noted(0, done.length + results.length + settled.length, () => [])
      throw error
    }
  }
}

/** Then whoever flushes next tries again: two seconds are more than a failover of a short transaction's server takes to be told. */
const mostTries = 10
