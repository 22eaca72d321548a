import type { Dialect, Session, SqlValue } from '../storage/index.ts'
import {
  type JobConcurrency,
  type JobLimits,
  type RecentStarts,
  rateRoom,
  withoutFuture,
  withStarts,
} from './job-limit.ts'
import { byTurn, type ClaimedJob, claimedOf } from './job-store.ts'
import { ownStatements } from './own-statements.ts'

const textsFor = (postgres: boolean) => {
  const skipLocked = postgres ? 'for update skip locked' : ''
  const isIn = (query: string) => (postgres ? `= any(array(${query}))` : `in (${query})`)
  const values = (list: string) => (postgres ? `json_array_elements_text(${list}::json)` : `json_each(${list})`)
  const number = postgres ? '::int' : ''
  const claim = (
    query: string,
  ) => `update monobloc_job set state = 'running', worker = $1, started = $2, attempt = attempt + 1
    where id ${isIn(query)} and state = 'queued'
    returning id, name, rank, due, input, attempt, attempts, created, cause, trace`
  // What has a slot and has not ended has an index of its own.
  const live = (job: string) => `${job}.slot is not null and ${job}.ended is null`
  const next = (
    after: string,
  ) => `(select q.slot from monobloc_job q where ${live('q')} and q.name = $1 and q.slot > ${after}
    and q.state = 'queued' order by q.slot limit 1)`
  return {
    add: `insert into monobloc_job_limit (name, starts) values ($1, '[]') on conflict (name) do nothing`,
    lock: `select starts from monobloc_job_limit where name = $1${postgres ? ' for update' : ''}`,
    note: 'update monobloc_job_limit set starts = $2 where name = $1',
    busy: `select count(*) from monobloc_job where worker is not null and name = $1`,
    first: claim(`select id from monobloc_job where state = 'queued' and name = $3 and rank < $4
      order by rank, due, id limit $5 ${skipLocked}`),
    // Each key that has something to do, with what it has under way; one whose first job waits for its next attempt has
    // nothing to do where the order counts.
    slots: `with recursive found(slot) as (
        select ${next('$2')} union all select ${next('found.slot')} from found where found.slot is not null
      ), counted as (
        select slot, (select count(*) from monobloc_job r
          where ${live('r')} and r.name = $1 and r.slot = found.slot and r.state in ('running', 'cancelling')) as busy
        from found where slot is not null
      )
      select slot, busy from counted where busy < $3${number} and ($3${number} > 1 or not exists (
        select 1 from monobloc_job w where ${live('w')} and w.name = $1 and w.slot = counted.slot
          and w.state = 'delayed' and w.attempt > 0))
      limit $4`,
    ofSlots: claim(`select (select q.id from monobloc_job q where ${live('q')} and q.name = $3 and q.slot = s.value
      and q.state = 'queued' order by q.rank, q.due, q.id limit 1) from ${values('$4')} as s`),
    strays: `select id, input from monobloc_job where name = $1 and slot is null and state in ('queued', 'delayed', 'waiting')
      limit $2`,
    adopt: 'update monobloc_job set slot = $2 where id = $1 and slot is null',
  }
}

const statementsOf = ownStatements(textsFor)

export interface LimitedClaim {
  name: string
  below: number
  limit: number
  worker: string
  now: number
  /** How many of the name this process has. */
  own: number
}

export interface LimitedClaimed {
  rows: ClaimedJob[]
  /** There may be more that could begin at once. */
  more: boolean
  /** From when on its rate lets more begin; undefined where that is not what keeps them. */
  until: number | undefined
}

/**
 * Claims jobs that have limits. Whoever does locks the row of the name first: what others run of it is then counted
 * exactly, and stays so until this claim is on disk. A job counts as running until its end is on disk, or until its worker
 * is seen to be dead and it is taken over.
 */
export class LimitedClaims {
  readonly #words: ReturnType<typeof statementsOf>
  /** By name, the key that had its turn last. */
  readonly #turns = new Map<string, string>()

  constructor(dialect: Dialect) {
    this.#words = statementsOf(dialect)
  }

