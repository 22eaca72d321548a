import { type ErrorCode, MonoblocError, type Violation } from '../../errors.ts'
import type { SqlValue } from '../storage.ts'

/** What a reader process is asked. `begin` and `end` have no answer. */
export type ReaderRequest =
  | { kind: 'begin' | 'end' }
  | { kind: 'all' | 'first' | 'cells' | 'rows'; id: number; sql: string; values: readonly SqlValue[] }
  | { kind: 'raw'; id: number; sql: string; values: readonly unknown[] }

/** What it answers. */
export type ReaderAnswer = { id: number; result: unknown } | { id: number; error: SentError }

interface SentError {
  code: ErrorCode
  detail: string
  violations: Violation[]
  subject: string | undefined
}

/** An error as it goes between processes: a class would not survive. */
export function sentError(error: unknown): SentError {
  const detail =
    error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error)
  if (!(error instanceof MonoblocError)) return { code: 'database_error', detail, violations: [], subject: undefined }
  return { code: error.code, detail, violations: error.violations, subject: error.subject }
}

export function receivedError({ code, ...options }: SentError): MonoblocError {
  return new MonoblocError(code, options)
}
