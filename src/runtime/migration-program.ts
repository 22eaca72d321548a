import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Definition } from '../access/index.ts'
import { type ScopedDb, Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { ApplyOptions, Queries, Storage } from '../storage/index.ts'

/**
 * Runs data steps that are programs: `export async function migrate(db) { … }`, with a db that acts as the system in the
 * transaction of the migration.
 */
export function programRunner(definition: Definition, queries: Queries): ApplyOptions['runProgram'] {
  const { schema, hooks, policies } = definition
  return async ({ file }, session) => {
    const { migrate } = (await import(pathToFileURL(file).href)) as { migrate?: (db: ScopedDb) => unknown }
    if (typeof migrate !== 'function') {
      throw new MonoblocError('migration_refused', {
        detail: `${path.basename(file)} exports no function migrate(db).`,
      })
    }
    // The transaction is the migration's own: a unit of work over its session.
    const storage: Pick<Storage, 'write'> = { write: async (_, work) => work(session) }
    const guardFor = (user: object | null) => policies.guard(schema, user)
    const units = new Units({ storage: storage as Storage, queries, schema, hooks, guardFor })
    await units.write({ deadline: Infinity }, 'system', async (db) => void (await migrate(db)))
  }
}
