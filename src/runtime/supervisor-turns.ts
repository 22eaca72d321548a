import { readFileSync } from 'node:fs'

/** A process that may be given the turn. */
export interface TurnTaker {
  readonly pid: number
  send(message: { kind: 'turn' | 'turn wanted' }): void
  /** SIGKILL. */
  kill(why: string): void
}

/** How often holders are looked at, in milliseconds. Counted in looks: while the supervisor itself is stopped none counts. */
export const lookMillis = 250

/** Looks after which the next process gets the turn although the last one has not given it: it may be busy with itself. */
const looksUntilPassed = 4

/** Looks after which a holder that has locked the database is killed: 30 s. A large statement may take long, and can't be stopped. */
const looksUntilKilled = 120

/**
 * Passes the turn to write around among processes that share one SQLite file.
 *
 * free → held by one; others wait in line → given back, or its holder gone → the next one's
 *
 * A turn is at most a right to try: what fences is the lock of the file. So a holder that does not give it back within a
 * second is passed over. If the next one then finds the file locked, the one that was passed over has it, and is killed:
 * at once when it is stopped (SIGSTOP, a debugger), which keeps a lock without end, otherwise after 30 s.
 */
export class SupervisorTurns {
  readonly #isStopped: (pid: number) => boolean
  readonly #waiting: TurnTaker[] = []
  #holder: TurnTaker | undefined
  #isAsked = false
  #looks = 0
  /** Holders that were passed over, and for how many looks they have kept others waiting. */
  readonly #late = new Map<TurnTaker, number>()
  /** Somebody has found the file locked since one was passed over. */
  #isLocked = false

  constructor(isStopped: (pid: number) => boolean = isProcessStopped) {
    this.#isStopped = isStopped
  }

  want(taker: TurnTaker): void {
    if (this.#holder === taker || this.#waiting.includes(taker)) return
    this.#late.delete(taker)
    this.#waiting.push(taker)
    if (!this.#holder) this.#pass()
    else this.#ask()
  }

  give(taker: TurnTaker, refused: boolean): void {
    this.#late.delete(taker)
    if (refused && this.#late.size > 0) this.#isLocked = true
    if (this.#holder === taker) this.#pass()
  }

  /** It has ended. */
  forget(taker: TurnTaker): void {
    const at = this.#waiting.indexOf(taker)
    if (at >= 0) this.#waiting.splice(at, 1)
    this.#late.delete(taker)
    if (this.#holder === taker) this.#pass()
  }

  /** Every `lookMillis`. */
  look(): void {
    for (const [taker, looks] of this.#late) {
      this.#late.set(taker, looks + 1)
      if (!this.#isLocked) continue
      if (this.#isStopped(taker.pid)) taker.kill('it is stopped while it holds the lock of the database')
      else if (looks >= looksUntilKilled) taker.kill('it has held the lock of the database for 30 s')
    }
    if (this.#late.size === 0) this.#isLocked = false
    if (!this.#holder || this.#waiting.length === 0) return
    if (++this.#looks < looksUntilPassed) return
    this.#late.set(this.#holder, this.#looks)
    this.#pass()
  }

  #pass(): void {
    this.#holder = this.#waiting.shift()
    this.#isAsked = false
    this.#looks = 0
    this.#holder?.send({ kind: 'turn' })
    if (this.#waiting.length > 0) this.#ask()
  }

  #ask(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    this.#looks = 0
    this.#holder?.send({ kind: 'turn wanted' })
  }
}

/** By SIGSTOP or a debugger. Only Linux tells. */
export function isProcessStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // After the name, which is in parentheses and may hold anything.
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}
