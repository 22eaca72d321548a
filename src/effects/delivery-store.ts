import { MonoblocError } from '../errors.ts'
import type { Dialect, MaybePromise, Session, SqlRow } from '../storage/index.ts'
import { ownStatements } from './own-statements.ts'
import type { Delivery } from './subscriber-attempt.ts'

/** A delivery that waits for its turn. */
export interface PendingDelivery extends Delivery {
  key: string
  attempts: number
  retry: number
  error: string | null
}

const statementsOf = ownStatements({
  add: `insert into monobloc_delivery (consumer, sequence, position, key, event, at, trace, attempts, retry, error)
    values ($1, $2, $3, $4, $5, $6, $7, 0, 0, null) on conflict do nothing`,
  list: 'select * from monobloc_delivery where consumer = $1 order by sequence limit $2',
  failing: 'select * from monobloc_delivery where consumer = $1 and attempts > 0 order by sequence limit $2',
  counts: `select consumer, count(*) as pending, sum(case when attempts > 0 then 1 else 0 end) as failing, min(at) as oldest
    from monobloc_delivery group by consumer`,
  take: `delete from monobloc_delivery where consumer = $1 and sequence = $2
    and exists (select 1 from monobloc_consumer where name = $1 and fence = $3)`,
  remove: 'delete from monobloc_delivery where consumer = $1 and sequence = $2',
  removeAfter: 'delete from monobloc_delivery where consumer = $1 and position > $2',
  fail: 'update monobloc_delivery set attempts = $3, retry = $4, error = $5 where consumer = $1 and sequence = $2',
})

export interface DeliveryCounts {
  pending: number
  failing: number
  /** When the oldest that is pending was committed. */
  oldest: number
}

export class DeliveryStore {
  readonly #statements: ReturnType<typeof statementsOf>

  constructor(dialect: Dialect) {
    this.#statements = statementsOf(dialect)
  }

  add(session: Session, consumer: string, { event, position, sequence, at, trace, key }: PendingDelivery) {
    const values = [consumer, sequence, position, key, JSON.stringify(event), at, trace]
    return session.run(this.#statements.add, values)
  }

  async list(session: Session, consumer: string, limit: number): Promise<PendingDelivery[]> {
    return (await session.all(this.#statements.list, [consumer, limit])).map(pendingOf)
  }

  async failing(session: Session, consumer: string, limit: number): Promise<PendingDelivery[]> {
    return (await session.all(this.#statements.failing, [consumer, limit])).map(pendingOf)
  }

  async counts(session: Session): Promise<Map<string, DeliveryCounts>> {
    const rows = await session.all(this.#statements.counts, [])
    return new Map(
      rows.map(({ consumer, pending, failing, oldest }) => [
        consumer as string,
        { pending: Number(pending), failing: Number(failing), oldest: Number(oldest) },
      ]),
    )
  }

  /**
   * Takes it out, for whoever handles it in the same transaction.
   *
   * @throws MonoblocError `lease_lost` when it is gone, or another process has taken over
   */
  take(session: Session, consumer: string, sequence: number, fence: number): MaybePromise<void> {
    const taken = session.run(this.#statements.take, [consumer, sequence, fence])
    return taken instanceof Promise ? taken.then((count) => held(consumer, count)) : held(consumer, taken)
  }

  remove(session: Session, consumer: string, sequence: number): MaybePromise<number> {
    return session.run(this.#statements.remove, [consumer, sequence])
  }

  /** Those of later transactions than one. */
  removeAfter(session: Session, consumer: string, position: number): MaybePromise<number> {
    return session.run(this.#statements.removeAfter, [consumer, position])
  }

  fail(
    session: Session,
    consumer: string,
    { sequence, attempts, retry, error }: PendingDelivery,
  ): MaybePromise<number> {
    return session.run(this.#statements.fail, [consumer, sequence, attempts, retry, error])
  }
}

function held(consumer: string, changed: number): void {
  if (changed === 0) throw new MonoblocError('lease_lost', { subject: consumer })
}

function pendingOf(row: SqlRow): PendingDelivery {
  return { ...row, event: JSON.parse(row.event as string) } as unknown as PendingDelivery
}
