import type { MaybePromise } from '../storage/index.ts'

/** One thing after another: what is begun while another is under way waits for its end, whatever that is. */
export class Turns {
  #last: Promise<unknown> | undefined
  #lastExpected: Promise<unknown> | undefined
  #aside: Promise<unknown>[] | undefined

  /** The end of what has been begun and somebody should have waited for; undefined when it has ended. */
  get last(): Promise<unknown> | undefined {
    return this.#lastExpected
  }

  take<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const result = this.#take(work)
    if (!(result instanceof Promise)) return result
    const settled = this.#last
    this.#lastExpected = settled
    const end = () => {
      if (this.#lastExpected === settled) this.#lastExpected = undefined
    }
    settled!.then(end)
    return result
  }

  /** The same for what nobody need wait for: whoever ends the unit of work does, and hears how it ended. */
  takeAside<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const result = this.#take(work)
    if (!(result instanceof Promise)) return result
    this.#aside ??= []
    this.#aside.push(result)
    return result
  }

  /** The end of all that was taken aside, once; undefined when there is none. Rejects with the first that failed. */
  settled(): Promise<unknown> | undefined {
    const aside = this.#aside
    if (!aside) return undefined
    this.#aside = undefined
    return Promise.all(aside).then(() => this.settled())
  }

  #take<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const result = this.#last ? this.#last.then(work) : work()
    if (!(result instanceof Promise)) return result
    const end = () => {
      if (this.#last === settled) this.#last = undefined
    }
    const settled: Promise<unknown> = result.then(end, end)
    this.#last = settled
    return result
  }
}
