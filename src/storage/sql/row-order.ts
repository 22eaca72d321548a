import { type ColumnType, compareText } from '../../schema/index.ts'
import type { StoredColumn } from './model-plan.ts'
import type { IncludeMany } from './read-level.ts'
import type { SortTerm } from './sorting.ts'

/**
 * Types whose cells code compares as every engine does: text by code point, numbers by size. Others come as a text that
 * sorts otherwise than they do.
 */
const comparable = new Set<ColumnType['type']>(['uuid', 'text', 'date', 'timestamp', 'integer', 'serial', 'float'])

/** Below it, moving each row to its place takes a tenth of what a call of `sort` does. */
const fewRows = 16

type Cells = readonly unknown[]

/** What decides the order of an included list. */
export interface CodeOrder {
  terms: readonly SortTerm[]
  /** Columns that the terms need and the rows don't show: their cells follow the row's. */
  extra: readonly StoredColumn[]
}

/**
 * How code sorts an included list; undefined where the database must. Where all rows come anyway code does: they are mostly
 * a few, and SQLite takes half a microsecond to begin a sort, for each list of a page.
 */
export function codeOrder({ capped, sorting, level }: IncludeMany): CodeOrder | undefined {
  if (!capped) return undefined
  const { terms } = sorting
  // Deleted rows may have what is unique among the others.
  const unique = level.plan.deletedAt
    ? -1
    : terms.findIndex(({ column }) => column.field.options.unique && !column.nullable)
  const decisive = unique === -1 ? terms : terms.slice(0, unique + 1)
  if (!decisive.every(({ column }) => comparable.has(column.type.type))) return undefined
  const extra = decisive.map(({ column }) => column).filter((column) => !level.stored.includes(column))
  return { terms: decisive, extra }
}

/** @param places of the terms' cells */
export function sorterOf({ terms }: CodeOrder, places: readonly number[]): (rows: Cells[]) => Cells[] {
  const compare = (one: Cells, other: Cells): number => {
    for (let at = 0; at < places.length; at++) {
      const place = places[at]!
      const order = compareCells(one[place], other[place], terms[at]!.descending)
      if (order !== 0) return order
    }
    return 0
  }
  return (rows) => {
    if (rows.length > fewRows) return rows.sort(compare)
    for (let at = 1; at < rows.length; at++) {
      const row = rows[at]!
      let to = at
      while (to > 0 && compare(rows[to - 1]!, row) > 0) rows[to] = rows[--to]!
      rows[to] = row
    }
    return rows
  }
}

// Nulls come last whatever the direction.
function compareCells(one: unknown, other: unknown, descending: boolean): number {
  if (one === other) return 0
  if (one === null) return 1
  if (other === null) return -1
  const order = typeof one === 'string' ? compareText(one, other as string) : (one as number) - (other as number)
  return descending ? -order : order
}
