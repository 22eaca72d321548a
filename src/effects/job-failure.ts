import { type ErrorCode, MonoblocError } from '../errors.ts'
import { type Job, jobDefaults } from './job.ts'
import type { ClaimedJob, SettledJob } from './job-store.ts'
import { retryDelay } from './retry-delay.ts'
import { thrownText } from './thrown-text.ts'

/** Another attempt would end the same way: a mistake in the code, or the handler says so itself. */
const permanent: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'job_failed',
  'job_too_large',
  'foreign_await',
  'missing_await',
  'definition_invalid',
  'statement_refused',
  'hook_loop',
])

export interface FailureOptions {
  now: number
  /** From 0 to 1. */
  random: number
}

/** What becomes of a job whose attempt has failed. */
export function settledByFailure(
  job: Job,
  { id, attempt, attempts, due }: ClaimedJob,
  error: unknown,
  { now, random }: FailureOptions,
): SettledJob {
  const code = codeOf(error)
  if (code === 'job_cancelled')
    return { id, attempt, state: 'cancelled', due, ended: now, error: errorText(error), counted: 1 }
  // Nothing of its own kept it from ending: it is as if it had not begun.
  if (code === 'shutting_down') return { id, attempt, state: 'queued', due, ended: null, error: null, counted: 0 }
  const isOver = attempt >= attempts || (code !== undefined && permanent.has(code))
  if (isOver) return { id, attempt, state: 'failed', due, ended: now, error: errorText(error), counted: 1 }
  const { delay = jobDefaults.retryDelay, longest = jobDefaults.longestRetry } = job.options.retry || {}
  const next = Math.floor(now + retryDelay(attempt, { delay, longest }, random))
  return { id, attempt, state: 'delayed', due: next, ended: null, error: errorText(error), counted: 1 }
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof MonoblocError ? error.code : undefined
}

/** Bytes are kept of what an error says: it is for people who look at the job. */
const longestText = 2000

/** An error as it is kept with its job: `{ code, message }`. */
export function errorText(error: unknown): string {
  return JSON.stringify({ code: codeOf(error) ?? null, message: thrownText(error).slice(0, longestText) })
}
