import type { Dialect, MaybePromise, Session, SqlValue } from '../storage/index.ts'
import { ownStatements } from './own-statements.ts'

/** A job as a process claims it. */
export interface ClaimedJob {
  readonly id: string
  readonly name: string
  readonly rank: number
  readonly due: number
  /** JSON. */
  readonly input: string
  readonly attempt: number
  readonly attempts: number
  readonly created: number
  readonly cause: string | null
  readonly trace: string | null
}

export interface NewJob extends Omit<ClaimedJob, 'attempt'> {
  state: 'delayed' | 'queued' | 'waiting'
  /** By what its limits count it. */
  slot: string | null
  /** Who enqueued it. */
  actor: string | null
}

/** How an attempt ended, where its own transaction has not said so. */
export interface SettledJob {
  id: string
  attempt: number
  state: 'queued' | 'delayed' | 'failed' | 'cancelled'
  due: number
  ended: number | null
  error: string | null
  /** 0 gives the attempt back. */
  counted: 0 | 1
}

/** What the engines say differently. */
interface Words {
  /** Of a statement that takes rows: those that another takes at this moment are left out. */
  skipLocked: string
  keyShare: string
  /** Whether `id` is in the rows of a query. */
  isIn(query: string): string
  /** The texts of a JSON list, as the column `value`. */
  texts(value: string): string
  ids(value: string): string
  /** The pairs `[id, text]` of a JSON list, as the columns `id` and `text`. */
  pairs(value: string): string
  /** A whole number from 0 to below another. */
  random(below: string): string
}

const sqliteWords: Words = {
  skipLocked: '',
  keyShare: '',
  isIn: (query) => `in (${query})`,
  texts: (value) => `json_each(${value})`,
  ids: (value) => `in (select value from json_each(${value}))`,
  pairs: (value) => `(select value ->> 0 as id, value ->> 1 as text from json_each(${value}))`,
  random: (below) => `abs(random() % (${below}))`,
}

const postgresWords: Words = {
  skipLocked: 'for update skip locked',
  keyShare: 'for key share',
  isIn: (query) => `= any(array(${query}))`,
  texts: (value) => `json_array_elements_text(${value}::json)`,
  ids: (value) => `= any(array(select value::uuid from json_array_elements_text(${value}::json)))`,
  pairs: (value) => `(select (value ->> 0)::uuid as id, value ->> 1 as text from json_array_elements(${value}::json))`,
  random: (below) => `floor(random() * (${below}))::bigint`,
}

const textsFor = (words: Words) => ({
  insert: `insert into monobloc_job (id, name, state, rank, due, input, attempt, attempts, created, cause, trace, slot, actor)
    values ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12)`,
  // As claimed by a worker, if its lease stands and nobody has paused the name.
  insertClaimed: `insert into monobloc_job
      (id, name, state, rank, due, input, attempt, attempts, created, cause, trace, slot, actor, worker, started)
    select $1, $2, case when worker is null then $3 else 'running' end, $4, $5, $6,
      case when worker is null then 0 else 1 end, $7, $8, $9, $10, $11, $12, worker,
      case when worker is not null then $8 end
    from (select (select id from monobloc_worker where id = $13
      and not exists (select 1 from monobloc_job_pause p where p.name = $2)) as worker) as mine
    returning worker`,
  heads: `select value, (select rank from monobloc_job where state = 'queued' and name = value order by rank, due limit 1) as rank
    from ${words.texts('$1')} as names
    where not exists (select 1 from monobloc_job_pause p where p.name = value)`,
  lease: `select 1 from monobloc_worker where id = $1 ${words.keyShare}`,
  claim: `update monobloc_job set state = 'running', worker = $1, started = $2, attempt = attempt + 1
    where id ${words.isIn(
      `select id from monobloc_job where state = 'queued' and name = $3 and rank < $4
        order by rank, due, id limit $5 ${words.skipLocked}`,
    )}
    returning id, name, rank, due, input, attempt, attempts, created, cause, trace`,
  complete: `update monobloc_job set state = 'done', worker = null, ended = $3, error = null
    where id ${words.ids('$1')} and worker = $2`,
  completeWith: `update monobloc_job set state = 'done', worker = null, ended = $3, error = null, result = found.text
    from ${words.pairs('$1')} as found where monobloc_job.id = found.id and worker = $2`,
  completeOne: `update monobloc_job set state = 'done', worker = null, ended = $4, error = null, result = $5
    where id = $1 and worker = $2 and attempt = $3`,
  settle: `update monobloc_job set state = case when state = 'cancelling' then 'cancelled' else $4 end, worker = null,
      due = $5, ended = case when state = 'cancelling' then cast($9 as bigint) else $6 end,
      error = coalesce($7, error), attempt = $8
    where id = $1 and worker = $2 and attempt = $3`,
  progress: 'update monobloc_job set progress = $3 where id = $1 and worker = $2',
  promote: `update monobloc_job set state = 'queued',
      due = case when slot is not null and attempt > 0 then created else due end
    where id ${words.isIn(
      `select id from monobloc_job where state = 'delayed' and due <= $1 order by due limit $2 ${words.skipLocked}`,
    )}
    returning name`,
  nextDue: `select due from monobloc_job where state = 'delayed' order by due limit 1`,
  cancelling: `select id from monobloc_job where worker = $1 and state = 'cancelling'`,
  takeOver: `update monobloc_job set worker = null,
      state = case when state = 'cancelling' then 'cancelled' when attempt >= attempts then 'failed'
        when attempt = 1 then 'queued' else 'delayed' end,
      due = case when attempt = 1 then due else $2 + ${words.random('attempt * attempt * 1000')} end,
      ended = case when state = 'cancelling' or attempt >= attempts then $2 end,
      error = $3
    where worker = $1 returning name`,
})

