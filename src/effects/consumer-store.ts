import { MonoblocError } from '../errors.ts'
import type { Dialect, MaybePromise, Session, SqlRow } from '../storage/index.ts'
import type { Cursor } from './consumer.ts'
import { ownStatements } from './own-statements.ts'

/** A row of `monobloc_consumer`. */
export interface ConsumerState extends Cursor {
  name: string
  state: 'running' | 'paused' | 'lost'
  fence: number
  owner: string | null
  lease: number
  attempts: number
  retry: number
  error: string | null
  seen: number
}

/** What was passed over. A transaction of the consumer may have moved it further meanwhile: it is never moved back. */
const forward = `position = case when $3 > position then $3 else position end,
  sequence = case when $3 > position then $4 else sequence end`

const texts = {
  list: 'select * from monobloc_consumer order by name',
  read: 'select * from monobloc_consumer where name = $1',
  add: `insert into monobloc_consumer (name, position, sequence, state, fence, owner, lease, attempts, retry, error, seen)
    values ($1, $2, 0, 'running', 0, null, 0, 0, 0, null, $3) on conflict do nothing`,
  take: `update monobloc_consumer set owner = $3, lease = $4, seen = $5, fence = fence + 1
    where name = $1 and fence = $2 and state = 'running'`,
  give: `update monobloc_consumer set owner = null, lease = 0, ${forward} where name = $1 and fence = $2`,
  keep: `update monobloc_consumer set lease = $5, seen = $6, ${forward} where name = $1 and fence = $2`,
  move: `update monobloc_consumer set position = $3, sequence = $4, attempts = 0, retry = 0, error = null
    where name = $1 and fence = $2 and (position < $5 or position = $5 and sequence <= $6)`,
  stop: 'update monobloc_consumer set position = $3, sequence = $4 where name = $1 and fence = $2',
  fail: 'update monobloc_consumer set attempts = $3, retry = $4, error = $5 where name = $1 and fence = $2',
  lose: `update monobloc_consumer set state = 'lost', error = $3, owner = null, lease = 0, fence = fence + 1
    where name = $1 and fence = $2`,
  place: `update monobloc_consumer set position = $2, sequence = $3, state = $4, attempts = 0, retry = 0, error = null,
    owner = null, lease = 0, fence = fence + 1 where name = $1`,
  hold: `update monobloc_consumer set state = $2, owner = null, lease = 0, fence = fence + 1, retry = 0
    where name = $1 and state <> 'lost'`,
  leave: `insert into monobloc_skipped (id, consumer, position, sequence, entry, attempts, error, at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)`,
  skipped: 'select * from monobloc_skipped where consumer = $1 order by at desc, id desc limit $2',
} as const

const statementsOf = ownStatements(texts)

/** Everything that is asked of the tables of consumers. Each call is one statement of somebody's unit of work. */
export class ConsumerStore {
  readonly #statements: ReturnType<typeof statementsOf>

  constructor(dialect: Dialect) {
    this.#statements = statementsOf(dialect)
  }

  async list(session: Session): Promise<ConsumerState[]> {
    return (await session.all(this.#statements.list, [])).map(stateOf)
  }

  async read(session: Session, name: string): Promise<ConsumerState | undefined> {
    const row = await session.first(this.#statements.read, [name])
    return row && stateOf(row)
  }

  add(session: Session, name: string, position: number, now: number): MaybePromise<number> {
    return session.run(this.#statements.add, [name, position, now])
  }

  /** @returns 1 when it is the owner's now, with `fence + 1` */
  take(session: Session, { name, fence }: ConsumerState, owner: string, until: number, now: number) {
    return session.run(this.#statements.take, [name, fence, owner, until, now])
  }

  give(session: Session, { name, fence, position, sequence }: ConsumerState): MaybePromise<number> {
    return session.run(this.#statements.give, [name, fence, position, sequence])
  }

  /** @returns 0 when it is another's */
  keep(session: Session, { name, fence, position, sequence }: ConsumerState, until: number, now: number) {
    return session.run(this.#statements.keep, [name, fence, position, sequence, until, now])
  }

  /**
   * From where it was seen to be, or what was passed over since: a commit of ours that nobody heard of may have moved it.
   *
   * @throws MonoblocError `lease_lost` when it is another's, or stands further on
   */
  move(session: Session, from: ConsumerState, { position, sequence }: Cursor): MaybePromise<void> {
    const { name, fence } = from
    const moved = session.run(this.#statements.move, [name, fence, position, sequence, from.position, from.sequence])
    return moved instanceof Promise ? moved.then((count) => held(name, count)) : held(name, moved)
  }

  /** After `move`, in its transaction: the work went less far. */
  stop(session: Session, { name, fence }: ConsumerState, { position, sequence }: Cursor): MaybePromise<number> {
    return session.run(this.#statements.stop, [name, fence, position, sequence])
  }

  fail(session: Session, { name, fence, attempts, retry, error }: ConsumerState): MaybePromise<number> {
    return session.run(this.#statements.fail, [name, fence, attempts, retry, error])
  }

  /** Its position fell out of the log. */
  lose(session: Session, { name, fence }: ConsumerState, error: string): MaybePromise<number> {
    return session.run(this.#statements.lose, [name, fence, error])
  }

  /** From outside: whoever runs it hears of it when it next looks, and commits nothing until then. */
  place(session: Session, name: string, { position, sequence }: Cursor, state: ConsumerState['state'] = 'running') {
    return session.run(this.#statements.place, [name, position, sequence, state])
  }

  /** From outside: pauses it, or lets it go on. */
  hold(session: Session, name: string, state: 'running' | 'paused'): MaybePromise<number> {
    return session.run(this.#statements.hold, [name, state])
  }

  /** Notes what is left out. */
  leave(session: Session, skipped: Skipped): MaybePromise<number> {
    const { id, consumer, position, sequence, entry, attempts, error, at } = skipped
    return session.run(this.#statements.leave, [id, consumer, position, sequence, entry, attempts, error, at])
  }

  async skipped(session: Session, consumer: string, limit: number): Promise<Skipped[]> {
    return (await session.all(this.#statements.skipped, [consumer, limit])) as unknown as Skipped[]
  }
}

/** A row of `monobloc_skipped`. */
export interface Skipped {
  id: string
  consumer: string
  position: number
  sequence: number
  /** JSON. */
  entry: string
  attempts: number
  error: string | null
  at: number
}

function held(name: string, changed: number): void {
  if (changed === 0) throw new MonoblocError('lease_lost', { subject: name })
}

function stateOf(row: SqlRow): ConsumerState {
  return row as unknown as ConsumerState
}
