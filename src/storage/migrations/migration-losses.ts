import { quoted } from '../sql/quoted.ts'
import type { Difference, MigrationStep } from './migration.ts'
import { consentFor } from './migration-file.ts'
import type { Names } from './schema-rename.ts'

/** What a database is asked about one loss: how many rows it is about. */
export interface LossQuestion {
  /** `drop article.body` */
  consent: string
  /** Each answers with one number. */
  sql: string[]
  words(counts: readonly number[]): string
}

/**
 * What steps would take away, to be counted in a database that may not have it all yet.
 *
 * @param before the names that tables and columns have there, by what they are renamed to
 */
export function lossQuestions(
  steps: readonly MigrationStep[],
  before: ReadonlyMap<string, string>,
  there: Names,
): LossQuestion[] {
  const questions = new Map<string, LossQuestion>()
  for (const difference of steps.flatMap(({ differences }) => differences)) {
    const question = lossQuestion(difference, before, there)
    if (question && !questions.has(question.consent)) questions.set(question.consent, question)
  }
  return [...questions.values()]
}

function lossQuestion(
  difference: Difference,
  before: ReadonlyMap<string, string>,
  there: Names,
): LossQuestion | undefined {
  const { kind, subject, words } = difference
  const [model = '', field] = subject.split('.')
  const table = [model, before.get(model) ?? model].find((name) => there.has(name))
  if (!table || (kind !== 'drop' && kind !== 'retype' && kind !== 'narrow')) return undefined
  const all = `SELECT count(*) AS n FROM ${quoted(table)}`
  const consent = consentFor(difference)
  if (!field) return { consent, sql: [all], words: ([rows]) => `${rows} rows are in it` }
  const column = [field, before.get(subject) ?? field].find((name) => there.get(table)!.has(name))
  if (!column) return undefined
  const takesNullNoMore = kind === 'narrow' && words.endsWith('takes null no more')
  return {
    consent,
    sql: [all, `${all} WHERE ${quoted(column)} IS NOT NULL`],
    words: ([rows = 0, held = 0]) =>
      takesNullNoMore ? `${rows - held} of ${rows} rows are null` : `${held} of ${rows} rows have a value`,
  }
}
