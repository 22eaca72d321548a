import { MonoblocError } from '../errors.ts'
import type { Dialect, Session } from '../storage/index.ts'
import type { EnqueueOptions, Job } from './job.ts'
import { JobNeedStore, mostNeeds, type NeedRule } from './job-need.ts'

/** For what a job waits, and what waits for it, as `enqueue` was asked. */
export interface NeedsAsked {
  after: readonly string[]
  rule: NeedRule
  /** The job whose handler enqueues it, where that waits for it. */
  parent: string | undefined
  parentRule: NeedRule
}

/** @throws MonoblocError `definition_invalid` */
export function needsAsked(
  job: Job,
  { after = [], afterFailure = 'fail', child = false }: EnqueueOptions,
  cause: string | null | undefined,
): NeedsAsked {
  const refuse = (detail: string): never => {
    throw new MonoblocError('definition_invalid', { subject: job.name, detail: `enqueue(${job.name}): ${detail}` })
  }
  const before = [after].flat()
  if (before.length > mostNeeds) refuse(`after takes at most ${mostNeeds} jobs.`)
  if (before.some((one) => !isJobId(one?.id))) refuse('after takes what enqueue has returned.')
  if (afterFailure !== 'fail' && afterFailure !== 'run') refuse(`afterFailure is 'fail' or 'run'.`)
  if (child !== true && child !== false && child !== 'optional') refuse(`child is true, false or 'optional'.`)
  const parent = child && cause?.startsWith('job:') ? cause.slice('job:'.length) : undefined
  if (child && parent === undefined) refuse('child: only the handler of a job has children.')
  return {
    after: [...new Set(before.map(({ id }) => id))],
    rule: afterFailure === 'fail' ? 'fail' : 'any',
    parent,
    parentRule: child === 'optional' ? 'any' : 'fail',
  }
}

/** @returns whether it has to wait */
export async function enqueueNeeds(
  session: Session,
  dialect: Dialect,
  { id, now, needs }: { id: string; now: number; needs: NeedsAsked },
): Promise<boolean> {
  const store = storeOf(dialect)
  if (needs.parent !== undefined) await store.add(session, needs.parent, id, needs.parentRule)
  for (const need of needs.after) await store.add(session, id, need, needs.rule)
  // Those that have ended before say nothing any more.
  return needs.after.length > 0 && (await store.goOn(session, [id], now)).released.length === 0
}

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isJobId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value)
}

const stores = new Map<Dialect['name'], JobNeedStore>()

export function storeOf(dialect: Dialect): JobNeedStore {
  let store = stores.get(dialect.name)
  if (!store) {
    store = new JobNeedStore(dialect)
    stores.set(dialect.name, store)
  }
  return store
}
