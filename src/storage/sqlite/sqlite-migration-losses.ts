import type { DatabaseSync } from 'node:sqlite'
import type { Difference, MigrationStep } from '../migrations/migration.ts'
import { consentFor } from '../migrations/migration-file.ts'
import { readTable } from './sqlite-catalog.ts'
import { quoted } from './sqlite-table.ts'

/**
 * What steps would take away, in numbers of rows of a database that may not have them yet.
 *
 * @param before the names that tables and columns have there, by what they are renamed to
 */
export function measureLosses(
  db: DatabaseSync,
  steps: readonly MigrationStep[],
  before: ReadonlyMap<string, string>,
): Record<string, string> {
  const losses: Record<string, string> = {}
  for (const difference of steps.flatMap(({ differences }) => differences)) {
    const words = lossOf(db, difference, before)
    if (words) losses[consentFor(difference)] ??= words
  }
  return losses
}

function lossOf(db: DatabaseSync, difference: Difference, before: ReadonlyMap<string, string>): string | undefined {
  const { kind, subject, words } = difference
  const [model = '', field] = subject.split('.')
  const table = [model, before.get(model) ?? model].map((name) => readTable(db, name)).find((found) => found)
  if (!table || (kind !== 'drop' && kind !== 'retype' && kind !== 'narrow')) return undefined
  const count = (where: string) =>
    db.prepare(`select count(*) as n from ${quoted(table.name)} where ${where}`).get()!.n as number
  const all = count('true')
  if (!field) return `${all} rows are in it`
  const column = [field, before.get(subject) ?? field].find((name) => table.columns.has(name))
  if (!column) return undefined
  const held = count(`${quoted(column)} is not null`)
  if (kind === 'narrow' && words.endsWith('takes null no more')) return `${all - held} of ${all} rows are null`
  return `${held} of ${all} rows have a value`
}
