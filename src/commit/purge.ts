import { type AnyModel, deletionOf, type Schema } from '../schema/index.ts'
import type { Queries, Storage } from '../storage/index.ts'

/** Rows of one transaction: some milliseconds with their log entries, so that other writes hardly wait behind them. */
const rowsPerStep = 500
/** Steps of one call for each model. What is left is for the next call. */
const mostSteps = 20
const deadline = 30_000

export interface PurgeOptions {
  storage: Storage
  queries: Queries
  schema: Schema
  now: () => number
}

/**
 * Deletes for good the rows that were deleted longer ago than their model's `purgeAfter`, as the system, in steps that
 * each commit by themselves. ON DELETE rules apply and the log has every row; hooks don't run. A row to which others
 * refer that would keep it waits until they are gone.
 *
 * @returns how many rows went, by model
 */
export async function purgeDeleted({ storage, queries, schema, now }: PurgeOptions): Promise<Record<string, number>> {
  const gone: Record<string, number> = {}
  for (const model of schema.models.values()) {
    const purgeAfter = deletionOf(model)?.purgeAfter
    if (purgeAfter === undefined) continue
    const purged = await purgeModel({ storage, queries }, model, new Date(now() - purgeAfter))
    if (purged > 0) gone[model.name] = purged
  }
  return gone
}

async function purgeModel(
  { storage, queries }: Pick<PurgeOptions, 'storage' | 'queries'>,
  model: AnyModel,
  before: Date,
): Promise<number> {
  let all = 0
  let skip = 0
  for (let step = 0; step < mostSteps; step++) {
    const { purged, held } = await storage.write({ deadline, cause: 'purge' }, (session) =>
      queries.purge(session, model, before, rowsPerStep, skip),
    )
    all += purged
    skip += held
    if (purged + held < rowsPerStep) break
  }
  return all
}
