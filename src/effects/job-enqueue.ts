import { ScopedDb } from '../commit/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import { uuidv7, violationsOf } from '../schema/index.ts'
import { attemptsOf, type Enqueued, type EnqueueOptions, isPriority, type Job } from './job.ts'
import { slotOf } from './job-limit.ts'
import { enqueueNeeds, needsAsked } from './job-need-enqueue.ts'
import { type ClaimedJob, JobStore, type NewJob } from './job-store.ts'
import { checkUnique, takeUnique } from './job-unique.ts'

/** Bytes of a job's input, and of its result: they are for keys and small facts; a file is named, not carried. */
export const mostJobBytes = 256 * 1024

const longestDelay = 10 * 366 * 24 * 60 * 60_000

/** What is on disk of jobs of a name. */
export interface JobNews {
  /** One may run from then on; 0: at once. */
  due?: number
  /** One waits for others. */
  waits?: boolean
  /** These have ended. */
  ended?: readonly string[]
}

/** Who runs jobs in this process. */
export interface JobListener {
  heard(name: string, news: JobNews): void
  /** @returns the worker that would begin with such a job at once, where nothing else waits */
  idleFor(job: Job): string | undefined
  /** A job that was enqueued as claimed by that worker is on disk. */
  claimed(worker: string, job: ClaimedJob): void
}

/** By the queries of their app, since those are what a unit of work carries. */
const listeners = new WeakMap<object, JobListener>()
const stores = new WeakMap<object, JobStore>()

/** Says who hears of what units of work with these queries enqueue. */
export function listenForJobs(queries: object, listener: JobListener | undefined): void {
  if (listener) listeners.set(queries, listener)
  else listeners.delete(queries)
}

/** Says what has become of jobs, to whoever runs some with these queries. */
export function toldOfJob(queries: object, name: string, news: JobNews): void {
  listeners.get(queries)?.heard(name, news)
}

const parents = new WeakMap<object, Set<string>>()

/** The jobs of this process whose handlers have enqueued children. */
export function parentsOf(queries: object): Set<string> {
  let found = parents.get(queries)
  if (!found) {
    found = new Set()
    parents.set(queries, found)
  }
  return found
}

const atOnce: JobNews = { due: 0 }

/** The statements of jobs for an engine: one set for each, whoever asks. */
export function jobStoreOf(dialect: ConstructorParameters<typeof JobStore>[0]): JobStore {
  let store = stores.get(dialect)
  if (!store) {
    store = new JobStore(dialect)
    stores.set(dialect, store)
  }
  return store
}

/**
 * Lets a job run once the transaction of a `db` is on disk.
 *
 * @throws MonoblocError `validation_failed`, `job_too_large`, `definition_invalid`
 */
export function enqueueJob(db: unknown, job: Job, input: unknown, options: EnqueueOptions = {}): Promise<Enqueued> {
  return ScopedDb.effect(db, async (rows, noted) => {
    const { session, queries } = rows
    const now = queries.now()
    const { due, isDelayed } = dueOf(job, options, now)
    const needs = options.after || options.child ? needsAsked(job, options, noted.cause) : undefined
    const { text, value } = await inputText(job, input)
    const id = uuidv7(now)
    if (options.unique) {
      checkUnique(job.name, options.unique)
      const { name } = job
      const holder = await takeUnique(session, queries.dialect, { name, unique: options.unique, id, now })
      if (holder !== undefined) return { id: holder, existing: true }
    }
    const made: NewJob = {
      id,
      name: job.name,
      state: needs && needs.after.length > 0 ? 'waiting' : isDelayed ? 'delayed' : 'queued',
      rank: -priorityOf(job, options),
      due,
      input: text,
      attempts: attemptsOf(job.options),
      created: now,
      cause: noted.cause ?? null,
      trace: noted.trace ?? null,
      slot: job.limits ? slotOf(job.name, job.limits, value) : null,
      actor: noted.actor ?? null,
    }
    const store = jobStoreOf(queries.dialect)
    const listener = listeners.get(queries)
    // Elsewhere a commit may be left unknown, and nobody would know of the claim; and one of which one is enough may be asked
    // for again before it begins.
    const mayBegin = made.state === 'queued' && !options.unique && queries.dialect.name === 'sqlite'
    const worker = mayBegin ? listener?.idleFor(job) : undefined
    const isClaimed = worker !== undefined && (await store.insertClaimed(session, made, worker))
    if (worker === undefined) await store.insert(session, made)
    const waits = needs && (await enqueueNeeds(session, queries.dialect, { id, now, needs }))
    if (listener) {
      const news = waits ? { waits } : isDelayed ? { due } : atOnce
      session.onCommit?.(() => {
        if (isClaimed) listener.claimed(worker, { ...made, attempt: 1 })
        else listener.heard(job.name, news)
      })
      if (needs?.parent !== undefined) {
        parentsOf(queries).add(needs.parent)
        session.onCommit?.(() => listener.heard(job.name, { waits: true }))
      }
    }
    return { id, existing: false }
  })
}

const enqueueOptions = {
  delay: true,
  at: true,
  priority: true,
  unique: true,
  after: true,
  afterFailure: true,
  child: true,
} as const

function dueOf(job: Job, options: EnqueueOptions, now: number): { due: number; isDelayed: boolean } {
  checkOptions(`enqueue(${job.name})`, options, enqueueOptions)
  const { delay, at } = options
  if (delay !== undefined && at !== undefined) throw invalid(job, 'say delay or at, not both.')
  if (delay !== undefined && !(delay >= 0 && delay <= longestDelay))
    throw invalid(job, 'delay is in milliseconds, from 0 to 10 years.')
  if (at !== undefined && !(at instanceof Date && Number.isFinite(at.getTime()))) throw invalid(job, 'at is a Date.')
  const due = Math.floor(at ? Math.min(at.getTime(), now + longestDelay) : now + (delay ?? 0))
  return { due, isDelayed: due > now }
}

function priorityOf(job: Job, { priority = job.options.priority ?? 0 }: EnqueueOptions): number {
  if (!isPriority(priority)) throw invalid(job, 'priority is a whole number from -100 to 100.')
  return priority
}

// What is kept is what was given, as JSON: a handler is given what the schema makes of it. So it is that which is checked.
async function inputText(job: Job, input: unknown): Promise<{ text: string; value: unknown }> {
  const text = JSON.stringify(input === undefined ? null : input)
  if (text === undefined) throw invalid(job, 'the input has no form in JSON.')
  const bytes = text.length * 3 <= mostJobBytes ? 0 : Buffer.byteLength(text)
  if (bytes > mostJobBytes) {
    throw new MonoblocError('job_too_large', {
      subject: job.name,
      detail: `The input has ${bytes} bytes, and ${mostJobBytes} is the most.`,
    })
  }
  return { text, value: await readInput(job, text) }
}

/** The input of a job, as its handler is given it. @throws MonoblocError `validation_failed` */
export function readInput(job: Job, text: string): unknown {
  const value: unknown = JSON.parse(text)
  const result = job.options.input['~standard'].validate(value)
  if (result instanceof Promise) return result.then((found) => checked(job, found, value))
  return checked(job, result, value)
}

function checked(
  job: Job,
  result: Awaited<ReturnType<Job['options']['input']['~standard']['validate']>>,
  value: unknown,
): unknown {
  if (!result.issues) return result.value
  throw new MonoblocError('validation_failed', {
    subject: job.name,
    violations: violationsOf(result.issues, ['input'], value),
  })
}

function invalid(job: Job, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: job.name, detail: `enqueue(${job.name}): ${detail}` })
}
