import { setImmediate } from 'node:timers'

/** Jobs that need the database only are claimed as many at once as are done in about this time, in milliseconds. */
const claimMillis = 100
const firstClaim = 32
const mostClaimed = 1024

/** How many jobs that need the database only are claimed at once: the slower a commit, the more must be in it. */
export class ClaimPace {
  #batch = firstClaim
  #claimedAt = 0

  get batch(): number {
    return this.#batch
  }

  /** Between two full claims lies the time of one, without the disk's. */
  claimed(isFull: boolean, startedAt: number): void {
    const millis = startedAt - this.#claimedAt
    if (isFull && millis < claimMillis / 2) this.#batch = Math.min(mostClaimed, this.#batch * 2)
    else if (isFull && millis > claimMillis * 2) this.#batch = Math.max(1, Math.floor(this.#batch / 2))
    this.#claimedAt = performance.now()
  }
}

/**
 * How many jobs are claimed as they are enqueued: in one write turn no more than can begin with its end. A turn is within
 * one round of the event loop, whatever its transactions: with the next its claims are on shelves, or undone.
 */
export class TurnClaims {
  readonly #counts = { quick: 0, loose: 0 }
  #isCounting = false

  /** @returns whether it is one of the first `places` of its kind */
  take(kind: 'quick' | 'loose', places: number): boolean {
    if (this.#counts[kind] >= places) return false
    this.#counts[kind]++
    if (!this.#isCounting) {
      this.#isCounting = true
      setImmediate(this.#over)
    }
    return true
  }

  #over = (): void => {
    this.#isCounting = false
    this.#counts.quick = 0
    this.#counts.loose = 0
  }
}
