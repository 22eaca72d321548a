import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cronTicks, intervalOf, intervalTicks, lastTick, type Ticks } from './schedule-ticks.ts'

const instant = (text: string) => Date.parse(text)
const refused = expect.objectContaining({ code: 'definition_invalid' })

/** Ticks after an instant, as text. */
function next(ticks: Ticks, after: string, count: number): string[] {
  const found: string[] = []
  for (let at = ticks.after(instant(after)); at !== null && found.length < count; at = ticks.after(at))
    found.push(new Date(at).toISOString().replace('.000', ''))
  return found
}

describe('a clock that is set forward', () => {
  test('Paris, where 02:30 does not exist: once, at the first instant after the gap', () => {
    expect(next(cronTicks('30 2 * * *', 'Europe/Paris'), '2026-03-28T00:00Z', 3)).toEqual([
      '2026-03-28T01:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00Z',
    ])
  })

  test('what falls into the gap several times is one tick, the same as that at its end', () => {
    expect(next(cronTicks('*/20 2-3 * * *', 'Europe/Paris'), '2026-03-29T00:00Z', 3)).toEqual([
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:20:00Z',
      '2026-03-29T01:40:00Z',
    ])
  })

  test('Lord Howe, which moves by half an hour', () => {
    expect(next(cronTicks('15 2 * * *', 'Australia/Lord_Howe'), '2026-10-02T16:00Z', 3)).toEqual([
      '2026-10-03T15:30:00Z',
      '2026-10-04T15:15:00Z',
      '2026-10-05T15:15:00Z',
    ])
  })

  test('Apia, which left out a day', () => {
    expect(next(cronTicks('0 9 30 12 *', 'Pacific/Apia'), '2011-12-01T00:00Z', 2)).toEqual([
      '2011-12-30T10:00:00Z',
      '2012-12-29T19:00:00Z',
    ])
  })
})

describe('a clock that is set back', () => {
  test('Paris, where 02:30 comes twice: the first time', () => {
    expect(next(cronTicks('30 2 * * *', 'Europe/Paris'), '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00Z',
    ])
  })

  test('asked in the second of the two hours, it does not name the first', () => {
    expect(next(cronTicks('30 2 * * *', 'Europe/Paris'), '2026-10-25T01:10Z', 1)).toEqual(['2026-10-26T01:30:00Z'])
  })

  test('Santiago, where midnight comes twice', () => {
    expect(next(cronTicks('30 23 * * 6', 'America/Santiago'), '2026-04-04T00:00Z', 2)).toEqual([
      '2026-04-05T02:30:00Z',
      '2026-04-12T03:30:00Z',
    ])
  })

  test('an interval heeds no clock on a wall', () => {
    const ticks = intervalTicks(intervalOf('1h'), instant('2026-10-25T00:30Z'))
    expect(next(ticks, '2026-10-25T00:30Z', 3)).toEqual([
      '2026-10-25T01:30:00Z',
      '2026-10-25T02:30:00Z',
      '2026-10-25T03:30:00Z',
    ])
  })
})

describe('what is refused', () => {
  test.each([
    ['', 'UTC'],
    ['hello', 'UTC'],
    ['60 * * * *', 'UTC'],
    ['* * * *', 'UTC'],
    ['* * * * * * *', 'UTC'],
    ['0 0 30 2 *', 'UTC'],
    ['0 0 31 4,6 *', 'UTC'],
    ['@reboot', 'UTC'],
    ['2026-01-01T00:00:00', 'UTC'],
    ['0 7 * * *', 'Europe/Pari'],
    ['0 7 * * *', ''],
  ])('%j in %j', (cron, timezone) => {
    expect(() => cronTicks(cron, timezone)).toThrow(refused)
  })

  test('an interval below a second or above a year', () => {
    expect([intervalOf('1s'), intervalOf('366d')]).toEqual([1000, 366 * 86_400_000])
    for (const wrong of ['0s', '367d', '1.5h', 'hour'] as never[]) expect(() => intervalOf(wrong)).toThrow(refused)
  })
})

test('the last tick of a while is found however many there were', () => {
  const ticks = cronTicks('* * * * * *', 'UTC')
  const last = lastTick(ticks, instant('2020-01-01T00:00Z'), instant('2026-07-01T12:34:56.789Z'))
  expect(new Date(last).toISOString()).toBe('2026-07-01T12:34:56.000Z')
  const yearly = cronTicks('0 0 29 2 *', 'UTC')
  expect(lastTick(yearly, instant('2024-02-29T00:00Z'), instant('2026-07-01T00:00Z'))).toBe(
    instant('2024-02-29T00:00Z'),
  )
})

// An oracle that shares nothing with the code: fields as sets of numbers, days one by one, and zones by Temporal.
interface Field {
  text: string
  values: number[]
}

