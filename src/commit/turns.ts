import type { MaybePromise } from '../storage/index.ts'

/** One thing after another: what is begun while another is under way waits for its end, whatever that is. */
export class Turns {
  #last: Promise<unknown> | undefined

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
