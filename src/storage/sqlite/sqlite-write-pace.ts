import type { WriteMember } from './sqlite-write-queue.ts'

/** Milliseconds from one try to the next, at least and at most. A try that is refused costs 3 microseconds and a timer. */
const shortestPause = 1
const longestPause = 20

/** How fast pauses become shorter with age: in the middle of its deadline one asks 16 times as often as in the beginning. */
const urgency = 4

/** Having waited for longer than this the last time, one is in a crowd. */
const crowdedMillis = 100

/** Having seen others write, one leaves them a gap for so long. */
const courtesyMillis = 1_000

/**
 * How processes that share a file, and that nobody passes turns around for, keep out of each other's way. SQLite has no
 * queue for its lock: who asks at the right moment has it.
 *
 * - Who is refused asks again after 1 ms, then 2, 4, and so on up to 20: where few write the lock is free soon. In a crowd
 *   everybody begins with 20. The more of its deadline has passed the more often one asks, so that who has waited for
 *   longest is likeliest to be next, and nobody starves while others are served.
 * - Who has written while others do leaves a gap before the next turn. Without it, a process under load would release the
 *   lock for microseconds, and the others would hardly ever ask within them.
 *
 * Pauses are of chance, so that two don't ask at the same moments for ever.
 */
export class WritePace {
  /** When this turn was first refused, and how often it was. */
  #refusedAt: number | undefined
  #refusals = 0
  #isCrowded = false
  #othersAt = Number.NEGATIVE_INFINITY

  /** A turn has begun. */
  begun(othersCommitted: boolean): void {
    const now = performance.now()
    const wait = this.#refusedAt === undefined ? 0 : now - this.#refusedAt
    if (othersCommitted || wait > 0) this.#othersAt = now
    this.#isCrowded = wait > crowdedMillis
    this.#refusedAt = undefined
    this.#refusals = 0
  }

  /** Someone else has the lock. @returns milliseconds until the next try */
  refused({ since, deadlineAt }: Pick<WriteMember, 'since' | 'deadlineAt'>): number {
    const now = performance.now()
    this.#refusedAt ??= now
    const left = Math.max(0, (deadlineAt - now) / (deadlineAt - since))
    const patient = longestPause * left ** urgency
    const hopeful = this.#isCrowded ? longestPause : 2 ** this.#refusals++
    return Math.max(shortestPause, Math.min(patient, hopeful)) * (0.5 + Math.random())
  }

  /** @returns milliseconds until the next turn: 0 where nobody else has written lately */
  courtesy(): number {
    if (performance.now() - this.#othersAt > courtesyMillis) return 0
    return (this.#isCrowded ? longestPause : 3) * (0.5 + Math.random())
  }
}
