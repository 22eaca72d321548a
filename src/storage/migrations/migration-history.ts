import { MonoblocError } from '../../errors.ts'
import type { AppliedMigration, MigrationStatus } from './migration.ts'
import type { MigrationFile } from './migration-file.ts'

/** Each file against the history, in order; what was applied and is no file is among them. */
export function fileStates(
  files: readonly MigrationFile[],
  history: readonly AppliedMigration[],
): MigrationStatus['files'] {
  const applied = new Map(history.map((entry) => [entry.name, entry]))
  const last = history.at(-1)?.number ?? 0
  const states = files.map(({ name, number, checksum }) => {
    const entry = applied.get(name)
    const state = !entry
      ? number < last
        ? ('late' as const)
        : ('pending' as const)
      : entry.checksum === checksum
        ? ('applied' as const)
        : ('changed' as const)
    return { name, state, at: entry?.at, number }
  })
  const missing = history
    .filter(({ name }) => !files.some((file) => file.name === name))
    .map(({ name, at, number }) => ({ name, state: 'missing' as const, at, number }))
  return [...states, ...missing].sort((a, b) => a.number - b.number).map(({ name, state, at }) => ({ name, state, at }))
}

/** Files that were applied by a later version of the app: it has them, and this one does not. */
export function newerFiles(files: readonly MigrationFile[], history: readonly AppliedMigration[]): string[] {
  const states = fileStates(files, history)
  const isBehind = states.every(({ state }) => state === 'applied' || state === 'missing')
  return isBehind ? states.filter(({ state }) => state === 'missing').map(({ name }) => name) : []
}

/**
 * The files that were not applied.
 *
 * @throws MonoblocError `schema_newer` when files were applied that are not there, `migration_refused` when one was
 *   changed since, or comes too late
 */
export function pendingFiles(files: readonly MigrationFile[], history: readonly AppliedMigration[]): MigrationFile[] {
  const states = fileStates(files, history)
  const named = (state: string) => states.filter((file) => file.state === state).map(({ name }) => name)
  const missing = named('missing')
  if (missing.length > 0)
    throw new MonoblocError('schema_newer', { detail: `Applied and not among its files: ${missing.join(', ')}.` })
  const changed = named('changed')
  if (changed.length > 0) {
    throw new MonoblocError('migration_refused', {
      detail: `Changed since it was applied: ${changed.join(', ')}. Put the file back as it was (from version control), and write the change into a new one.`,
    })
  }
  const late = named('late')
  if (late.length > 0) {
    throw new MonoblocError('migration_refused', {
      detail: `${late.join(', ')} was not applied, and a later one was: give it the next number.`,
    })
  }
  return files.filter(({ name }) => !history.some((entry) => entry.name === name))
}
