import { MonoblocError } from '../errors.ts'
import type { Dialect, Queries, Session, Storage } from '../storage/index.ts'
import type { Job } from './job.ts'
import { JobControlStore, type JobRow, type JobState, jobStates } from './job-control-store.ts'
import { toldOfJob } from './job-enqueue.ts'
import { errorText } from './job-failure.ts'
import { isJobId, storeOf } from './job-need-enqueue.ts'

/** A job as it stands. */
export interface JobInfo {
  id: string
  name: string
  state: JobState
  /** From -100 to 100: the highest run first. */
  priority: number
  /** What it was enqueued with. */
  input: unknown
  /** How often it was begun. */
  attempt: number
  attempts: number
  createdAt: Date
  /** Not before. */
  dueAt: Date
  startedAt: Date | null
  endedAt: Date | null
  /** What its handler said last of how far it has come. */
  progress: unknown
  /** What its handler returned. */
  result: unknown
  /** Why its last attempt failed; `code` is null where it was no error of Monobloc. */
  error: { code: string | null; message: string } | null
  /** The process that has it, while one does. */
  worker: string | null
  /** What caused the transaction that enqueued it: a request's id, `job:<id>`, … */
  cause: string | null
  trace: string | null
}

/** How many jobs of a name there are, by their state. */
export interface JobCounts {
  name: string
  /** Since when its jobs wait; null where they don't. */
  pausedAt: Date | null
  counts: Partial<Record<JobState, number>>
}

export interface JobQuery {
  name?: string
  state?: JobState
  /** Only those that are older than this one: the id of the last of a page. */
  before?: string
  /** 1 to 1,000. Default 20. */
  limit?: number
}

/** The jobs of an app, for programs and commands. Everything works on the database, whoever runs. */
export interface Jobs {
  /** The newest first. */
  list(query?: JobQuery): Promise<JobInfo[]>
  /** @throws MonoblocError `not_found` */
  get(id: string): Promise<JobInfo>
  /** By name. */
  counts(): Promise<JobCounts[]>
  /**
   * Keeps a job from running. One that runs is told so by its `signal`, and ends as cancelled unless it is done before.
   *
   * @throws MonoblocError `not_found`, `job_ended`
   */
  cancel(id: string): Promise<JobInfo>
  /** Lets a job that has failed, or was cancelled, run again with all its attempts. @throws MonoblocError `not_found`, `job_open` */
  retry(id: string): Promise<JobInfo>
  /** Lets all that have failed until now run again. @returns how many @throws MonoblocError `not_found` */
  retryAll(name: string): Promise<number>
  /** Jobs of this name wait, in all processes: none begins, and those that run end. @throws MonoblocError `not_found` */
  pause(name: string): Promise<void>
  /** @throws MonoblocError `not_found` */
  resume(name: string): Promise<void>
}

export interface JobsOptions {
  storage: Storage
  queries: Queries
  jobs: readonly Job[]
  now: () => number
}

const deadline = 10_000
const committed = { deadline, isolation: 'committed' } as const
const mostListed = 1000

/** Jobs that one statement lets run again: some milliseconds of a write turn. */
const retriedAtOnce = 500

/** Children that one statement cancels. */
const cancelledAtOnce = 500

/** Cancels a job and its children in a transaction. @throws MonoblocError `job_ended` */
export async function cancelJob(session: Session, queries: Queries, id: string): Promise<void> {
  const store = new JobControlStore(queries.dialect)
  const needs = storeOf(queries.dialect)
  const now = queries.now()
  const why = errorText(new MonoblocError('job_cancelled'))
  const row = (await store.get(session, id))!
  if ((await store.cancel(session, [id], now, why)) === 0 && row.state !== 'cancelling') throw ended(row)
  const parents = [id]
  for (const parent of parents) {
    for (let after = parent; ; ) {
      const children = await needs.openChildren(session, parent, after, cancelledAtOnce)
      await store.cancel(session, children, now, why)
      parents.push(...children)
      if (children.length < cancelledAtOnce) break
      after = children.at(-1)!
    }
  }
  session.onCommit?.(() => toldOfJob(queries, String(row.name), { ended: [id] }))
}

/** Lets some of a name that had failed by then run again, and what failed because of them wait. @returns how many */
async function retrySome(session: Session, dialect: Dialect, name: string, until: number): Promise<number> {
  const ids = await new JobControlStore(dialect).retryAll(session, name, until, retriedAtOnce)
  await storeOf(dialect).waitAgain(session, ids)
  return ids.length
}

