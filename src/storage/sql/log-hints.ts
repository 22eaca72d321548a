import { setImmediate } from 'node:timers'
import type { MaybePromise } from '../storage.ts'

/**
 * Milliseconds between two looks at what others have committed. A look costs microseconds on SQLite and some 60 on a
 * PostgreSQL server; whoever waits for another process waits half of this on average.
 */
const lookMillis = 100

export interface HintOptions {
  /** Whether the log has grown, or may have, since it was asked last. It may fail: it is asked again. */
  hasGrown(): MaybePromise<boolean>
  /** The first listener has come, or the last has gone. */
  onWatched?(isWatched: boolean): void
}

/**
 * Tells those who follow the log that it may have grown.
 *
 * - resting: nobody listens, and nothing runs.
 * - watching: what this process commits is told at the end of the round of the event loop, once for all of it; and a timer
 *   looks for what others have committed.
 *
 * A hint holds nothing, so that one which is lost or comes for nothing does no harm: the listener asks `tail`.
 */
export class LogHints {
  readonly #options: HintOptions
  readonly #listeners = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #isTelling = false

  constructor(options: HintOptions) {
    this.#options = options
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0
  }

  /** @returns stops it; may be called twice */
  add(listener: () => void): () => void {
    // The same function may listen twice.
    const own = () => listener()
    this.#listeners.add(own)
    if (!this.#timer) {
      this.#timer = setInterval(this.#look, lookMillis).unref()
      this.#options.onWatched?.(true)
    }
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.close()
    }
  }

  /** The log may have grown. */
  tell(): void {
    if (this.#isTelling || !this.isWatched) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      for (const listener of [...this.#listeners]) listener()
    })
  }

  close(): void {
    this.#listeners.clear()
    if (!this.#timer) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#options.onWatched?.(false)
  }

  // A slow answer is waited for: looks must not pile up.
  #look = async (): Promise<void> => {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      if (await this.#options.hasGrown()) this.tell()
    } catch {
      // The database is away for a moment; whoever follows the log hears of it when it asks.
    } finally {
      this.#isLooking = false
    }
  }
}
