import { createRequire } from 'node:module'
import type { Cron as CronType } from 'croner'
import { MonoblocError } from '../errors.ts'
import { type Duration, millisecondsOf } from '../schema/index.ts'
import { WallClock } from './schedule-zone.ts'

/** When a schedule runs, in milliseconds since 1970. */
export interface Ticks {
  /** The first tick after an instant; null when there is none any more. */
  after(instant: number): number | null
}

// A tick is a transaction: more of them than one a second is no schedule any more.
const shortest = 1000
// Of an interval. Beyond it a date is meant.
const longest = 366 * 86_400_000
// The longest wait between two dates of the calendar is that from one 29th of February to the next but one: 8 years.
const soon = 9 * 366 * 86_400_000

let loaded: typeof CronType | undefined

function croner(): typeof CronType {
  loaded ??= (createRequire(import.meta.url)('croner') as { Cron: typeof CronType }).Cron
  return loaded
}

function invalid(subject: string, detail: string, cause?: unknown): MonoblocError {
  return new MonoblocError('definition_invalid', { subject, detail, cause })
}

/**
 * The ticks of a cron expression in a time zone: five fields (minute, hour, day, month, weekday) or six (seconds first), or
 * `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. A local time that is skipped is a tick at the first instant
 * after the gap, and one that is repeated is a tick the first time.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function cronTicks(cron: string, timezone: string): Ticks {
  const clock = new WallClock(timezone)
  if (typeof cron !== 'string' || !/^\s*(@\w+|\S+(\s+\S+){4,5})\s*$/.test(cron))
    throw invalid(String(cron), `${JSON.stringify(cron)} is no cron expression: write "0 7 * * *" for each day at 7.`)
  let calendar: CronType
  try {
    // It reckons in wall times, which the clock makes into instants: its own handling of zones is another.
    calendar = new (croner())(cron, { utcOffset: 0, mode: '5-or-6-parts', paused: true })
  } catch (cause) {
    const why = (cause as Error).message.replace(/^CronPattern: /, '')
    throw invalid(cron, `${JSON.stringify(cron)} is no cron expression: ${why}`, cause)
  }
  if (!calendar.nextRun(new Date(0)) || calendar.nextRun(new Date(0))!.getTime() > soon)
    throw invalid(cron, `${JSON.stringify(cron)} names a date that never comes.`)
  return {
    after(instant) {
      let wall = clock.at(instant)
      for (;;) {
        const next = calendar.nextRun(new Date(wall))
        if (!next) return null
        wall = next.getTime()
        const tick = clock.instantOf(wall)
        // In a repeated hour the clock shows again what was a tick the first time.
        if (tick > instant) return tick
      }
    },
  }
}

/** @throws MonoblocError `definition_invalid` */
export function intervalOf(every: Duration): number {
  const interval = millisecondsOf(every)
  if (interval >= shortest && interval <= longest) return interval
  throw invalid(every, `every: ${JSON.stringify(every)}: an interval has at least 1s and at most 366d.`)
}

/** Every so many milliseconds since an instant, whatever any clock on a wall shows. */
export function intervalTicks(interval: number, since: number): Ticks {
  return { after: (instant) => since + Math.max(Math.floor((instant - since) / interval) + 1, 1) * interval }
}

/** The last tick from `from`, which is one, until `until`. */
export function lastTick(ticks: Ticks, from: number, until: number): number {
  const isEarly = (instant: number) => {
    const next = ticks.after(instant)
    return next !== null && next <= until
  }
  if (!isEarly(from)) return from
  // A tick follows `low` in time, and none `high`.
  let [low, high] = [from, until]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isEarly(middle)) low = middle
    else high = middle
  }
  return ticks.after(low)!
}
