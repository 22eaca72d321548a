import { MonoblocError } from '../../errors.ts'
import type { ModelPlan } from './model-plan.ts'

// More words than people search for; each one is a lookup in the index.
const mostWords = 16

/**
 * The words of a search text: runs of letters and digits of any script. Nothing else of the text counts, so that none of
 * it can be taken for the search syntax of an engine.
 *
 * @throws MonoblocError `invalid_query` when the model has no full-text index
 */
export function searchWords(plan: ModelPlan, text: unknown): string[] {
  if (plan.search.length === 0)
    throw refused(`is not possible: ${plan.name} declares no search fields`, 'unknown_field')
  if (typeof text !== 'string') throw refused('must be a string of words', 'invalid_value')
  return (text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).slice(0, mostWords)
}

function refused(message: string, code: string): MonoblocError {
  return new MonoblocError('invalid_query', {
    detail: `search ${message}`,
    violations: [{ path: ['search'], code, message }],
  })
}
