// Date.prototype.toISOString takes 300 ns and the parser of Date 140 ns, which is a sixth of what a page of 20 rows with two
// instants each costs as a whole. Neighbours are mostly of one day, whose part is worked out once.

const millisOfDay = 86_400_000
const twoDigits = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'))
const threeDigits = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'))

let writtenDay = Number.NaN
let dayText = ''

/** As `toISOString`. @throws RangeError for an invalid date */
export function instantText(date: Date): string {
  const millis = date.getTime()
  const day = Math.floor(millis / millisOfDay)
  if (day !== writtenDay) {
    const text = date.toISOString()
    // What comes after the T is as long for every year.
    dayText = text.slice(0, -13)
    writtenDay = day
    return text
  }
  const ofDay = millis - day * millisOfDay
  const second = Math.floor(ofDay / 1000)
  const minute = Math.floor(second / 60)
  const time = `${twoDigits[Math.floor(minute / 60)]}:${twoDigits[minute % 60]}:${twoDigits[second % 60]}`
  return `${dayText}${time}.${threeDigits[ofDay % 1000]}Z`
}

let readDay = ''
let dayMillis = Number.NaN

/** As `new Date(text)`, faster for RFC 3339 with milliseconds and Z: `2026-11-22T07:00:00.123Z`. */
export function instantOf(text: string): Date {
  if (text.length !== 24 || text.charCodeAt(23) !== 0x5a || text.charCodeAt(10) !== 0x54) return new Date(text)
  if (!text.startsWith(readDay) || readDay === '') {
    const day = text.slice(0, 10)
    dayMillis = Date.parse(`${day}T00:00:00.000Z`)
    readDay = day
  }
  const hour = two(text, 11)
  const minute = two(text, 14)
  const second = two(text, 17)
  const milli = two(text, 20) * 10 + (two(text, 21) % 10)
  // Not a number where a character is no digit, which no comparison lets through.
  const isPlain = hour < 24 && minute < 60 && second < 60 && milli >= 0 && separated(text)
  if (!isPlain) return new Date(text)
  return new Date(dayMillis + hour * 3_600_000 + minute * 60_000 + second * 1000 + milli)
}

function two(text: string, at: number): number {
  const high = text.charCodeAt(at) - 0x30
  const low = text.charCodeAt(at + 1) - 0x30
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : Number.NaN
}

function separated(text: string): boolean {
  return text.charCodeAt(13) === 0x3a && text.charCodeAt(16) === 0x3a && text.charCodeAt(19) === 0x2e
}
