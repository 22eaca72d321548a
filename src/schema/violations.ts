import type { Violation } from '../errors.ts'
import type { StandardIssue } from './standard-schema.ts'

interface KnownIssue extends StandardIssue {
  code?: string
  input?: unknown
  keys?: readonly string[]
  params?: { code?: string }
}

/** The violations that the issues of a Standard Schema say, under a path. */
export function violationsOf(issues: readonly StandardIssue[], at: readonly (string | number)[] = []): Violation[] {
  return issues.flatMap((issue: KnownIssue) => {
    const path = [...at, ...(issue.path ?? []).map(pathPart)]
    if (issue.code === 'unrecognized_keys') {
      return (issue.keys ?? []).map((key) => ({
        path: [...path, key],
        code: 'unknown_field',
        message: 'is not a field that may be given',
      }))
    }
    if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
      return { path, code: 'required', message: 'is required' }
    }
    return { path, code: issue.params?.code ?? issue.code ?? 'invalid', message: issue.message }
  })
}

function pathPart(part: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof part === 'object' ? part.key : part
  return typeof key === 'symbol' ? String(key) : key
}
