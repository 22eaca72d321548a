import { z } from 'zod'
import type { Definition } from '../access/index.ts'
import { keyOf, ScopedDb } from '../commit/index.ts'
import { cancelJob, type Job, type JobInfo, JobRecord, jobInfoOf, jobStates } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { askAgain, jobStatusPath, jobsIn } from './job-answer.ts'

/** What a job that an endpoint has started answers with, at once and whenever it is asked for. */
const statusSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(jobStates).describe('`done`, `failed` and `cancelled` are its last.'),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    endedAt: z.iso.datetime().nullable(),
    progress: z.unknown().describe('How far it has come, as the job says it; null until it says something.'),
    result: z.unknown().describe('What it has returned; null until it is done.'),
    error: z.object({ code: z.string() }).nullable().describe('Why it has failed.'),
  })
  .describe('A task that goes on after the answer.')

/**
 * The statuses of the jobs that endpoints start: for whoever started them, and whom `mayFollow` of the job lets. Where the
 * endpoint is for anyone, so is the status, for those who know its id: 74 bits of it are random.
 */
export function jobStatusEndpoints(endpoints: readonly Endpoint[], definition: Definition | undefined): Endpoint[] {
  const started = new Map<string, { job: Job; anyone: boolean }>()
  for (const { options, definition } of endpoints) {
    for (const job of jobsIn(options.returns)?.values() ?? []) {
      const anyone = started.get(job.name)?.anyone || options.anyone === true || !definition?.user
      started.set(job.name, { job, anyone })
    }
  }
  if (started.size === 0 || !definition) return []
  const { user: userModel } = definition
  const visible = async (db: any, id: string, user: object | null): Promise<JobInfo> => {
    const row = await db.asSystem().get(JobRecord, id)
    const known = row && started.get(row.name)
    if (known) {
      const info = jobInfoOf(row)
      const isOwn = user && userModel ? row.actor === textOf(keyOf(userModel, user as never)) : false
      const isOpen = row.actor === null && known.anyone
      if (isOwn || isOpen || (await known.job.options.mayFollow?.({ user, job: info })) === true) return info
    }
    // Whether there is one is nobody's business.
    throw new MonoblocError('not_found', { subject: id })
  }
  const endpoint = createEndpoint<any, any>()
  const params = z.object({ id: z.uuid() })
  const anyone = userModel ? { anyone: true } : {}
  const read = endpoint(`GET ${jobStatusPath}`, {
    ...anyone,
    params,
    returns: statusSchema as any,
    summary: 'The state of a task',
    tags: ['jobs'],
    async handle({ params, db, user, reply }) {
      const job = await visible(db, params.id, user)
      reply.header('cache-control', 'no-store')
      if (job.endedAt === null) reply.header('retry-after', askAgain)
      return statusOf(job)
    },
  })
  const cancel = endpoint(`DELETE ${jobStatusPath}`, {
    ...anyone,
    params,
    returns: { 202: statusSchema as any },
    summary: 'Cancel a task',
    description: 'One that runs is told to stop, and may still come to its end. One that has ended answers 409.',
    tags: ['jobs'],
    async handle({ params, db, user }) {
      await visible(db, params.id, user)
      await ScopedDb.effect(db, ({ session, queries }) => cancelJob(session, queries, params.id))
      return statusOf(await visible(db, params.id, user))
    },
  })
  const headers = { 200: ['Retry-After'] } as const
  return [
    { ...read, definition, openapi: { headers, errors: ['not_found'] } },
    { ...cancel, definition, openapi: { errors: ['not_found', 'job_ended'] } },
  ]
}

function statusOf(job: JobInfo) {
  const { id, name, state, createdAt, startedAt, endedAt, progress, result, error } = job
  const shown = state === 'done' ? result : null
  const failed = state === 'failed' || state === 'cancelled' ? { code: error?.code ?? 'job_failed' } : null
  return { id, name, state, createdAt, startedAt, endedAt, progress, result: shown, error: failed }
}

function textOf(key: unknown): string {
  return key instanceof Date ? key.toISOString() : String(key)
}
