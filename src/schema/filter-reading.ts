import type { Violation } from '../errors.ts'
import { MonoblocError } from '../errors.ts'
import { type Condition, nothing } from './filter-condition.ts'
import { mostConditions } from './filter-operator.ts'
import type { AnyModel } from './model.ts'
import { isPlainObject } from './plain-object.ts'
import type { Schema } from './schema.ts'

export { isPlainObject } from './plain-object.ts'

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

interface ReadingOptions {
  restrict?: (model: AnyModel) => Condition | undefined
  secret?: boolean
  crossings?: number
}

/** The state of reading one filter: what was wrong so far, and how large it has become. */
export class Reading {
  readonly schema: Schema
  readonly restrict: (model: AnyModel) => Condition | undefined
  readonly secret: boolean
  readonly read: ReadFilter
  readonly violations: Violation[] = []
  readonly #crossings: number
  #conditions = 0
  #crossed = 0

  constructor(schema: Schema, read: ReadFilter, options: ReadingOptions) {
    this.schema = schema
    this.read = read
    this.restrict = options.restrict ?? (() => undefined)
    this.secret = options.secret ?? false
    this.#crossings = options.crossings ?? Number.POSITIVE_INFINITY
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

  /** Reads the filter of related rows. */
  cross(model: AnyModel, filter: unknown, path: FilterPath, level: number): Condition {
    if (this.#crossed >= this.#crossings) {
      this.violate(path, 'too_deep', `must not cross more than ${this.#crossings} relations in a row`)
      return nothing
    }
    this.#crossed++
    const condition = this.read(this, model, filter, path, level)
    this.#crossed--
    return condition
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
    for (const [key, member] of entries) if (member === undefined) refuseUndefined(member, [...path, key])
    return entries
  }
}

/** @throws MonoblocError `undefined_in_filter` */
export function refuseUndefined(value: unknown, path: FilterPath): void {
  if (value === undefined) {
    throw new MonoblocError('undefined_in_filter', { detail: `It stands at ${path.join('.') || 'the top'}.` })
  }
}

export function listed(names: Iterable<string>): string {
  return [...names].join(', ')
}
