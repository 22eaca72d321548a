import type { AnyModel, Condition } from '../schema/index.ts'
import type { AggregateQuery, AnyRow, CountQuery, FindQuery, GetQuery, OnQuery, PageBounds } from '../storage/index.ts'
import type { Guard } from './guard.ts'

/** What one read asked for, with the policy in its `where`, and what it showed: rows, or the JSON text of them. */
export type NotedRead =
  | { kind: 'row'; model: AnyModel; key: unknown; query: GetQuery; shown: AnyRow | string | undefined }
  | { kind: 'page'; model: AnyModel; query: FindQuery; bounds: PageBounds; shown: AnyRow[] | string }
  | { kind: 'count'; model: AnyModel; query: CountQuery }
  | { kind: 'aggregate'; model: AnyModel; query: AggregateQuery }
  /** Ranks depend on every row. */
  | { kind: 'search'; model: AnyModel; query: GetQuery; shown: AnyRow[] }

/**
 * Hears what is read through a `db`: what an answer that is kept depends on. This room tells; the cache room keeps.
 */
export interface ReadRecorder {
  /** Reads that have begun and are not noted. One that never is has failed, and nobody knows what of. */
  pending: number
  /** Who acts in the unit of work that is recorded; the system when undefined. */
  guard?: Guard | undefined
  note(read: NotedRead): void
  /** A policy's rule was asked. */
  rule(model: AnyModel, condition: Condition): void
  /** SQL of the app's own. */
  sql: OnQuery
}

/** What keeps results for later, as a unit of work knows it. */
export interface Keeper {
  /** Stands for all changes that have been heard of. What is read from now on sees them. */
  readonly mark: number
}
