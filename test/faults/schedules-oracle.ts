import { interval, local } from './schedules-app.ts'

// When schedules are due by the zones of Temporal, with which the code under test has nothing to do.

interface Zoned {
  epochMilliseconds: number
  toPlainDateTime(): { equals(other: unknown): boolean }
}

interface Temporals {
  PlainDateTime: new (
    ...parts: [year: number, month: number, day: number, hour: number, minute: number]
  ) => { dayOfWeek: number; toZonedDateTime(zone: string, options: { disambiguation: 'earlier' }): Zoned }
  Instant: {
    fromEpochMilliseconds(at: number): {
      toZonedDateTimeISO(zone: string): {
        getTimeZoneTransition(direction: 'next'): { epochMilliseconds: number } | null
      }
    }
  }
}

const { Temporal } = globalThis as unknown as { Temporal: Temporals }
const day = 86_400_000

/** All ticks after `from`, until `until`: `paris 2026-03-29T01:00:00.000Z`, in the order of their times. */
export function expectedTicks(from: number, until: number): { name: string; at: number }[] {
  const found = local.flatMap(({ name, zone, hour, minute, weekday }) => {
    const ticks: { name: string; at: number }[] = []
    for (let date = from - 2 * day; date < until + 2 * day; date += day) {
      const [year, month, dayOfMonth] = new Date(date).toISOString().slice(0, 10).split('-').map(Number)
      const plain = new Temporal.PlainDateTime(year!, month!, dayOfMonth!, hour, minute)
      if (weekday !== undefined && plain.dayOfWeek % 7 !== weekday) continue
      const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' })
      const instant = Temporal.Instant.fromEpochMilliseconds(earlier.epochMilliseconds)
      const isSkipped = !earlier.toPlainDateTime().equals(plain)
      const at = isSkipped
        ? instant.toZonedDateTimeISO(zone).getTimeZoneTransition('next')!.epochMilliseconds
        : earlier.epochMilliseconds
      ticks.push({ name, at })
    }
    return ticks
  })
  for (let at = from; at <= until; at += interval.days * day) found.push({ name: interval.name, at })
  return found.filter(({ at }) => at > from && at <= until).toSorted((a, b) => a.at - b.at)
}