export function createJobs({ storage, queries, jobs, now }: JobsOptions): Jobs {
  const store = new JobControlStore(storage.dialect)
  const needs = storeOf(storage.dialect)
  const names = new Set(jobs.map(({ name }) => name))

  function named(name: string): string {
    if (names.has(name)) return name
    const known = [...names].join(', ')
    throw notFound(name, `There is no job ${name}${known ? `: there are ${known}` : ''}.`)
  }

  async function found(session: Session, id: string): Promise<JobRow> {
    const row = isJobId(id) ? await store.get(session, id) : undefined
    if (row) return row
    throw notFound(id, `There is no job ${id}. Jobs that have ended are kept for a while only.`)
  }

  return {
    async list({ limit = 20, name, state, before } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > mostListed)
        throw new MonoblocError('definition_invalid', { detail: `A limit is 1 to ${mostListed}, not ${limit}.` })
      if (state !== undefined && !isState(state)) throw invalidState(state)
      if (before !== undefined && !isJobId(before)) throw notFound(before, `${before} is no id of a job.`)
      const rows = await storage.read({ deadline }, (session) => store.list(session, { name, state, before, limit }))
      return rows.map(jobInfoOf)
    },
    get: async (id) => jobInfoOf(await storage.read({ deadline }, (session) => found(session, id))),
    async counts() {
      const [rows, pauses] = await storage.read({ deadline }, async (session) => [
        await store.counts(session),
        await store.pauses(session),
      ])
      const paused = new Map(pauses.map(({ name, since }) => [String(name), new Date(Number(since))]))
      const all = new Set([...names, ...rows.map(({ name }) => name), ...paused.keys()])
      return [...all].sort().map((name) => {
        const own = rows.filter((row) => row.name === name).map(({ state, count }) => [state, count])
        return { name, pausedAt: paused.get(name) ?? null, counts: Object.fromEntries(own) }
      })
    },
    async cancel(id) {
      const row = await storage.write(committed, async (session) => {
        await found(session, id)
        await cancelJob(session, queries, id)
        return found(session, id)
      })
      return jobInfoOf(row)
    },
    async retry(id) {
      const row = await storage.write(committed, async (session) => {
        const row = await found(session, id)
        if (!(await store.retry(session, id, now()))) throw open(row)
        await needs.waitAgain(session, [id])
        return found(session, id)
      })
      toldOfJob(queries, String(row.name), { due: 0 })
      return jobInfoOf(row)
    },
    async retryAll(name) {
      named(name)
      // What fails again meanwhile is younger than this, or is the next time's.
      const until = now()
      for (let count = 0; ; ) {
        const some = await storage.write(committed, (session) => retrySome(session, storage.dialect, name, until))
        count += some
        if (some > 0) toldOfJob(queries, name, { due: 0 })
        if (some < retriedAtOnce) return count
      }
    },
    async pause(name) {
      named(name)
      await storage.write(committed, (session) => store.pause(session, name, now()))
    },
    async resume(name) {
      named(name)
      await storage.write(committed, (session) => store.resume(session, name))
      toldOfJob(queries, name, { due: 0 })
    },
  }
}

const states: readonly string[] = jobStates

export function isState(value: string): value is JobState {
  return states.includes(value)
}

/** From a row as a session or a `db` has it. */
export function jobInfoOf(row: Readonly<Record<string, unknown>>): JobInfo {
  const date = (at: unknown) => (at === null ? null : new Date(Number(at)))
  const json = (text: unknown) => (text === null ? null : JSON.parse(String(text)))
  const text = (value: unknown) => (value === null ? null : String(value))
  return {
    id: String(row.id),
    name: String(row.name),
    state: row.state as JobState,
    priority: -Number(row.rank) || 0,
    input: json(row.input),
    attempt: Number(row.attempt),
    attempts: Number(row.attempts),
    createdAt: new Date(Number(row.created)),
    dueAt: new Date(Number(row.due)),
    startedAt: date(row.started),
    endedAt: date(row.ended),
    progress: json(row.progress),
    result: json(row.result),
    error: json(row.error),
    worker: text(row.worker),
    cause: text(row.cause),
    trace: text(row.trace),
  }
}

function notFound(subject: string, detail: string): MonoblocError {
  return new MonoblocError('not_found', { subject, detail })
}

function ended({ id, state }: JobRow): MonoblocError {
  return new MonoblocError('job_ended', { subject: String(id), detail: `The job is ${state}.` })
}

function open({ id, state }: JobRow): MonoblocError {
  return new MonoblocError('job_open', { subject: String(id), detail: `The job is ${state}.` })
}

function invalidState(state: string): MonoblocError {
  return new MonoblocError('definition_invalid', {
    subject: state,
    detail: `${state} is no state of a job: there are ${states.join(', ')}.`,
  })
}