  async claim(session: Session, limits: JobLimits, asked: LimitedClaim): Promise<LimitedClaimed> {
    const { name, now } = asked
    const noted = await this.#lock(session, name)
    const { concurrency, perProcess, rate } = limits
    const starts = rate ? withoutFuture(rate, noted, now) : noted
    const free = rate ? rateRoom(rate, starts, now) : undefined
    const room = Math.min(asked.limit, (perProcess ?? Infinity) - asked.own, free?.room ?? Infinity)
    const rows = room <= 0 ? [] : await this.#take(session, concurrency, asked, room)
    if (rate && (rows.length > 0 || starts !== noted)) {
      const all = rows.length > 0 ? withStarts(rate, starts, now, rows.length) : starts
      await session.run(this.#words.note, [name, JSON.stringify(all)])
    }
    const isRate = free !== undefined && rows.length === free.room
    return {
      rows,
      more: rows.length === asked.limit && !isRate,
      until: isRate ? free.until || now + rate!.per : undefined,
    }
  }

  async #lock(session: Session, name: string): Promise<RecentStarts> {
    let starts = await session.value(this.#words.lock, [name])
    if (starts === undefined) {
      await session.run(this.#words.add, [name])
      starts = await session.value(this.#words.lock, [name])
    }
    return JSON.parse(String(starts ?? '[]'))
  }

  async #take(
    session: Session,
    concurrency: JobConcurrency<unknown> | undefined,
    { name, below, worker, now }: LimitedClaim,
    room: number,
  ): Promise<ClaimedJob[]> {
    if (concurrency?.key) return this.#takeByKey(session, concurrency.limit, { name, worker, now }, room)
    const busy = concurrency ? Number(await session.value(this.#words.busy, [name])) : 0
    const limit = Math.min(room, (concurrency?.limit ?? Infinity) - busy)
    if (limit <= 0) return []
    return claimedFrom(await session.rows(this.#words.first, [worker, now, name, below, limit]))
  }

  async #takeByKey(
    session: Session,
    limit: number,
    { name, worker, now }: Pick<LimitedClaim, 'name' | 'worker' | 'now'>,
    room: number,
  ): Promise<ClaimedJob[]> {
    const claimed: ClaimedJob[] = []
    let slots = await this.#slots(session, name, limit, room)
    // One of each key, then a second one of those that may have it.
    while (slots.length > 0 && claimed.length < room) {
      const turn = slots.slice(0, room - claimed.length)
      const values = [worker, now, name, JSON.stringify(turn.map(({ slot }) => slot))]
      const rows = claimedFrom(await session.rows(this.#words.ofSlots, values))
      claimed.push(...rows)
      this.#turns.set(name, turn.at(-1)!.slot)
      if (rows.length === 0) break
      slots = slots.map(({ slot, busy }) => ({ slot, busy: busy + 1 })).filter(({ busy }) => busy < limit)
    }
    return claimed
  }

  /** The keys that may have more under way, from the one behind that which had its turn last. */
  async #slots(session: Session, name: string, limit: number, most: number): Promise<{ slot: string; busy: number }[]> {
    const last = this.#turns.get(name) ?? ''
    const found = await this.#slotsAfter(session, name, last, limit, most)
    if (last === '' || found.length === most) return found
    const again = await this.#slotsAfter(session, name, '', limit, most - found.length)
    const seen = new Set(found.map(({ slot }) => slot))
    return [...found, ...again.filter(({ slot }) => !seen.has(slot))]
  }

  async #slotsAfter(session: Session, name: string, after: string, limit: number, most: number) {
    const rows = await session.rows(this.#words.slots, [name, after, limit, most])
    return rows.map(([slot, busy]) => ({ slot: String(slot), busy: Number(busy) }))
  }

  /**
   * Gives a slot to jobs that were enqueued when their name had none.
   *
   * @returns how many there were
   */
  async adopt(session: Session, name: string, limit: number, slotFor: (input: string) => Promise<string>) {
    const rows = await session.rows(this.#words.strays, [name, limit])
    for (const [id, input] of rows) await session.run(this.#words.adopt, [id!, await slotFor(String(input))])
    return rows.length
  }
}

function claimedFrom(rows: SqlValue[][]): ClaimedJob[] {
  return rows.map(claimedOf).sort(byTurn)
}
