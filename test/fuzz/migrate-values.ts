// What a value is and becomes, worked out without SQL: by types, in JavaScript.
import type { Random } from '../faults/random.ts'

export type Kind =
  | 'text'
  | 'integer'
  | 'bigint'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'json'
  | 'bytes'
  | 'uuid'
  | 'serial'

export interface ValueType {
  kind: Kind
  precision?: number
  scale?: number
}

/** As SQLite holds it: whole numbers are bigints, and a number is a double. */
export type Held = null | bigint | number | string | Uint8Array

export const otherKinds: readonly Kind[] = [
  'text',
  'integer',
  'bigint',
  'decimal',
  'float',
  'boolean',
  'date',
  'timestamp',
  'json',
  'bytes',
]

const texts = [
  '',
  'a',
  'Ä "quoted" \'text\'',
  '12',
  '-5',
  '007',
  '1.50',
  'true',
  'false',
  'null',
  '2026-01-02',
  '[1]',
  '0',
]
const wholes = [0n, 1n, -1n, 7n, 12n, 1000n, -99999n, 2n ** 53n - 1n]
const floats = [0, 1, -1, 0.5, 12.25, 0.1, 1e300, -3, 1 / 3]
const documents = ['1', '-7', '0.5', '"a"', '"2026-01-02"', 'null', 'true', '[1,"b"]', '{"a":{"b":null}}']

export function drawValue(random: Random, type: ValueType): Held {
  switch (type.kind) {
    case 'text':
      return random.pick(texts)
    case 'integer':
      return random.pick(wholes)
    case 'bigint':
      return random.next() < 0.2 ? random.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]) : random.pick(wholes)
    case 'decimal':
      return drawDecimal(random, type)
    case 'float':
      return random.pick(floats)
    case 'boolean':
      return BigInt(random.below(2))
    case 'date':
      return `20${random.below(90) + 10}-0${random.below(9) + 1}-1${random.below(9)}`
    case 'timestamp':
      return `${drawValue(random, { kind: 'date' })}T0${random.below(3) * 4}:00:00.000Z`
    case 'json':
      return random.pick(documents)
    case 'bytes':
      return Uint8Array.from([random.below(256), random.below(256)])
    default:
      throw new Error(`${type.kind} values are made`)
  }
}

function drawDecimal(random: Random, { precision = 1, scale = 0 }: ValueType): bigint {
  const limit = 10n ** BigInt(precision) - 1n
  const round = 10n ** BigInt(scale)
  const drawn = random.pick([0n, 5n, -12n, 150n, 3n * round, -7n * round, limit])
  return drawn > limit || drawn < -limit ? 1n : drawn
}

/** What can't be held exactly. */
export const impossible = Symbol('impossible')
/** A text that reads as this double. */
export interface TextOf {
  double: number
}

const isWhole = (kind: Kind) => kind === 'integer' || kind === 'bigint' || kind === 'serial'

/** The same value in another type, or `impossible`. */
export function become(value: Held, from: ValueType, to: ValueType): Held | TextOf | typeof impossible {
  if (value === null) return null
  const made = converted(value, from, to)
  return made === undefined || !fits(made, to) ? impossible : made
}

function converted(value: NonNullable<Held>, from: ValueType, to: ValueType): Held | TextOf | undefined {
  if (from.kind === to.kind && from.kind !== 'decimal') return value
  if (isWhole(to.kind)) return exactWhole(value, from)
  switch (to.kind) {
    case 'decimal':
      return exactDecimal(value, from, to)
    case 'float':
      return exactDouble(value, from)
    case 'boolean':
      return truth(value, from)
    case 'text':
      return from.kind === 'bytes' ? undefined : textOf(value, from, false)
    case 'json':
      return from.kind === 'bytes' ? undefined : documentOf(value, from)
    case 'bytes':
      return undefined
    case 'timestamp':
      if (from.kind === 'date') return `${value}T00:00:00.000Z`
      return stringIn(value, from)
    case 'date':
      if (from.kind === 'timestamp')
        return /T00:00:00\.000Z$/.test(String(value)) ? String(value).slice(0, 10) : undefined
      return stringIn(value, from)
    default:
      return stringIn(value, from)
  }
}

function exactWhole(value: NonNullable<Held>, from: ValueType): bigint | undefined {
  if (isWhole(from.kind) || from.kind === 'boolean') return value as bigint
  if (from.kind === 'decimal') {
    const unit = 10n ** BigInt(from.scale!)
    return (value as bigint) % unit === 0n ? (value as bigint) / unit : undefined
  }
  if (from.kind === 'float')
    return Number.isInteger(value) && inRange(BigInt(value as number)) ? BigInt(value as number) : undefined
  if (from.kind === 'text') return /^(0|-?[1-9]\d*)$/.test(value as string) ? BigInt(value as string) : undefined
  if (from.kind !== 'json') return undefined
  const parsed = JSON.parse(value as string)
  return typeof parsed === 'number' && /^-?\d+$/.test(value as string) ? BigInt(value as string) : undefined
}

