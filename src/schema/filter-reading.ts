import type { Violation } from '../errors.ts'
import { MonoblocError } from '../errors.ts'
import type { Condition } from './filter-condition.ts'
import { mostConditions } from './filter-operator.ts'
import type { AnyModel } from './model.ts'
import type { Schema } from './schema.ts'

export type FilterPath = readonly (string | number)[]

// Enough to correct a filter by; a hostile one must not make an answer of a thousand lines.
const mostViolations = 20

/** Reads one filter object of a model; the readers of groups and relations come back to it. */
export type ReadFilter = (
  reading: Reading,
  model: AnyModel,
  filter: unknown,
  path: FilterPath,
  level: number,
) => Condition

/** The state of reading one filter: what was wrong so far, and how large it has become. */
export class Reading {
  readonly schema: Schema
  readonly restrict: (model: AnyModel) => Condition | undefined
  readonly secret: boolean
  readonly read: ReadFilter
  readonly violations: Violation[] = []
  #conditions = 0

  constructor(
    schema: Schema,
    read: ReadFilter,
    options: { restrict?: (model: AnyModel) => Condition | undefined; secret?: boolean },
  ) {
    this.schema = schema
    this.read = read
    this.restrict = options.restrict ?? (() => undefined)
    this.secret = options.secret ?? false
  }

  violate(path: FilterPath, code: string, message: string): void {
    this.violations.push({ path: [...path], code, message })
    if (this.violations.length >= mostViolations) this.finish()
  }

  /** Counts one comparison. */
  count(path: FilterPath): void {
    if (++this.#conditions <= mostConditions) return
    this.violate(path, 'too_many', `must hold at most ${mostConditions} conditions`)
    this.finish()
  }

  /** @throws MonoblocError `invalid_filter` when anything was wrong */
  finish(): void {
    if (this.violations.length > 0) throw new MonoblocError('invalid_filter', { violations: this.violations })
  }

  /** The members of an object, none of them undefined; nothing when it is no plain object. */
  members(value: unknown, path: FilterPath, expected: string): [string, unknown][] {
    if (!isPlainObject(value)) {
      this.violate(path, 'invalid_value', `must be ${expected}`)
      return []
    }
    const entries = Object.entries(value)
    for (const [key, member] of entries) refuseUndefined(member, [...path, key])
    return entries
  }
}

/** @throws MonoblocError `undefined_in_filter` */
export function refuseUndefined(value: unknown, path: FilterPath): void {
  if (value === undefined) {
    throw new MonoblocError('undefined_in_filter', { detail: `It stands at ${path.join('.') || 'the top'}.` })
  }
}

/** Object literals and what JSON.parse makes, and no instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

export function listed(names: Iterable<string>): string {
  return [...names].join(', ')
}
