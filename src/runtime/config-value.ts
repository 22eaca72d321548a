import { availableParallelism } from 'node:os'

/** A setting read from text. `problem` says what is wrong and what would be right, without a full stop. */
export type Parsed<T> = { value: T } | { problem: string }

export type Parser<T> = (text: string) => Parsed<T>

export function wholeNumber(minimum: number, maximum: number, what: string): Parser<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return { value }
    return { problem: `${quote(text)} is not ${what}: a whole number from ${minimum} to ${maximum}` }
  }
}

/** How many processes: `max` is one for each core that this process may use. */
export const processCount: Parser<number | undefined> = (text) =>
  text === 'max' ? { value: availableParallelism() } : wholeNumber(1, 256, 'max, or a number of processes')(text)

export function oneOf<const T extends string>(choices: readonly T[]): Parser<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text)
    return value ? { value } : { problem: `${quote(text)} is none of ${choices.join(', ')}` }
  }
}

const durationUnits: Record<string, number> = { '': 1, ms: 1, s: 1000, m: 60_000 }

/** Milliseconds: `8000`, `8000ms`, `8s`, `2m`. */
export function duration(minimum: number, maximum: number): Parser<number> {
  return measure(durationUnits, minimum, maximum, 'a duration: milliseconds, or a number with ms, s or m')
}

const sizeUnits: Record<string, number> = {
  '': 1,
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
}

/** Bytes: `1048576`, `1MiB`, `500kB`. */
export function size(minimum: number, maximum: number): Parser<number> {
  return measure(sizeUnits, minimum, maximum, 'a size: bytes, or a number with KiB, MiB, GiB, kB, MB or GB')
}

function measure(units: Record<string, number>, minimum: number, maximum: number, what: string): Parser<number> {
  return (text) => {
    const parts = /^(\d{1,15}) ?([a-z]*)$/i.exec(text)
    const unit = parts && units[parts[2]!.toLowerCase()]
    if (!unit) return { problem: `${quote(text)} is not ${what}` }
    const value = Number(parts[1]) * unit
    if (value >= minimum && value <= maximum) return { value }
    return { problem: `${quote(text)} is outside ${minimum} to ${maximum}` }
  }
}

/** An address to listen on: a name or an IP address, no port, no scheme. */
export const hostName: Parser<string> = (text) =>
  /^[A-Za-z\d._:-]{1,253}$/.test(text) && !/^[a-z]+:\/\//i.test(text) && !/^[^:]+:\d+$/.test(text)
    ? { value: text }
    : {
        problem: `${quote(text)} is not an address to listen on: a host name or an IP address, without scheme and port`,
      }

export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
