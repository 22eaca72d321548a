import { ScopedDb, type Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'
import type { Session, Storage, WriteOptions } from '../storage/index.ts'
import { timeoutOf } from './job.ts'
import { type JobAttempt, JobHandlerContext } from './job-attempt.ts'
import { mostJobBytes, readInput } from './job-enqueue.ts'
import type { JobNeedStore } from './job-need.ts'
import { attemptOver, LateSession } from './job-session.ts'
import type { JobStore } from './job-store.ts'

/** How an attempt ended. */
export type AttemptEnd =
  /** Its transaction says so already. */
  | { kind: 'committed' }
  /** It wrote nothing: that it is done is still to be noted. */
  | { kind: 'done'; result: string | null }
  | { kind: 'failed'; error: unknown }

export interface RunOptions {
  storage: Storage
  units: Units
  store: JobStore
  now: () => number
  log: Logger
  needs: JobNeedStore
  /** The jobs that have children. */
  parents: ReadonlySet<string>
  worker(): string
}

type Ended = (end: AttemptEnd) => void

/** Milliseconds for each call of a `db` outside a transaction, as in an endpoint. */
const callDeadline = 10_000

/**
 * Runs a handler in a transaction that begins with its first call of `db`: one that makes no call needs none. Its writes
 * and the note that it is done are one commit, under the fence of its worker and attempt.
 */
export class TransactionRun {
  readonly #options: RunOptions
  readonly #attempt: JobAttempt
  readonly #given: { input: unknown; prepared: unknown }
  readonly #noted: WriteOptions
  readonly #session: LateSession
  readonly #ended: Ended
  readonly #worker: string
  #handling: Promise<unknown> | undefined

  constructor(
    options: RunOptions,
    attempt: JobAttempt,
    given: { input: unknown; prepared: unknown },
    timeout: number,
    ended: Ended,
  ) {
    this.#options = options
    this.#attempt = attempt
    this.#given = given
    this.#noted = { ...notedOf(attempt), deadline: timeout }
    this.#ended = ended
    this.#worker = options.worker()
    this.#session = new LateSession(() => this.#enter())
  }

  /** It has asked its `db` for nothing yet: if it still waits for something, that is something else. */
  get isOutside(): boolean {
    return this.#session.isFresh && this.#attempt.state === 'running'
  }

  start(): void {
    this.#handling = this.#handle(this.#session, this.#noted)
    this.#handling.then(
      (value) => {
        if (this.isOutside) this.#ended(this.#endOf(value))
      },
      (error) => {
        if (this.isOutside) this.#ended({ kind: 'failed', error })
      },
    )
  }

  #endOf(value: unknown): AttemptEnd {
    try {
      return doneWith(value, this.#attempt.job.name)
    } catch (error) {
      return { kind: 'failed', error }
    }
  }

  /** It awaits what it must not. */
  refuse(): void {
    this.#ended({ kind: 'failed', error: new MonoblocError('foreign_await', { subject: this.#attempt.job.name }) })
    this.#session.end(attemptOver())
  }

  #handle(session: Session, noted: WriteOptions): Promise<unknown> {
    const { units, log } = this.#options
    const db = units.over(session, noted)
    const context = new JobHandlerContext(this.#attempt, log, { ...this.#given, db })
    return ScopedDb.whole(db, () => this.#attempt.job.options.handle(context as never))
  }

  #enter(): void {
    this.#options.storage
      .write(this.#noted, (session) => this.#work(session))
      .then(
        () => {
          this.#session.end(attemptOver())
          this.#ended({ kind: 'committed' })
        },
        (error) => {
          this.#session.end(error)
          this.#ended({ kind: 'failed', error })
        },
      )
  }

  async #work(session: Session): Promise<void> {
    const handling = this.#handling
    // Begun again, with nothing left of the first time, the handler runs again.
    this.#handling = undefined
    if (handling) this.#session.begin(session)
    const value = await (handling ?? this.#handle(session, this.#noted))
    const { store, now, needs, parents } = this.#options
    const { claimed } = this.#attempt
    const { result } = doneWith(value, claimed.name)
    const changed = parents.has(claimed.id)
      ? await needs.awaitChildren(session, this.#worker, claimed, result)
      : await store.completeOne(session, this.#worker, now(), claimed, result)
    if (changed === 0) throw new MonoblocError('lease_lost', { subject: claimed.name })
  }
}

/** Runs what may await anything: a handler without a transaction. */
export async function runLoose(
  options: RunOptions,
  attempt: JobAttempt,
  input: unknown,
  prepared?: unknown,
): Promise<AttemptEnd> {
  const db = options.units.loose('system', { readOnly: false, deadline: callDeadline, write: notedOf(attempt) })
  const context = new JobHandlerContext(attempt, options.log, { input, prepared, db })
  const end = doneWith(await ScopedDb.whole(db, () => attempt.job.options.handle(context as never)), attempt.job.name)
  // Those of an attempt before are its children, too.
  const { storage, needs, parents } = options
  const { id } = attempt.claimed
  const isParent =
    parents.has(id) || (await storage.read({ deadline: callDeadline }, (rows) => needs.hasChildren(rows, id)))
  if (!isParent) return end
  await awaitChildren(options, attempt, end.result)
  return { kind: 'committed' }
}

/** They may have ended before it. */
async function awaitChildren(
  { storage, needs, now, worker }: RunOptions,
  { claimed }: JobAttempt,
  result: string | null,
): Promise<void> {
  await storage.write({ deadline: callDeadline, isolation: 'committed' }, async (session) => {
    if ((await needs.awaitChildren(session, worker(), claimed, result)) === 0)
      throw new MonoblocError('lease_lost', { subject: claimed.name })
    await needs.goOn(session, [claimed.id], now())
  })
}

export function runPrepare(options: RunOptions, attempt: JobAttempt, input: unknown): Promise<unknown> {
  const db = options.units.loose('system', { readOnly: true, deadline: callDeadline })
  const context = new JobHandlerContext(attempt, options.log, { input, prepared: undefined, db })
  return ScopedDb.whole(db, async () => attempt.job.options.prepare!(context as never))
}

/** @throws MonoblocError `job_failed` when the schema does not take what was enqueued, perhaps by an older version */
export function inputOf({ job, claimed }: JobAttempt): unknown {
  try {
    return readInput(job, claimed.input)
  } catch (error) {
    throw new MonoblocError('job_failed', {
      subject: job.name,
      detail: `The schema of ${job.name} does not take what was enqueued: keep it open to what older versions gave.`,
      cause: error,
    })
  }
}

export function timeLimit({ job }: JobAttempt): number {
  return timeoutOf(job.options)
}

function notedOf({ claimed }: JobAttempt): Omit<WriteOptions, 'deadline'> {
  return { actor: null, cause: `job:${claimed.id}`, trace: claimed.trace, label: `job ${claimed.name}` }
}

function doneWith(value: unknown, name?: string): { kind: 'done'; result: string | null } {
  if (value === undefined) return { kind: 'done', result: null }
  const result = JSON.stringify(value) ?? null
  if (result !== null && result.length * 3 > mostJobBytes && Buffer.byteLength(result) > mostJobBytes) {
    throw new MonoblocError('job_too_large', {
      subject: name,
      detail: `What the handler returned has more than ${mostJobBytes} bytes.`,
    })
  }
  return { kind: 'done', result }
}

export function asyncSchema({ job }: JobAttempt, input: Promise<unknown>): MonoblocError {
  input.catch(() => {})
  return new MonoblocError('job_failed', {
    subject: job.name,
    detail: `The schema of ${job.name} takes its time, which only jobs with prepare or transaction: false may.`,
  })
}