const statementsOf = ownStatements((postgres) => textsFor(postgres ? postgresWords : sqliteWords))

/** Everything that is asked of jobs while they run. Each call is one statement of somebody's unit of work. */
export class JobStore {
  readonly #statements: ReturnType<typeof statementsOf>

  constructor(dialect: Dialect) {
    this.#statements = statementsOf(dialect)
  }

  insert(session: Session, job: NewJob) {
    return session.run(this.#statements.insert, valuesOf(job))
  }

  /** Inserts a job that a worker begins with at once. @returns whether it may: else it is queued as any other */
  async insertClaimed(session: Session, job: NewJob, worker: string): Promise<boolean> {
    const [row] = await session.rows(this.#statements.insertClaimed, [...valuesOf(job), worker])
    return row![0] !== null
  }

  /** The names of a list that have jobs which may run, and the rank of the first of each. */
  async heads(session: Session, names: readonly string[]): Promise<{ name: string; rank: number }[]> {
    const found = await session.rows(this.#statements.heads, [JSON.stringify(names)])
    return found.flatMap(([name, rank]) => (rank === null ? [] : [{ name: String(name), rank: Number(rank) }]))
  }

  /** Whether the lease of a worker stands; it then does until the end of the transaction. */
  async holds(session: Session, worker: string): Promise<boolean> {
    return (await session.cells(this.#statements.lease, [worker])) !== undefined
  }

  /** Takes jobs of a name whose rank is below another, the first `limit` of them. */
  async claim(session: Session, worker: string, now: number, from: { name: string; below: number; limit: number }) {
    const rows = await session.rows(this.#statements.claim, [worker, now, from.name, from.below, from.limit])
    // In which order an update returns its rows is not said.
    return rows.map(claimedOf).sort(byTurn)
  }

  /** @returns how many there were: fewer, where others have taken them over */
  complete(session: Session, worker: string, now: number, ids: readonly string[]): MaybePromise<number> {
    return session.run(this.#statements.complete, [JSON.stringify(ids), worker, now])
  }

  /** @param results id and JSON of each */
  completeWith(session: Session, worker: string, now: number, results: readonly (readonly [string, string])[]) {
    return session.run(this.#statements.completeWith, [JSON.stringify(results), worker, now])
  }

  completeOne(session: Session, worker: string, now: number, { id, attempt }: ClaimedJob, result: string | null) {
    return session.run(this.#statements.completeOne, [id, worker, attempt, now, result])
  }

  settle(session: Session, worker: string, now: number, settled: SettledJob) {
    const { id, attempt, state, due, ended, error, counted } = settled
    const values = [id, worker, attempt, state, due, ended, error, attempt - 1 + counted, now]
    return session.run(this.#statements.settle, values)
  }

  progress(session: Session, worker: string, id: string, progress: string): MaybePromise<number> {
    return session.run(this.#statements.progress, [id, worker, progress])
  }

  /** Lets what is due run. @returns the names of what was found */
  async promote(session: Session, now: number, limit: number): Promise<string[]> {
    return (await session.rows(this.#statements.promote, [now, limit])).map(([name]) => String(name))
  }

  /** When the next delayed job is due. */
  async nextDue(session: Session): Promise<number> {
    const due = await session.value(this.#statements.nextDue, [])
    return due === undefined ? Infinity : Number(due)
  }

  /** Of the jobs of a worker, those that somebody has told to stop. */
  async cancelling(session: Session, worker: string): Promise<string[]> {
    return (await session.rows(this.#statements.cancelling, [worker])).map(([id]) => String(id))
  }

  /**
   * Frees what a worker had when it died: at once the first time, then after a random while that grows with the attempts,
   * so that a job which kills its process does not meet the same others again.
   *
   * @returns the names
   */
  async takeOver(session: Session, worker: string, now: number, error: string): Promise<string[]> {
    return (await session.rows(this.#statements.takeOver, [worker, now, error])).map(([name]) => String(name))
  }
}

function valuesOf({ id, name, state, rank, due, input, attempts, created, cause, trace, slot, actor }: NewJob) {
  return [id, name, state, rank, due, input, attempts, created, cause, trace, slot, actor]
}

export function claimedOf([
  id,
  name,
  rank,
  due,
  input,
  attempt,
  attempts,
  created,
  cause,
  trace,
]: SqlValue[]): ClaimedJob {
  return {
    id: id as string,
    name: name as string,
    rank: Number(rank),
    due: Number(due),
    input: input as string,
    attempt: Number(attempt),
    attempts: Number(attempts),
    created: Number(created),
    cause: cause as string | null,
    trace: trace as string | null,
  }
}

export function byTurn(a: ClaimedJob, b: ClaimedJob): number {
  return a.rank - b.rank || a.due - b.due || (a.id < b.id ? -1 : 1)
}
