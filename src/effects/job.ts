import { checkOptions, MonoblocError } from '../errors.ts'
import type { AnyModel, InferInput, InferOutput, Row, StandardSchemaV1 } from '../schema/index.ts'
import type { Effect, EffectContext } from './effect.ts'
import { checkEffectName } from './effect-name.ts'
import type { JobInfo } from './job-control.ts'
import { type JobLimitOptions, type JobLimits, limitsOf } from './job-limit.ts'
import type { JobUnique } from './job-unique.ts'
import type { RetryOptions } from './retry-delay.ts'

/** Which job it is that runs. */
export interface JobFacts {
  id: string
  name: string
  /** 1 for the first. */
  attempt: number
  /** How many there may be. */
  attempts: number
  createdAt: Date
  /** What caused the transaction that enqueued it: a request's id, `job:<id>`, … */
  cause: string | null
}

export interface JobPrepareContext<Ms, U, Input> extends Omit<EffectContext<Ms, U>, 'emit' | 'enqueue'> {
  input: Input
  job: JobFacts
  /** The same for each attempt of this job: what is outside the database can tell a repetition by it. */
  idempotencyKey: string
  /** Notes how far it has come, for whoever looks at the job: any JSON of at most 4 KiB. Written about once a second. */
  progress(value: unknown): void
}

export interface JobContext<Ms, U, Input, Prepared = undefined>
  extends JobPrepareContext<Ms, U, Input>,
    Pick<EffectContext<Ms, U>, 'emit' | 'enqueue'> {
  prepared: Prepared
}

export interface JobRetry extends RetryOptions {
  /** How often it is tried in all. Default 10. */
  attempts?: number
}

export interface JobOptions<Ms, U, S extends StandardSchemaV1, P = unknown> extends JobLimitOptions<InferOutput<S>> {
  /** Checks what is enqueued, and once more what a handler is given. */
  input: S
  /**
   * Does the work, in one transaction with the note that it is done: both or neither. Like a handler that writes, it may
   * await its `db` only. What it returns is kept with the job, as JSON of at most 256 KiB.
   */
  handle(context: JobContext<Ms, U, InferOutput<S>, Awaited<P>>): unknown | Promise<unknown>
  /** Runs before, outside a transaction, and may await anything. `handle` is given what it returns as `prepared`. */
  prepare?(context: JobPrepareContext<Ms, U, InferOutput<S>>): P
  /**
   * `false`: `handle` may await anything, and each call of `db` is a transaction of its own. It may then run more than
   * once: give `idempotencyKey` to whom you call.
   */
  transaction?: false
  /**
   * When it fails. Default: 10 attempts, the second after some 10 seconds, and each next one after twice the time, in all
   * over an hour. `false`: one attempt. An error with the code `job_failed` ends it at once.
   */
  retry?: JobRetry | false
  /** Milliseconds of one attempt. Default: 10,000; with `prepare` or `transaction: false` 5 minutes. */
  timeout?: number
  /** From -100 to 100: of jobs that are due, the highest run first. Default 0. */
  priority?: number
  /**
   * Who may see and cancel it at `/jobs/:id` beside whoever started it, where an endpoint answers with it
   * (`returns: { 202: job }`). Default: nobody.
   */
  mayFollow?(asked: { user: (U extends AnyModel ? Row<U> : never) | null; job: JobInfo }): boolean | Promise<boolean>
}

/** Work that is done after a commit, as an app declares it. */
export interface Job<S extends StandardSchemaV1 = StandardSchemaV1> extends Effect {
  readonly kind: 'job'
  readonly options: JobOptions<any, any, S>
  readonly limits: JobLimits | undefined
}

