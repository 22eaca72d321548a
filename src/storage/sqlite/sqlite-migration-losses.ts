import type { DatabaseSync } from 'node:sqlite'
import type { MigrationStep } from '../migrations/migration.ts'
import { lossQuestions } from '../migrations/migration-losses.ts'
import { readTables } from './sqlite-shadow.ts'

/** What steps would take away, in numbers of rows of a database that may not have them yet. */
export function measureLosses(
  db: DatabaseSync,
  steps: readonly MigrationStep[],
  before: ReadonlyMap<string, string>,
): Record<string, string> {
  const there = new Map([...readTables(db)].map(([name, { columns }]) => [name, new Set(columns.keys())]))
  const entries = lossQuestions(steps, before, there).map(({ consent, sql, words }) => {
    return [consent, words(sql.map((each) => db.prepare(each).get()!.n as number))]
  })
  return Object.fromEntries(entries)
}
