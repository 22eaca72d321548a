/** A stretch of time; its parts are added up. */
export interface Span {
  days?: number
  hours?: number
  minutes?: number
  seconds?: number
  milliseconds?: number
}

/** The time of one test backend. It goes as the machine's does until it is set; from then on it stands still. */
export interface TestClock {
  now(): Date
  /** Forward, or back by a negative span; a clock that goes keeps going, and one that stands keeps standing. */
  move(by: Span): void
  /** To an instant (`2030-01-31T09:00:00Z`), where it stands. */
  set(to: Date | string): void
}

const milliseconds = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000, milliseconds: 1 }

export function createTestClock(): TestClock {
  let offset = 0
  let stands: number | undefined
  return {
    now: () => new Date(stands ?? Date.now() + offset),
    move(by) {
      let span = 0
      for (const [unit, count] of Object.entries(by)) {
        const length = milliseconds[unit as keyof Span]
        // A misspelled unit must not move nothing in silence.
        if (!length || !Number.isFinite(count)) throw new TypeError(`A span has no ${unit}: ${count}`)
        span += count * length
      }
      if (stands === undefined) offset += span
      else stands += span
    },
    set(to) {
      const instant = new Date(to).getTime()
      if (Number.isNaN(instant)) throw new TypeError(`This is no instant: ${String(to)}`)
      stands = instant
    },
  }
}