export interface EnqueueOptions {
  /** Milliseconds from now, at most 10 years. */
  delay?: number
  /** Not before this instant. Instead of `delay`. */
  at?: Date
  /** From -100 to 100: the highest run first. Default: the job's own. */
  priority?: number
  /** One job is enough: where there is one under this key, nothing is enqueued, and `id` is its. */
  unique?: JobUnique
  /** It runs when these jobs have ended: at most 1,000, those of one enqueue or of several. */
  after?: Enqueued | readonly Enqueued[]
  /** What becomes of it when one of `after` fails or is cancelled. Default: it fails too, with `job_predecessor_failed`. */
  afterFailure?: 'fail' | 'run'
  /**
   * In the handler of a job: that job is done when this one has ended too, and fails with `job_child_failed` when it fails
   * or is cancelled. `'optional'`: it may.
   */
  child?: boolean | 'optional'
}

export interface Enqueued {
  id: string
  /** `unique` has found a job that is enough. */
  existing: boolean
}

/** Lets a job run once the transaction is on disk. @throws MonoblocError `validation_failed`, `job_too_large`, `definition_invalid` */
export type Enqueue = <S extends StandardSchemaV1>(
  job: Job<S>,
  input: InferInput<S>,
  options?: EnqueueOptions,
) => Promise<Enqueued>

/** What is not said. */
export const jobDefaults = {
  attempts: 10,
  // 10 s, 20 s, … 43 min: an outage of an hour is outlived, and a mistake is seen in the first minutes.
  retryDelay: 10_000,
  longestRetry: 60 * 60_000,
  // As a request's: it holds the write lock of SQLite.
  timeout: 10_000,
  looseTimeout: 5 * 60_000,
} as const

const mostAttempts = 1000
const longestTimeout = 24 * 60 * 60_000
const mostPriority = 100

/** @throws MonoblocError `definition_invalid` */
export function createJob<S extends StandardSchemaV1>(
  definition: object,
  name: string,
  options: JobOptions<any, any, S, any>,
): Job<S> {
  checkEffectName('job', name)
  checkOptions(`job("${name}")`, options, {
    input: true,
    handle: true,
    prepare: true,
    transaction: true,
    retry: true,
    timeout: true,
    priority: true,
    concurrency: true,
    perProcess: true,
    rate: true,
    mayFollow: true,
  })
  const { retry, timeout, priority, input, handle, transaction } = options
  const refuse = (detail: string): never => {
    throw new MonoblocError('definition_invalid', { subject: name, detail: `job("${name}"): ${detail}` })
  }
  if (typeof input?.['~standard']?.validate !== 'function') refuse('input is a schema, such as z.object({ … }).')
  if (typeof handle !== 'function') refuse('handle is a function.')
  if (transaction !== undefined && transaction !== false) refuse('transaction is false or left out.')
  if (retry) checkOptions(`job("${name}").retry`, retry, { attempts: true, delay: true, longest: true })
  const whole = (what: string, value: number | undefined, least: number, most: number) => {
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
    refuse(`${what} is a whole number from ${least} to ${most}.`)
  }
  whole('retry.attempts', retry ? retry.attempts : undefined, 1, mostAttempts)
  whole('retry.delay', retry ? retry.delay : undefined, 0, longestTimeout)
  whole('retry.longest', retry ? retry.longest : undefined, 0, longestTimeout)
  whole('timeout', timeout, 1, longestTimeout)
  whole('priority', priority, -mostPriority, mostPriority)
  return { kind: 'job', name, definition, options, limits: limitsOf(name, options) }
}

/** How many attempts a job has. */
export function attemptsOf({ retry }: Job['options']): number {
  return retry === false ? 1 : (retry?.attempts ?? jobDefaults.attempts)
}

/** Does it run in slots of its own: does it wait for what is no database? */
export function isLoose({ prepare, transaction }: Job['options']): boolean {
  return prepare !== undefined || transaction === false
}

export function timeoutOf(options: Job['options']): number {
  return options.timeout ?? (isLoose(options) ? jobDefaults.looseTimeout : jobDefaults.timeout)
}

export function isPriority(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= mostPriority
}
