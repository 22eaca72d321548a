import type { RawBuilder } from 'kysely'
import type { SqlValue, Statement } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { kysely } from './kysely.ts'

/** Where a value of a call goes in a template: its position among the call's values. */
export class Slot {
  readonly at: number

  constructor(at: number) {
    this.at = at
  }
}

/** SQL of one shape, compiled once. */
export interface Template {
  readonly statement: Statement
  /** For each placeholder the position of its value among the values of a call. */
  readonly layout: readonly number[]
  /** The layout is 0, 1, 2, … */
  readonly inOrder: boolean
}

/** @param query SQL whose parameters are all slots */
export function compileTemplate(dialect: Dialect, query: RawBuilder<unknown>, reach: Statement['reach']): Template {
  const compiler = dialect.kysely().compiler()
  const { sql, parameters } = compiler.compileQuery(query.toOperationNode() as never, kysely().createQueryId())
  const layout = parameters.map((parameter) => {
    if (!(parameter instanceof Slot)) throw new Error(`a value got into the template of ${sql}`)
    return parameter.at
  })
  const inOrder = layout.every((position, at) => position === at)
  return { statement: { sql, reach }, layout, inOrder }
}

/** The values of a call in the order of a template's placeholders. */
export function laidOut(template: Template, values: SqlValue[]): readonly SqlValue[] {
  const { layout, inOrder } = template
  if (inOrder && layout.length === values.length) return values
  const result = new Array<SqlValue>(layout.length)
  for (let at = 0; at < layout.length; at++) result[at] = values[layout[at]!]!
  return result
}

/**
 * A bounded map of what was compiled, by shape. Two generations: what is asked for again while the younger one fills up
 * stays, what is not goes with the older one. That keeps hot shapes, however many cold ones clients make up, without
 * bookkeeping at each hit.
 */
export class Shapes<T> {
  readonly #most: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  /** @param most how many shapes each of the two generations holds */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): T | undefined {
    const found = this.#young.get(key)
    if (found !== undefined) return found
    const kept = this.#old.get(key)
    if (kept !== undefined) {
      this.#old.delete(key)
      this.set(key, kept)
    }
    return kept
  }

  set(key: string, value: T): T {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
    return value
  }
}
