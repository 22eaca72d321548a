import type { Dialect, Session, SqlRow, Statement } from '../storage/index.ts'

/** States in which a job can still become something else by itself. */
export const openStates = ['waiting', 'delayed', 'queued', 'running', 'cancelling', 'awaiting'] as const
export const endStates = ['done', 'failed', 'cancelled'] as const
export const jobStates = [...openStates, ...endStates] as const
export type JobState = (typeof jobStates)[number]

const columns = `id, name, state, rank, due, input, attempt, attempts, worker, created, started, ended, progress, result,
  error, cause, trace`

const textsFor = (postgres: boolean) => {
  const uuid = postgres ? '::uuid' : ''
  const number = postgres ? '::bigint' : ''
  const text = postgres ? '::text' : ''
  const ids = `(select value${uuid} from ${postgres ? 'json_array_elements_text($1::json)' : 'json_each($1)'})`
  return {
    get: `select ${columns} from monobloc_job where id = $1${uuid}`,
    list: `select ${columns} from monobloc_job
      where ($1${text} is null or name = $1) and ($2${text} is null or state = $2) and ($3${uuid} is null or id < $3)
      order by id desc limit $4`,
    // Two, so that the few which have failed are found by their index.
    failed: `select ${columns} from monobloc_job
      where state = 'failed' and ($1${text} is null or name = $1) and ($2${uuid} is null or id < $2)
      order by id desc limit $3`,
    counts: 'select name, state, count(*) as count from monobloc_job group by name, state',
    pauses: 'select name, since from monobloc_job_pause order by name',
    pause: 'insert into monobloc_job_pause (name, since) values ($1, $2) on conflict (name) do nothing',
    resume: 'delete from monobloc_job_pause where name = $1',
    cancel: `update monobloc_job set state = 'cancelled', ended = $2, error = $3
      where id in ${ids} and state in ('waiting', 'delayed', 'queued', 'awaiting')`,
    stop: `update monobloc_job set state = 'cancelling' where id in ${ids} and state = 'running'`,
    retry: `update monobloc_job set state = 'queued', attempt = 0, due = $2, ended = null, progress = null, result = null
      where id = $1${uuid} and state in ('failed', 'cancelled') returning name`,
    retryAll: `update monobloc_job set state = 'queued', attempt = 0, due = $2, ended = null, progress = null, result = null
      where id in (select id from monobloc_job where state = 'failed' and name = $1 and created <= $2${number}
        order by id limit $3${postgres ? ' for update skip locked' : ''}) and state = 'failed' returning id`,
  }
}

type Words = keyof ReturnType<typeof textsFor>

function statements(postgres: boolean): Record<Words, Statement> {
  const made = Object.entries(textsFor(postgres)).map(([name, text]): [string, Statement] => [
    name,
    // Lists go over what is kept: the engine sees how long that takes.
    { sql: postgres ? text : text.replaceAll(/\$(\d)/g, '?$1'), reach: plans.has(name) ? 'plan' : 'bounded' },
  ])
  return Object.fromEntries(made) as Record<Words, Statement>
}

const plans: ReadonlySet<string> = new Set(['list', 'failed', 'counts'])
const made = { sqlite: statements(false), postgres: statements(true) }

/** What people ask of jobs, and do to them. */
export class JobControlStore {
  readonly #statements: Record<Words, Statement>

  constructor(dialect: Dialect) {
    this.#statements = made[dialect.name]
  }

  get(session: Session, id: string) {
    return session.first(this.#statements.get, [id])
  }

  list(session: Session, asked: { name?: string; state?: JobState; before?: string; limit: number }) {
    const { name = null, state = null, before = null, limit } = asked
    return state === 'failed'
      ? session.all(this.#statements.failed, [name, before, limit])
      : session.all(this.#statements.list, [name, state, before, limit])
  }

  async counts(session: Session): Promise<{ name: string; state: JobState; count: number }[]> {
    const rows = await session.all(this.#statements.counts, [])
    return rows.map(({ name, state, count }) => ({
      name: String(name),
      state: state as JobState,
      count: Number(count),
    }))
  }

  pauses(session: Session) {
    return session.all(this.#statements.pauses, [])
  }

  pause(session: Session, name: string, now: number) {
    return session.run(this.#statements.pause, [name, now])
  }

  resume(session: Session, name: string) {
    return session.run(this.#statements.resume, [name])
  }

  /** Cancels those of a list that do not run, and tells those that do to stop. @returns how many there were */
  async cancel(session: Session, list: readonly string[], now: number, error: string): Promise<number> {
    const ids = JSON.stringify(list)
    return (
      (await session.run(this.#statements.cancel, [ids, now, error])) +
      (await session.run(this.#statements.stop, [ids]))
    )
  }

  async retry(session: Session, id: string, now: number): Promise<boolean> {
    return (await session.rows(this.#statements.retry, [id, now])).length > 0
  }

  /** @returns those that begin again */
  async retryAll(session: Session, name: string, now: number, limit: number): Promise<string[]> {
    return (await session.rows(this.#statements.retryAll, [name, now, limit])).map(([id]) => String(id))
  }
}

export type JobRow = SqlRow
