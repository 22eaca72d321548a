import type { Comparable, MatchedRow } from '../schema/index.ts'
import type { LoggedChange } from '../storage/index.ts'
import { type Dependency, isAffected, rowBefore } from './dependency.ts'

/** Who depends on rows: something that is kept. */
export interface Dependent {
  readonly dependencies: readonly Dependency[]
}

interface Held<D> {
  dependency: Dependency
  dependent: D
}

type HeldSet<D> = Set<Held<D>>

/** Dependencies of one table on rows with a value in one column, by that value. */
interface Column<D> {
  read: (value: unknown) => Comparable | null
  byValue: Map<Comparable, HeldSet<D>>
}

interface Table<D> {
  columns: Map<string, Column<D>>
  others: HeldSet<D>
  size: number
}

/** Finds what depends on a change: by the values of its row, and the rest one by one. */
export class DependencyIndex<D extends Dependent> {
  readonly #tables = new Map<string, Table<D>>()
  readonly #held = new Map<D, Held<D>[]>()

  add(dependent: D): void {
    const all = dependent.dependencies.map((dependency): Held<D> => ({ dependency, dependent }))
    this.#held.set(dependent, all)
    for (const held of all) this.#place(held.dependency, true)!.add(held)
  }

  remove(dependent: D): void {
    for (const held of this.#held.get(dependent) ?? []) {
      const { dependency } = held
      const set = this.#place(dependency, false)
      if (!set?.delete(held)) continue
      const table = this.#tables.get(dependency.table)!
      table.size--
      const { at } = dependency
      if (at && set.size === 0) {
        const column = table.columns.get(at.column)!
        column.byValue.delete(at.value)
        if (column.byValue.size === 0) table.columns.delete(at.column)
      }
      if (table.size === 0) this.#tables.delete(dependency.table)
    }
    this.#held.delete(dependent)
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  get size(): number {
    return this.#held.size
  }

  forEach(look: (dependent: D) => void): void {
    for (const dependent of this.#held.keys()) look(dependent)
  }

  clear(): void {
    this.#tables.clear()
    this.#held.clear()
  }

  /** Calls `found` with whatever a change may have made wrong, some more than once. */
  affected(change: LoggedChange, found: (dependent: D) => void): void {
    const table = this.#tables.get(change.table)
    if (!table) return
    const { entry } = change
    const before = rowBefore(entry)
    const look = (set: HeldSet<D>) => {
      for (const { dependency, dependent } of set) if (isAffected(dependency, entry, before)) found(dependent)
    }
    look(table.others)
    const isWhole = entry.operation === 'empty' || entry.operation === 'migrate'
    for (const [name, column] of table.columns) {
      if (isWhole || !(name in entry.row)) for (const set of column.byValue.values()) look(set)
      else lookAt(column, name, entry.row, before, look)
    }
  }

  #place({ table: name, at }: Dependency, make: boolean): HeldSet<D> | undefined {
    let table = this.#tables.get(name)
    if (!table) {
      if (!make) return undefined
      table = { columns: new Map(), others: new Set(), size: 0 }
      this.#tables.set(name, table)
    }
    if (make) table.size++
    if (!at) return table.others
    let column = table.columns.get(at.column)
    if (!column) {
      if (!make) return undefined
      column = { read: at.read, byValue: new Map() }
      table.columns.set(at.column, column)
    }
    let set = column.byValue.get(at.value)
    if (!set && make) {
      set = new Set()
      column.byValue.set(at.value, set)
    }
    return set
  }
}

function lookAt<D>(
  { read, byValue }: Column<D>,
  name: string,
  row: MatchedRow,
  before: MatchedRow | undefined,
  look: (set: HeldSet<D>) => void,
): void {
  const value = read(row[name])
  const now = value === null ? undefined : byValue.get(value)
  if (now) look(now)
  const old = before && read(before[name])
  if (old === undefined || old === null || old === value) return
  const then = byValue.get(old)
  if (then) look(then)
}
