import type { ColumnType } from '../../schema/index.ts'

/** What a trigger wrote, as JSON has it. */
export function loggedValue(type: ColumnType, value: unknown): unknown {
  switch (type.type) {
    case 'float':
      return Buffer.from(value as string, 'hex').readDoubleBE()
    case 'bytes':
      return Buffer.from(value as string, 'hex').toString('base64')
    case 'timestamp':
      return instant(value as string)
    case 'date':
      return withYear(value as string)
    default:
      return value
  }
}

/** `2026-11-22T10:20:30.4` in UTC, as RFC 3339 with milliseconds. */
function instant(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3}))?$/.exec(withYear(text))
  // Beyond four digits of the year, or `infinity`: another program's.
  return parts ? `${parts[1]}.${(parts[2] ?? '').padEnd(3, '0')}Z` : text
}

/** The year 0 of ISO 8601 is 1 BC to PostgreSQL. */
function withYear(text: string): string {
  return /^0001-.* BC$/.test(text) ? `0000${text.slice(4, -3)}` : text
}
