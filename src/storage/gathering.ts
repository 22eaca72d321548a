import { performance } from 'node:perf_hooks'

/** A turn waits for others at most so many times as long as the last ones took to commit. */
const commitsLong = 4

/** And at most for so many milliseconds. */
const longestMillis = 5

/** What is looked at: what the event loop has been told of since the process began, and a monotonic clock in milliseconds. */
export interface Loop {
  events(): number
  now(): number
}

const ownLoop: Loop = {
  events: () => performance.nodeTiming.uvMetricsInfo.events,
  now: () => performance.now(),
}

/**
 * How long a turn waits for others to share it. What a turn costs beside its members (a sync, and the pages that all of them
 * write; to a server two round trips, too) is the same for one as for thirty, and on SQLite nothing else is served meanwhile.
 *
 * - none: no turn waits.
 * - gathering: one does, as long as the event loop finds something to do each time that it looks: requests are being served,
 *   and the next of them may be writes. Once it finds nothing, everybody waits for this turn, and it begins.
 *
 * So a writer that is alone waits for one look, and one among many for a few commits at most. A crash finds nothing done.
 */
export class Gathering {
  readonly #loop: Loop
  #since = 0
  #events: number | undefined
  #isSkipped = false
  /** Of a commit: the mean of the last ones. */
  #commitMillis = 0

  constructor(loop = ownLoop) {
    this.#loop = loop
  }

  /** To be asked once in each round of the event loop. @returns whether the turn begins with this one */
  isOver(): boolean {
    if (this.#isSkipped) {
      this.#isSkipped = false
      this.#events = undefined
      return true
    }
    const before = this.#events
    this.#events = this.#loop.events()
    if (before === undefined) {
      this.#since = this.#loop.now()
      return false
    }
    const longest = Math.min(longestMillis, commitsLong * this.#commitMillis)
    const isOver = before === this.#events || this.#loop.now() - this.#since >= longest
    if (isOver) this.#events = undefined
    return isOver
  }

  /** The next turn has waited for something else. */
  skip(): void {
    this.#isSkipped = true
  }

  committed(millis: number): void {
    this.#commitMillis += (millis - this.#commitMillis) / 8
  }
}
