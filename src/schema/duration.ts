import { MonoblocError } from '../errors.ts'

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A span of time as people write it: `30s`, `15m`, `12h`, `30d`. */
export type Duration = `${number}${keyof typeof units}`

/** @throws MonoblocError `definition_invalid` */
export function millisecondsOf(duration: Duration): number {
  const parts = /^(\d{1,9})([smhd])$/.exec(duration)
  if (parts) return Number(parts[1]) * units[parts[2] as keyof typeof units]
  throw new MonoblocError('definition_invalid', {
    detail: `${JSON.stringify(duration)} is no duration: write a whole number with s, m, h or d, such as 30d.`,
  })
}
