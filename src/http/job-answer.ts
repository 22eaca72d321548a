import { z } from 'zod'
import type { Enqueued, Job } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import { type JsonSchema, jsonSchemaOf } from '../schema/index.ts'
import type { Answer } from './answer.ts'
import type { Returns } from './endpoint-types.ts'
import { jsonType } from './media-type.ts'
import type { ReplyState } from './reply.ts'

/** Where the statuses of jobs are served, unless the app serves something else there. */
export const jobStatusPath = '/jobs/:id'

/** Seconds until it is worth asking again. */
export const askAgain = 1

export function isJob(value: unknown): value is Job {
  return (value as Job | null | undefined)?.kind === 'job'
}

/** The jobs that an endpoint may answer with. */
export function jobsIn(returns: Returns | undefined): Map<number, Job> | undefined {
  if (typeof returns !== 'object' || returns === null || '~standard' in returns) return undefined
  const found = Object.entries(returns).filter(([, one]) => isJob(one))
  return found.length > 0 ? new Map(found.map(([status, one]) => [Number(status), one as unknown as Job])) : undefined
}

/** Where to look, and what is known already. @throws MonoblocError `response_invalid` */
export function acceptedAnswer(status: number, job: Job, value: unknown, reply: ReplyState | undefined): Answer {
  const id = (value as Enqueued | undefined)?.id
  if (typeof id !== 'string') {
    throw new MonoblocError('response_invalid', {
      detail: `returns says that ${status} is the job ${job.name}: return what enqueue(${job.name}, …) gives.`,
    })
  }
  const address = jobStatusPath.replace(':id', id)
  const fields = ['location', address, 'retry-after', String(askAgain), ...(reply?.fields ?? [])]
  const body = JSON.stringify({ id, name: job.name, state: 'queued' })
  return { status, headers: ['content-type', jsonType, ...fields], body, tag: null }
}

/** As much as is known of a job when it has been enqueued. */
export const acceptedSchema: JsonSchema = jsonSchemaOf(
  z.object({ id: z.uuid(), name: z.string(), state: z.literal('queued') }),
  'output',
)