function inRange(value: bigint): boolean {
  return value >= -(2n ** 63n) && value < 2n ** 63n
}

function exactDecimal(value: NonNullable<Held>, from: ValueType, to: ValueType): bigint | undefined {
  const unit = 10n ** BigInt(to.scale!)
  if (isWhole(from.kind) || from.kind === 'boolean') return (value as bigint) * unit
  if (from.kind === 'decimal') {
    const scaled = (value as bigint) * unit
    const before = 10n ** BigInt(from.scale!)
    return scaled % before === 0n ? scaled / before : undefined
  }
  if (from.kind === 'text') {
    const pattern = to.scale ? new RegExp(`^-?(0|[1-9]\\d*)\\.\\d{${to.scale}}$`) : /^-?(0|[1-9]\d*)$/
    if (!pattern.test(value as string) || /^-0\.?0*$/.test(value as string)) return undefined
    return BigInt((value as string).replace('.', ''))
  }
  if (from.kind !== 'float') return undefined
  const made = Math.round((value as number) * Number(unit))
  return Number.isSafeInteger(made) && made / Number(unit) === value ? BigInt(made) : undefined
}

function exactDouble(value: NonNullable<Held>, from: ValueType): number | undefined {
  if (isWhole(from.kind) || from.kind === 'boolean') {
    const double = Number(value)
    return BigInt(double) === value ? double : undefined
  }
  if (from.kind === 'decimal') {
    const double = Number(value) / 10 ** from.scale!
    return BigInt(Math.round(double * 10 ** from.scale!)) === value ? double : undefined
  }
  if (from.kind === 'json') {
    const parsed = JSON.parse(value as string)
    return typeof parsed === 'number' ? parsed : undefined
  }
  // The texts that are drawn: whole numbers, and none that a double writes as it stands.
  return from.kind === 'text' && /^(0|-?[1-9]\d*)$/.test(value as string) ? Number(value) : undefined
}

function truth(value: NonNullable<Held>, from: ValueType): bigint | undefined {
  if (from.kind === 'text' || from.kind === 'json') return value === 'true' ? 1n : value === 'false' ? 0n : undefined
  const whole = exactWhole(value, from)
  return whole === 0n || whole === 1n ? whole : undefined
}

function textOf(value: NonNullable<Held>, from: ValueType, inJson: boolean): string | TextOf | undefined {
  if (isWhole(from.kind)) return String(value)
  switch (from.kind) {
    case 'boolean':
      return value === 1n ? 'true' : 'false'
    case 'float':
      return { double: value as number }
    case 'decimal': {
      const negative = (value as bigint) < 0n
      const digits = String(negative ? -(value as bigint) : value).padStart(from.scale! + 1, '0')
      const point = digits.length - from.scale!
      return `${negative ? '-' : ''}${digits.slice(0, point)}${from.scale ? `.${digits.slice(point)}` : ''}`
    }
    case 'json': {
      const parsed = JSON.parse(value as string)
      return typeof parsed === 'string' && !inJson ? parsed : (value as string)
    }
    default:
      return value as string
  }
}

function documentOf(value: NonNullable<Held>, from: ValueType): string | TextOf | undefined {
  if (isWhole(from.kind))
    return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? String(value) : undefined
  if (from.kind === 'boolean' || from.kind === 'float') return textOf(value, from, true)
  return JSON.stringify(textOf(value, from, true))
}

function stringIn(value: NonNullable<Held>, from: ValueType): string | undefined {
  if (from.kind === 'text') return value as string
  if (from.kind !== 'json') return undefined
  const parsed = JSON.parse(value as string)
  return typeof parsed === 'string' ? parsed : undefined
}

/** The column's own constraint. */
function fits(value: Held | TextOf, { kind, precision }: ValueType): boolean {
  switch (kind) {
    case 'integer':
      return (value as bigint) <= 2n ** 53n - 1n && (value as bigint) >= -(2n ** 53n - 1n)
    case 'bigint':
    case 'serial':
      return inRange(value as bigint)
    case 'decimal': {
      const limit = 10n ** BigInt(precision!)
      return (value as bigint) < limit && (value as bigint) > -limit
    }
    case 'date':
      return /^\d{4}-[01]\d-[0-3]\d$/.test(value as string)
    case 'timestamp':
      return /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/.test(value as string)
    case 'uuid':
      return (value as string).length === 36
    default:
      return true
  }
}

/** Equal, or a text that reads as the double. */
export function isSame(found: unknown, expected: Held | TextOf): boolean {
  if (expected === null || typeof expected !== 'object')
    return Object.is(found, expected) || (found === 0 && expected === 0)
  if (expected instanceof Uint8Array) return found instanceof Uint8Array && Buffer.from(found).equals(expected)
  return typeof found === 'string' && Number(found) === expected.double
}
