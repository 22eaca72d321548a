import { type Comparable, comparableReader, compareText, type MatchedRow } from '../schema/index.ts'
import type { PageBounds } from '../storage/index.ts'

interface Term {
  column: string
  descending: boolean
  read: (value: unknown) => Comparable | null
}

/** Says of a row whether it lies where a page does. */
export type PagePlace = (row: MatchedRow) => boolean

/** Undefined where a page is all there is. */
export function placeOfPage({ terms = [], after, last }: PageBounds): PagePlace | undefined {
  if (!after && !last) return undefined
  const known = terms.map(
    ({ column, type, descending }): Term => ({ column, descending, read: comparableReader(type) }),
  )
  const valuesOf = (values: readonly unknown[] | undefined) => values && known.map(({ read }, at) => read(values[at]))
  const from = valuesOf(after)
  const until = valuesOf(last)
  return (row) => {
    const values: (Comparable | null)[] = []
    for (const { column, read } of known) {
      // It was left out of the log.
      if (!(column in row)) return true
      values.push(read(row[column]))
    }
    if (from && compare(known, values, from) <= 0) return false
    return !until || compare(known, values, until) <= 0
  }
}

/** As the database sorts: nulls last, whatever the direction. */
function compare(
  terms: readonly Term[],
  one: readonly (Comparable | null)[],
  other: readonly (Comparable | null)[],
): number {
  for (let at = 0; at < terms.length; at++) {
    const left = one[at]!
    const right = other[at]!
    if (left === right) continue
    if (left === null) return 1
    if (right === null) return -1
    const order =
      typeof left === 'string' ? compareText(left, right as string) : left < right ? -1 : left > right ? 1 : 0
    if (order !== 0) return terms[at]!.descending ? -order : order
  }
  return 0
}
