import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import type { SchemaChange, Storage } from '../storage/index.ts'
import type { Mode } from './config-environment.ts'

export interface SchemaCheck {
  /** Nothing has ever been committed here: tables may be created, a seed may run. */
  fresh: boolean
  /** What was changed, in words. */
  applied: string[]
}

/**
 * Makes the database match the models, where that may be done without asking:
 *   production            creates the tables of a database that holds nothing yet, and refuses any other difference
 *   development and test  applies changes that can lose nothing, all or none, and refuses when there are others
 *
 * @throws MonoblocError `schema_differs`, one violation for each difference
 */
export async function checkSchema(
  storage: Pick<Storage, 'compare' | 'apply' | 'position'>,
  schema: Schema,
  mode: Mode,
): Promise<SchemaCheck> {
  const changes = await storage.compare(schema)
  // The position never goes back, so an emptied database is not a fresh one.
  const fresh = (await storage.position()) === 0
  if (changes.length === 0) return { fresh, applied: [] }
  const allSafe = changes.every((change) => change.safe)
  if (!allSafe || (mode === 'production' && !fresh)) throw differs(changes, mode)
  await storage.apply(schema, changes)
  return { fresh, applied: changes.map(({ description }) => description) }
}

function differs(changes: readonly SchemaChange[], mode: Mode): MonoblocError {
  const listed = changes.map(({ description, safe }) =>
    safe ? description : `${description} (could lose or refuse data)`,
  )
  const then =
    mode === 'production'
      ? 'Production changes no tables that are in use.'
      : 'Not all of this can be done without risk, so nothing was changed.'
  return new MonoblocError('schema_differs', {
    detail: `To match the models it would have to: ${listed.join('; ')}. ${then}`,
    violations: changes.map(({ description, safe }) => ({
      path: ['database'],
      code: safe ? 'safe_change' : 'unsafe_change',
      message: safe ? description : `${description} (could lose or refuse data)`,
    })),
  })
}
