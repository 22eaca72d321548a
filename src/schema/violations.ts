import type { Violation } from '../errors.ts'
import type { StandardIssue } from './standard-schema.ts'
import { wordsOf, type ZodIssue } from './violation-words.ts'

interface KnownIssue extends ZodIssue {
  keys?: readonly string[]
  params?: { code?: string }
}

/**
 * The violations that the issues of a Standard Schema say, under a path.
 *
 * @param input what was validated, by which a missing value is told from a wrong one
 */
export function violationsOf(
  issues: readonly StandardIssue[],
  at: readonly (string | number)[] = [],
  input?: unknown,
): Violation[] {
  return issues.flatMap((issue: KnownIssue) => {
    const within = (issue.path ?? []).map(pathPart)
    const path = [...at, ...within]
    if (issue.code === 'unrecognized_keys') {
      return (issue.keys ?? []).map((key) => ({
        path: [...path, key],
        code: 'unknown_field',
        message: 'is not a field that may be given',
      }))
    }
    if (isRequired(issue, input, within)) return { path, code: 'required', message: 'is required' }
    return { path, code: issue.params?.code ?? issue.code ?? 'invalid', message: wordsOf(issue) }
  })
}

// A rule of the app's own (`custom`) has words of its own, about what is missing too.
function isRequired(issue: KnownIssue, input: unknown, within: readonly (string | number)[]): boolean {
  if (issue.code === undefined || issue.code === 'custom') return false
  if (input === undefined) return issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return valueAt(input, within) === undefined
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = value[part as never]
  }
  return value
}

function pathPart(part: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof part === 'object' ? part.key : part
  return typeof key === 'symbol' ? String(key) : key
}
