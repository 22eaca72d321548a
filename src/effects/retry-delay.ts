/** How what has failed is tried again: after a delay that doubles each time. */
export interface RetryOptions {
  /** Milliseconds before the second try. Default 1,000. */
  delay?: number
  /** Milliseconds between two tries, at most. Default 5 minutes: who mends something elsewhere sees it go on soon. */
  longest?: number
}

const defaultLongest = 300_000

// Beyond it 2 ** n is above every `longest`.
const mostDoublings = 40

/**
 * Milliseconds until the next try. Half of it is random, so that what failed together does not come back together.
 *
 * @param attempts how often it has failed: 1, 2, …
 * @param random from 0 to 1
 */
export function retryDelay(
  attempts: number,
  { delay = 1000, longest = defaultLongest }: RetryOptions,
  random: number,
): number {
  const whole = Math.min(longest, delay * 2 ** Math.min(attempts - 1, mostDoublings))
  return Math.ceil(whole / 2 + (whole / 2) * random)
}

/**
 * Whether a try is still to come. One that is further away than any is noted is due: the clock was set back since.
 *
 * @param until when it is due
 */
export function isResting(until: number, { longest = defaultLongest }: RetryOptions = {}, now: number): boolean {
  return until > now && until - now <= longest
}
