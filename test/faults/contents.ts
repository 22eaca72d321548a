import type { LoggedTransaction } from '../../src/storage/index.ts'

export type Json = Record<string, unknown>

/** Everything that is in a database, read after a fault: the same from every engine. */
export interface Contents {
  /** Every row of the app's tables, each value as the commit log writes it; null when the app's tables are not there. */
  tables: Map<string, Json[]> | null
  log: LoggedTransaction[]
  /** Entries are numbered in the order of commits: so with one writer at a time. Else in the order of writing. */
  sequential: boolean
  /** What the engine itself finds wrong. */
  damage: string[]
}

/** The rows of a table by one of its columns. */
export function rowsBy(tables: Map<string, Json[]>, table: string, column: string): Map<unknown, Json[]> {
  return Map.groupBy(tables.get(table) ?? [], (row) => row[column])
}

/** The one row of a table with a key. */
export function rowsById(tables: Map<string, Json[]>, table: string): Map<unknown, Json> {
  return new Map((tables.get(table) ?? []).map((row) => [row.id, row]))
}
