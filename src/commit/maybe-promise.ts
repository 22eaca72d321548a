import type { MaybePromise } from '../storage/index.ts'

/** Goes on with a value now when it is here, later when it is not: a read in process costs no promise. */
export function then<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
