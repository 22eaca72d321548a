import type { MaybePromise, Session, SqlRow, Statement } from '../storage/index.ts'

/** A row of `monobloc_schedule`. */
export interface ScheduleRow {
  name: string
  times: string
  state: 'active' | 'paused'
  since: number
  next: number | null
  last: number | null
  confirmed: number
}

/** A row of `monobloc_tick`. */
export interface TickRow {
  id: string
  schedule: string
  at: number
  noted: number
  outcome: 'run' | 'missed' | 'manual'
  missed: number
  job: string | null
  trace: string
}

/** How many ticks of a schedule are kept. */
export const ticksKept = 1000

function statement(sql: string): Record<'sqlite' | 'postgres', Statement> {
  let place = 0
  const numbered = sql.replace(/\?/g, () => `$${++place}`)
  return { sqlite: { sql, reach: 'bounded' }, postgres: { sql: numbered, reach: 'bounded' } }
}

const statements = {
  all: statement('select * from monobloc_schedule order by name'),
  one: statement('select * from monobloc_schedule where name = ?'),
  add: statement(
    `insert into monobloc_schedule (name, times, state, since, next, last, confirmed)
      values (?, ?, 'active', ?, ?, null, ?) on conflict (name) do nothing`,
  ),
  redefine: statement(
    'update monobloc_schedule set times = ?, since = ?, next = ?, confirmed = ? where name = ? and times = ?',
  ),
  confirm: statement('update monobloc_schedule set confirmed = ? where name = ? and times = ?'),
  state: statement('update monobloc_schedule set state = ?, next = ? where name = ?'),
  move: statement(
    `update monobloc_schedule set next = ?, last = ?, confirmed = ?
      where name = ? and times = ? and state = 'active' and next = ?`,
  ),
  note: statement(
    `insert into monobloc_tick (id, schedule, at, noted, outcome, missed, job, trace)
      values (?, ?, ?, ?, ?, ?, null, ?) on conflict (id) do nothing`,
  ),
  noteJob: statement('update monobloc_tick set job = ? where id = ?'),
  ticks: statement('select * from monobloc_tick where schedule = ? order by at desc limit ?'),
  prune: statement(
    `delete from monobloc_tick where schedule = ? and at <
      (select at from monobloc_tick where schedule = ? order by at desc limit 1 offset ${ticksKept - 1})`,
  ),
}

/** What schedules ask of the database. */
export class ScheduleStore {
  readonly #engine: 'sqlite' | 'postgres'

  constructor(engine: 'sqlite' | 'postgres') {
    this.#engine = engine
  }

  async all(session: Session): Promise<Map<string, ScheduleRow>> {
    const rows = await session.all(statements.all[this.#engine], [])
    return new Map(rows.map((row) => [row.name as string, scheduleOf(row)]))
  }

  async get(session: Session, name: string): Promise<ScheduleRow | undefined> {
    const row = await session.first(statements.one[this.#engine], [name])
    return row && scheduleOf(row)
  }

  /** Nothing where there is one already. */
  add(session: Session, name: string, times: string, since: number, next: number | null): MaybePromise<number> {
    return session.run(statements.add[this.#engine], [name, times, since, next, since])
  }

  /** From the times that it had to others, from now on. */
  redefine(
    session: Session,
    row: ScheduleRow,
    times: string,
    since: number,
    next: number | null,
  ): MaybePromise<number> {
    return session.run(statements.redefine[this.#engine], [times, since, next, since, row.name, row.times])
  }

  confirm(session: Session, name: string, times: string, now: number): MaybePromise<number> {
    return session.run(statements.confirm[this.#engine], [now, name, times])
  }

  setState(session: Session, name: string, state: ScheduleRow['state'], next: number | null): MaybePromise<number> {
    return session.run(statements.state[this.#engine], [state, next, name])
  }

  /** Whether the tick was still to come, for these times. */
  async move(
    session: Session,
    row: ScheduleRow,
    to: { next: number | null; last: number | null; now: number },
  ): Promise<boolean> {
    const { name, times, next } = row
    return (await session.run(statements.move[this.#engine], [to.next, to.last, to.now, name, times, next])) === 1
  }

  /** Whether it was not there. */
  async note(session: Session, tick: Omit<TickRow, 'job'>): Promise<boolean> {
    const { id, schedule, at, noted, outcome, missed, trace } = tick
    const values = [id, schedule, at, noted, outcome, missed, trace]
    return (await session.run(statements.note[this.#engine], values)) === 1
  }

  noteJob(session: Session, id: string, job: string): MaybePromise<number> {
    return session.run(statements.noteJob[this.#engine], [job, id])
  }

  /** The newest first. */
  async ticks(session: Session, name: string, limit: number): Promise<TickRow[]> {
    return (await session.all(statements.ticks[this.#engine], [name, limit])).map(tickOf)
  }

  prune(session: Session, name: string): MaybePromise<number> {
    return session.run(statements.prune[this.#engine], [name, name])
  }
}

function scheduleOf(row: SqlRow): ScheduleRow {
  const { since, next, last, confirmed } = row
  return {
    ...(row as unknown as ScheduleRow),
    since: Number(since),
    next: next === null ? null : Number(next),
    last: last === null ? null : Number(last),
    confirmed: Number(confirmed),
  }
}

export function tickOf(row: SqlRow): TickRow {
  const { at, noted, missed } = row
  return { ...(row as unknown as TickRow), at: Number(at), noted: Number(noted), missed: Number(missed) }
}
