import type { MaybePromise } from '../storage.ts'

/**
 * Goes on with a value now when it is here, later when it is not: a read in process costs no promise. (It is not called
 * `then`: a module that exports one is a promise to whoever imports it dynamically.)
 */
export function chain<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Answers a failure, whether it comes at once or later. */
export function attempt<T>(work: () => MaybePromise<T>, failed: (error: unknown) => MaybePromise<T>): MaybePromise<T> {
  try {
    const value = work()
    return value instanceof Promise ? value.catch(failed) : value
  } catch (error) {
    return failed(error)
  }
}

/** One after another, as far as possible at once. */
export function each<T>(items: readonly T[], work: (item: T) => MaybePromise<unknown>, from = 0): MaybePromise<void> {
  for (let at = from; at < items.length; at++) {
    const done = work(items[at]!)
    if (done instanceof Promise) return done.then(() => each(items, work, at + 1))
  }
}
