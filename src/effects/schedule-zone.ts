import { MonoblocError } from '../errors.ts'

const second = 1000
const day = 86_400_000

/**
 * The clock on the wall in one time zone (IANA). A wall time is written as the milliseconds of the same date and time in
 * UTC, so that calendars can reckon with it.
 */
export class WallClock {
  readonly #format: Intl.DateTimeFormat

  /** @throws MonoblocError `definition_invalid` */
  constructor(timezone: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: timezone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })
    } catch (cause) {
      throw new MonoblocError('definition_invalid', {
        subject: String(timezone),
        detail: `${JSON.stringify(timezone)} is no time zone that is known here: say one such as Europe/Paris.`,
        cause,
      })
    }
  }

  at(instant: number): number {
    return instant + this.#offset(instant)
  }

  /**
   * When the clock shows this: the first time, where it does so twice; where it never does (it is set forward meanwhile),
   * the first instant after the gap.
   */
  instantOf(wall: number): number {
    // No zone is further than a day from UTC, nor changes twice within two: these are the offsets before and after a change.
    const before = this.#offset(wall - day)
    const after = this.#offset(wall + day)
    const shown = [wall - before, wall - after].filter((instant) => this.at(instant) === wall)
    return shown.length > 0 ? Math.min(...shown) : this.#firstWithout(before, wall - after, wall - before)
  }

  /** The first instant after `from`, until `to`, that has another offset. */
  #firstWithout(offset: number, from: number, to: number): number {
    let [low, high] = [from, to]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#offset(middle) === offset) low = middle
      else high = middle
    }
    return high
  }

  #offset(instant: number): number {
    const whole = Math.floor(instant / second) * second
    const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of this.#format.formatToParts(whole)) shown[type] = Number(value)
    const { year, month, day, hour, minute, second: seconds } = shown
    return Date.UTC(year!, month! - 1, day, hour, minute, seconds) - whole
  }
}
