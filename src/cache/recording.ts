import type { Guard, NotedRead, ReadRecorder } from '../commit/index.ts'
import {
  type AnyModel,
  allOf,
  type Condition,
  comparableReader,
  everything,
  type Field,
  liveRows,
  lookedUp,
  reachOf,
  type Schema,
} from '../schema/index.ts'
import type { AnyRow, FindQuery, OnQuery } from '../storage/index.ts'
import { type Dependency, relatedRows, rowsOf, wholeTable } from './dependency.ts'
import { columnType, includedRows, shownAt } from './dependency-include.ts'
import { placeOfPage } from './page-place.ts'
import { tablesOf } from './sql-tables.ts'

/**
 * Dependencies of one answer at most. An answer that reads more is not worth keeping: each costs some 200 bytes, and a
 * look-up when it is kept and when it goes.
 */
const mostDependencies = 2_000

/**
 * What the reads of one answer make it depend on.
 *
 * - open: reads are noted. Work that starts over is noted twice, which does no harm.
 * - spoilt: something was read of which nobody can tell what it depends on, or there was too much. The answer is not kept.
 */
export class Recording implements ReadRecorder {
  readonly dependencies: Dependency[] = []
  /** Rules of policies that were asked, by model. */
  readonly rules = new Map<AnyModel, Condition>()
  readonly #schema: Schema
  readonly #declared: boolean
  /** What the answer can't be kept for, in words; undefined while it can. */
  spoilt: string | undefined
  pending = 0
  guard: Guard | undefined
  /** Milliseconds since 1970; Infinity without a time to live. */
  until = Number.POSITIVE_INFINITY

  /** @param declared the app says itself which tables its SQL reads */
  constructor(schema: Schema, declared = false) {
    this.#schema = schema
    this.#declared = declared
  }

  /** Every read that began has ended well, and what it depends on is known. */
  get isWhole(): boolean {
    return this.pending === 0 && this.spoilt === undefined
  }

  note(read: NotedRead): void {
    this.pending--
    if (this.spoilt === undefined) this.add(this.#dependenciesOf(read))
  }

  add(dependencies: readonly Dependency[]): void {
    for (const dependency of dependencies) this.dependencies.push(dependency)
    if (this.dependencies.length > mostDependencies) this.spoil('it reads too much')
  }

  /** All that a part of it has read, which was recorded by itself. */
  include({ dependencies, rules, pending, spoilt, until }: Recording): void {
    this.add(dependencies)
    for (const [model, condition] of rules) this.rule(model, condition)
    this.pending += pending
    if (spoilt !== undefined) this.spoil(spoilt)
    this.endBy(until)
  }

  /** @param until milliseconds since 1970 */
  endBy(until: number): void {
    this.until = Math.min(this.until, until)
  }

  rule(model: AnyModel, condition: Condition): void {
    this.rules.set(model, condition)
  }

  sql: OnQuery = (query) => {
    if (this.#declared) return
    const logged = (name: string) => this.#schema.tables.some((table) => table.name === name && table.logged)
    const tables = tablesOf(query, logged)
    if (!tables) this.spoil('its SQL does not say what it reads: declare `reads`')
    else if (![...tables].every(logged)) this.spoil('its SQL reads tables that are no models')
    else this.add([...tables].map(wholeTable))
  }

  spoil(why: string): void {
    this.spoilt ??= why
    this.dependencies.length = 0
  }

  /** The row of a user, all of it. */
  user(model: AnyModel, key: unknown): void {
    this.add([this.#row(model, key, undefined)])
  }

  #dependenciesOf(read: NotedRead): Dependency[] {
    const { model, query } = read
    const where = withLive(model, query)
    const related = relatedRows(where)
    switch (read.kind) {
      case 'row': {
        const shows = shownAt(this.#schema, model, read.query)
        const columns = shows && new Set([...shows, ...reachOf(where).columns])
        return [this.#row(model, read.key, columns), ...related, ...this.#included(model, read.query, read.shown)]
      }
      case 'page': {
        const { bounds } = read
        const shows = shownAt(this.#schema, model, read.query)
        const columns = shows && bounds.terms ? new Set([...shows, ...bounds.terms.map(({ column }) => column)]) : shows
        // Of what is searched for, nothing here says which rows have it.
        const all = read.query.search === undefined ? columns : undefined
        return [
          rowsOf(model.name, where, all, placeOfPage(bounds)),
          ...related,
          ...this.#included(model, read.query, read.shown),
        ]
      }
      case 'count':
        return [rowsOf(model.name, where, 'search' in query && query.search ? undefined : new Set()), ...related]
      case 'aggregate': {
        const { by = [], sum = [], avg = [], min = [], max = [] } = read.query
        return [rowsOf(model.name, where, new Set([...by, ...sum, ...avg, ...min, ...max])), ...related]
      }
      case 'search':
        return [wholeTable(model.name), ...related, ...this.#included(model, read.query, read.shown)]
    }
  }

  #row(model: AnyModel, key: unknown, shows: ReadonlySet<string> | undefined): Dependency {
    const names = model.key as readonly string[]
    const parts = names.map((name): Condition => {
      const field = model.fields.get(name) as Field
      const type = columnType(field)
      const given = names.length === 1 ? key : (key as Record<string, unknown> | null)?.[name]
      const value = lookedUp(field, type, given)
      // No row has such a key.
      if (value === undefined) return { kind: 'constant', value: false }
      return { kind: 'compare', column: name, type, comparison: { operator: 'eq', value } }
    })
    const [name] = names as [string]
    const [first] = parts as [Condition]
    const where = allOf(parts)
    if (parts.length > 1 || first.kind !== 'compare' || first.comparison.operator !== 'eq')
      return rowsOf(model.name, where, shows)
    const read = comparableReader(first.type)
    const { value } = first.comparison
    // What is found by its key need not be matched again.
    return { ...rowsOf(model.name, everything, shows), at: { column: name, read, value: read(value)! } }
  }

  #included(
    model: AnyModel,
    { include, restrict }: Pick<FindQuery, 'include' | 'restrict'>,
    shown: AnyRow[] | AnyRow | string | undefined,
  ): Dependency[] {
    if (!include || shown === undefined) return []
    const value = typeof shown === 'string' ? (JSON.parse(shown) as AnyRow | AnyRow[]) : shown
    return includedRows(this.#schema, model, Array.isArray(value) ? value : [value], include, restrict)
  }
}

function withLive(model: AnyModel, { where, withDeleted }: { where?: Condition; withDeleted?: boolean }): Condition {
  const live = withDeleted ? undefined : liveRows(model)
  return allOf([where, live].filter((part) => part !== undefined))
}
