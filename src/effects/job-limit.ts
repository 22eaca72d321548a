import { checkOptions, MonoblocError } from '../errors.ts'

/** How many jobs of a name run at the same time, over all processes. */
export interface JobConcurrency<Input> {
  /** At most so many: in all, or, with `key`, of each key. */
  limit: number
  /**
   * What it counts by: 1 to 200 characters. The keys take turns; within one the jobs begin in the order in which they were
   * enqueued. With `limit: 1` a job that waits for its next attempt holds its key back, so that this order stays.
   */
  key?(input: Input): string
}

export interface JobRate {
  /** At most so many begin … */
  limit: number
  /** … within so many milliseconds, over all processes. */
  per: number
}

export interface JobLimitOptions<Input> {
  /** How many run at the same time, over all processes. Default: no limit but what the processes have room for. */
  concurrency?: number | JobConcurrency<Input>
  /** How many run at the same time in one process. */
  perProcess?: number
  /** How many begin within a time, over all processes. An attempt counts, not a job. */
  rate?: JobRate
}

/** The limits of a job, as they are kept. */
export interface JobLimits {
  concurrency: JobConcurrency<any> | undefined
  perProcess: number | undefined
  rate: JobRate | undefined
}

const mostAtOnce = 10_000
const mostOfRate = 1_000_000
const longestRate = 24 * 60 * 60_000
const longestKey = 200

/** @throws MonoblocError `definition_invalid` */
export function limitsOf(name: string, options: JobLimitOptions<any>): JobLimits | undefined {
  const { perProcess, rate } = options
  const concurrency = typeof options.concurrency === 'number' ? { limit: options.concurrency } : options.concurrency
  if (concurrency === undefined && perProcess === undefined && rate === undefined) return undefined
  const refuse = (detail: string): never => {
    throw new MonoblocError('definition_invalid', { subject: name, detail: `job("${name}"): ${detail}` })
  }
  const whole = (what: string, value: unknown, most: number) => {
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return
    refuse(`${what} is a whole number from 1 to ${most}.`)
  }
  if (concurrency) {
    checkOptions(`job("${name}").concurrency`, concurrency, { limit: true, key: true })
    whole('concurrency', concurrency.limit, mostAtOnce)
    if (concurrency.key !== undefined && typeof concurrency.key !== 'function')
      refuse('concurrency.key is a function of the input.')
  }
  if (perProcess !== undefined) whole('perProcess', perProcess, mostAtOnce)
  if (rate) {
    checkOptions(`job("${name}").rate`, rate, { limit: true, per: true })
    whole('rate.limit', rate.limit, mostOfRate)
    whole('rate.per', rate.per, longestRate)
  }
  return { concurrency, perProcess, rate }
}

/** The key that a job is counted by; null where there is none. @throws MonoblocError `definition_invalid` */
export function slotOf(name: string, limits: JobLimits | undefined, input: unknown): string | null {
  const key = limits?.concurrency?.key
  if (!key) return null
  const slot: unknown = key(input)
  if (typeof slot === 'string' && slot.length >= 1 && slot.length <= longestKey) return slot
  throw new MonoblocError('definition_invalid', {
    subject: name,
    detail: `job("${name}"): concurrency.key gives a text of 1 to ${longestKey} characters.`,
  })
}

/** Of the time of a rate: so many slices are kept at most, and so much of the rate is lost at most. */
const slicesOfRate = 100

/** When jobs began lately: `[slice, count]`, the oldest first. A slice is a hundredth of the time, at least 1 ms. */
export type RecentStarts = readonly (readonly [number, number])[]

/**
 * How many more may begin now. In no span of `per` milliseconds begin more than `limit`, wherever it lies: what began
 * counts until the slice that it began in is wholly past, which is up to 1 % longer than it must.
 */
export function rateRoom({ limit, per }: JobRate, starts: RecentStarts, now: number): { room: number; until: number } {
  const slice = Math.max(1, Math.floor(per / slicesOfRate))
  const counted = recent(starts, per, slice, now)
  const used = counted.reduce((sum, [, count]) => sum + count, 0)
  const [oldest] = counted
  return { room: Math.max(0, limit - used), until: oldest ? (oldest[0] + 1) * slice + per : now }
}

/** The starts with `count` more, without what counts no longer. */
export function withStarts({ per }: JobRate, starts: RecentStarts, now: number, count: number): RecentStarts {
  const slice = Math.max(1, Math.floor(per / slicesOfRate))
  const kept = recent(starts, per, slice, now).map(([at, many]): [number, number] => [at, many])
  // A clock behind the one that began the last: it is counted with that.
  const at = Math.max(Math.floor(now / slice), kept.at(-1)?.[0] ?? 0)
  const last = kept.at(-1)
  if (last && last[0] === at) last[1] += count
  else kept.push([at, count])
  return kept
}

/** The clocks of several machines differ by less, or much else goes wrong. */
export const clockSkew = 60_000

/** The starts, those of a time that is still far away as if they were of now: the clock was set back since. */
export function withoutFuture({ per }: JobRate, starts: RecentStarts, now: number): RecentStarts {
  const slice = Math.max(1, Math.floor(per / slicesOfRate))
  if (!starts.some(([at]) => at * slice > now + clockSkew)) return starts
  const at = Math.floor(now / slice)
  const kept = starts.filter(([of]) => of < at)
  const others = starts.filter(([of]) => of >= at).reduce((sum, [, count]) => sum + count, 0)
  return [...kept, [at, others]]
}

function recent(starts: RecentStarts, per: number, slice: number, now: number): RecentStarts {
  return starts.filter(([at]) => (at + 1) * slice + per > now)
}