interface Fields {
  minutes: Field
  hours: Field
  days: Field | null
  months: Field | null
  weekdays: Field | null
}

interface Temporals {
  PlainDateTime: new (
    ...parts: [year: number, month: number, day: number, hour: number, minute: number]
  ) => {
    toZonedDateTime(
      zone: string,
      options: object,
    ): { epochMilliseconds: number; toPlainDateTime(): { equals(other: unknown): boolean } }
  }
  Instant: {
    fromEpochMilliseconds(at: number): {
      toZonedDateTimeISO(zone: string): {
        getTimeZoneTransition(direction: string): { epochMilliseconds: number } | null
      }
    }
  }
}
const { Temporal } = globalThis as unknown as { Temporal: Temporals }

const numbers = (from: number, to: number, step = 1): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step)
const names = { 1: ['JAN', 'FEB', 'MAR'], 0: ['SUN', 'MON', 'TUE'] }

/** Lists, ranges and ranges with steps; names, where a field has some. */
function fieldOf(from: number, to: number, named: readonly string[] = []): fc.Arbitrary<Field> {
  const number = fc.integer({ min: from, max: to })
  const name = (value: number) => named[value - from] ?? String(value)
  const part = fc.oneof(
    number.map((value) => ({ text: name(value), values: [value] })),
    fc.tuple(number, number, fc.integer({ min: 1, max: 7 })).map(([one, other, step]) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)]
      return { text: `${low}-${high}${step === 1 ? '' : `/${step}`}`, values: numbers(low, high, step) }
    }),
  )
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(','),
    values: [...new Set(parts.flatMap(({ values }) => values))],
  }))
}
const everyStep = (to: number) =>
  fc.integer({ min: 1, max: 15 }).map((step) => ({ text: `*/${step}`, values: numbers(0, to, step) }))

const fields: fc.Arbitrary<Fields> = fc.record({
  minutes: fc.oneof(fieldOf(0, 59), everyStep(59)),
  // Clocks are set at night.
  hours: fc.oneof(fieldOf(0, 23), fieldOf(0, 4), everyStep(23)),
  days: fc.option(fieldOf(1, 31)),
  months: fc.option(fieldOf(1, 12, names[1])),
  weekdays: fc.option(fieldOf(0, 6, names[0])),
})

function textOf({ minutes, hours, days, months, weekdays }: Fields): string {
  return [minutes, hours, days, months, weekdays].map((field) => field?.text ?? '*').join(' ')
}

function oracle(
  { minutes, hours, days, months, weekdays }: Fields,
  zone: string,
  from: number,
  until: number,
): number[] {
  const found = new Set<number>()
  for (let date = from - 3 * 86_400_000; date < until + 3 * 86_400_000; date += 86_400_000) {
    const day = new Date(date)
    const isDay = days?.values.includes(day.getUTCDate())
    const isWeekday = weekdays?.values.includes(day.getUTCDay())
    // Where both are said, either will do.
    if (!(days && weekdays ? isDay || isWeekday : (isDay ?? isWeekday ?? true))) continue
    if (months && !months.values.includes(day.getUTCMonth() + 1)) continue
    for (const hour of hours.values)
      for (const minute of minutes.values)
        found.add(shown(day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate(), hour, minute, zone))
  }
  return [...found].filter((at) => at > from && at <= until).toSorted((a, b) => a - b)
}

function shown(year: number, month: number, day: number, hour: number, minute: number, zone: string): number {
  const plain = new Temporal.PlainDateTime(year, month, day, hour, minute)
  const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' })
  if (earlier.toPlainDateTime().equals(plain)) return earlier.epochMilliseconds
  // In a gap: the change lies right after what is shown before it.
  const before = Temporal.Instant.fromEpochMilliseconds(earlier.epochMilliseconds).toZonedDateTimeISO(zone)
  return before.getTimeZoneTransition('next')!.epochMilliseconds
}

const zones = ['UTC', 'Europe/Paris', 'Australia/Lord_Howe', 'America/Santiago', 'Asia/Kathmandu', 'Africa/Casablanca']

test('ticks are those of an oracle, in every zone', () => {
  const start = fc.integer({
    min: instant('2015-01-01T00:00Z') / 86_400_000,
    max: instant('2030-01-01T00:00Z') / 86_400_000,
  })
  fc.assert(
    fc.property(fields, fc.constantFrom(...zones), start, (given, zone, day) => {
      const from = day * 86_400_000
      const until = from + 20 * 86_400_000
      const expected = oracle(given, zone, from, until)
      let ticks: Ticks
      try {
        ticks = cronTicks(textOf(given), zone)
      } catch {
        // It names no date at all.
        expect(expected).toEqual([])
        return
      }
      const found: number[] = []
      for (let at = ticks.after(from); at !== null && at <= until; at = ticks.after(at)) found.push(at)
      expect(found).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})
