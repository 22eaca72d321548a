import type { IndexSpec, Schema, TableSpec } from '../../schema/index.ts'

export interface DuplicateIndex {
  table: string
  index: string
  fields: readonly string[]
  /** The index (or `key`) that begins with the same fields, and so finds the same rows. */
  coveredBy: string
}

/** Indexes of the models whose fields another one of the same table begins with: each costs every write for nothing. */
export function duplicateIndexes({ tables }: Pick<Schema, 'tables'>): DuplicateIndex[] {
  return tables.flatMap((table) =>
    table.indexes.flatMap((index, at) => {
      const cover = coverOf(table, index, at)
      return cover ? [{ table: table.name, index: index.name, fields: index.fields, coveredBy: cover }] : []
    }),
  )
}

// A unique index says more than where rows are, and a partial one is smaller than what it lies within.
function coverOf(table: TableSpec, index: IndexSpec, at: number): string | undefined {
  if (index.unique || index.where) return undefined
  const begins = (fields: readonly string[]) => index.fields.every((field, place) => fields[place] === field)
  if (begins(table.key)) return 'key'
  return table.indexes.find((other, otherAt) => {
    if (other === index || other.where || !begins(other.fields)) return false
    // Of two that are the same the first stays.
    return other.unique || other.fields.length > index.fields.length || otherAt < at
  })?.name
}
