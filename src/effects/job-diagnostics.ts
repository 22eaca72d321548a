import { type Diagnostics, diagnostic } from '../observe/index.ts'
import type { ClaimedJob } from './job-store.ts'

export interface JobEnded {
  job: string
  name: string
  attempt: number
  /** What becomes of it. `lost`: another process says. */
  state: 'queued' | 'delayed' | 'failed' | 'cancelled' | 'lost'
  err: unknown
}

const levels = { queued: 'info', delayed: 'warn', failed: 'error', cancelled: 'info', lost: 'warn' } as const

/** An attempt has ended without success. */
export const jobEnded = diagnostic<JobEnded>(
  'job.ended',
  ({ state }) => levels[state],
  ({ name, attempt, state }) => `job ${name}: attempt ${attempt} ended, ${words[state]}`,
)

const words = {
  queued: 'and it begins again',
  delayed: 'and it is tried again later',
  failed: 'and it has failed for good',
  cancelled: 'and it is cancelled',
  lost: 'and another process has it',
} as const

export function attemptFailed(
  diagnostics: Diagnostics,
  { id, name, attempt }: ClaimedJob,
  state: JobEnded['state'],
  err: unknown,
): void {
  if (diagnostics.on(jobEnded)) diagnostics.emit(jobEnded, { job: id, name, attempt, state, err })
}
