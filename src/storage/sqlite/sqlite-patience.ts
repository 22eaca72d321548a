import { setTimeout as wait } from 'node:timers/promises'
import { isBusy } from './sqlite-errors.ts'

/**
 * Tries until nobody else holds the lock, without stopping the process meanwhile. The last error is thrown when that takes
 * longer than `millis`.
 *
 * Pauses are of chance, 5 to 25 ms: of many processes that start at once none meets the same other one each time.
 */
export async function patiently<T>(millis: number, attempt: () => T): Promise<T> {
  const until = performance.now() + millis
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
    }
    await wait(5 + Math.random() * 20)
  }
}
