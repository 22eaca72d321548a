import type { MaybePromise } from '../storage/index.ts'

/** One thing after another: what is begun while another is under way waits for its end, whatever that is. */
export class Turns {
  #last: Promise<unknown> | undefined

  /** The end of what has been begun; undefined when it has ended. */
  get last(): Promise<unknown> | undefined {
    return this.#last
  }

  take<T>(work: () => MaybePromise<T>): MaybePromise<T> {
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
