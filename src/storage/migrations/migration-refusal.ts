import { MonoblocError } from '../../errors.ts'
import type { Difference } from './migration.ts'
import { consentFor, type MigrationFile, needsConsent } from './migration-file.ts'

export function refused(file: MigrationFile, detail: string, cause?: unknown): MonoblocError {
  return new MonoblocError('migration_refused', { subject: file.name, detail, cause })
}

/** Consents that a file needs and does not give. */
export function missingConsents(file: MigrationFile, done: readonly Difference[]): string[] {
  const given = new Set(file.consents)
  const needed = new Set(done.filter(needsConsent).map(consentFor))
  return [...needed]
    .filter((consent) => !given.has(consent))
    .map((consent) => `${file.name} lacks the line "-- consent: ${consent}"`)
}

/** @param unsaid what `missingConsents` has found. @throws MonoblocError `migration_refused` where there is any */
export function refuseUnsaid(unsaid: readonly string[]): void {
  if (unsaid.length === 0) return
  throw new MonoblocError('migration_refused', {
    detail: `What loses or narrows what rows hold needs consent: ${unsaid.join('; ')}.`,
    violations: unsaid.map((message) => ({ path: ['migrations'], code: 'consent_needed', message })),
  })
}

export function drifted(words: readonly string[]): MonoblocError {
  return new MonoblocError('migration_refused', {
    detail: `The database is not what its files have made, and would not become what the models say without: ${words.join('; ')}.`,
  })
}

/** A step of a file that does not fit what the files before it make. */
export function unfitting(file: MigrationFile, place: { line: number; title: string }, sql: string, cause: unknown) {
  const head = headOf(sql)
  return new MonoblocError('migration_refused', {
    detail: `${file.name}, line ${place.line} (step: ${place.title}): on what the files before it make: ${(cause as Error).message} at: ${head}`,
    cause,
  })
}

/** Where in a file something failed: `line 5 (data: slugs): … at: UPDATE …`. */
export function failedAt(
  file: MigrationFile,
  { line, kind, title }: MigrationFile['sections'][number],
  sql: string,
  words: string,
  cause: unknown,
): MonoblocError {
  return refused(file, `line ${line} (${kind}: ${title}): ${words} at: ${headOf(sql)}${adviceOn(words, cause)}`, cause)
}

function adviceOn(words: string, cause: unknown): string {
  if (!/not[ -]null constraint/i.test(`${words} ${(cause as Error | undefined)?.message}`)) return ''
  return ' Rows that are there have no value for it: write one in place of NULL, below the line "value needed", or a data step before.'
}

function headOf(sql: string): string {
  return `${sql.replace(/\s+/g, ' ').slice(0, 60)}…`
}

/** A file has broken the rule that steps keep rows. */
export function lostRows(file: MigrationFile, table: string, before: number, after: number): MonoblocError {
  return refused(
    file,
    `${table} had ${before} rows and would have ${after}: a step must keep every row. Rows are removed by a data step.`,
  )
}
