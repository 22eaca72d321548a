import { clearTimeout, setTimeout } from 'node:timers'
import { type ErrorCode, MonoblocError } from '../../errors.ts'
import type { MaybePromise, ReadOptions, Session } from '../storage.ts'
import { answerFor } from './postgres-connect-errors.ts'
import { longestTimer } from './postgres-pool.ts'
import { PostgresReadSession, type ReadSource } from './postgres-read-session.ts'
import { StartOver } from './postgres-session.ts'

/**
 * How often a read whose connection went begins again. When a server ends, all its connections go, and those that wait in
 * the pool are noticed a moment later.
 */
export const mostTries = 3

type Work<T> = (session: Session) => MaybePromise<T>

/** Reads under way, each with its deadline. */
export class PostgresReads {
  readonly #source: ReadSource
  readonly #running = new Set<(why: ErrorCode) => void>()
  #whenIdle: (() => void)[] = []

  constructor(source: ReadSource) {
    this.#source = source
  }

  read<T>({ deadline }: ReadOptions, work: Work<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadlineAt = performance.now() + deadline
      let session: PostgresReadSession | undefined
      const giveUp = (why: ErrorCode) => {
        this.#running.delete(giveUp)
        session?.end(why)
        session?.finish(true)
        reject(new MonoblocError(why))
      }
      const timer =
        deadline < longestTimer ? setTimeout(() => giveUp('deadline_exceeded'), Math.max(0, deadline)) : undefined
      this.#running.add(giveUp)
      this.#attempt(deadlineAt, work, (made) => {
        session = made
      })
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer)
          this.#running.delete(giveUp)
          if (this.#running.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
        })
    })
  }

  /** Resolves when those under way have ended. */
  async drain(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Gives up what is still under way. */
  giveUp(why: ErrorCode): void {
    for (const giveUp of this.#running) giveUp(why)
  }

  async #attempt<T>(deadlineAt: number, work: Work<T>, made: (session: PostgresReadSession) => void): Promise<T> {
    let careful = false
    let tries = 0
    for (;;) {
      const session = new PostgresReadSession(this.#source, deadlineAt, careful, tries === 0)
      made(session)
      let failed = false
      let outcome: unknown
      try {
        outcome = await work(session)
      } catch (error) {
        failed = true
        outcome = error
      }
      const again = this.#again(session, failed, outcome)
      session.end('transaction_ended')
      session.finish(false)
      if (again === 'carefully') careful = true
      else if (again === 'lost' && tries++ < mostTries) continue
      else if (again === 'lost') throw answerFor(session.lost)
      else if (failed) throw outcome
      else return outcome as T
    }
  }

  /** Whether the work has to start over, and how. */
  #again(session: PostgresReadSession, failed: boolean, outcome: unknown): 'carefully' | 'lost' | undefined {
    if (session.ended) return undefined
    if (session.lost !== undefined) return 'lost'
    if (session.startOver || outcome instanceof StartOver || (!failed && session.isFailed)) return 'carefully'
    return undefined
  }
}
