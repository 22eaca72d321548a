import type { Dialect, MaybePromise, Session, SqlRow, Statement } from '../storage/index.ts'
import { ownStatements } from './own-statements.ts'

/** A row of `monobloc_webhook_endpoint` with its lane. */
export interface EndpointRow {
  id: string
  url: string
  owner: string | null
  events: string | null
  description: string | null
  state: 'active' | 'disabled'
  reason: 'failing' | 'gone' | 'asked' | null
  since: number
  secret: string
  retiring: string | null
  retires: number
  last: number
  created: number
  done: number
  retry: number
  failing: number
}

/** What a process that delivers knows of the lane it has taken. */
export interface LaneRow {
  endpoint: string
  fence: number
}

/** A delivery with its message. */
export interface DeliveryRow {
  endpoint: string
  sequence: number
  message: string
  state: 'waiting' | 'delivered' | 'skipped'
  attempts: number
  created: number
  tried: number | null
  status: number | null
  duration: number | null
  error: string | null
  response: string | null
  event: string
  data: string
  at: number
}

/** What came of one attempt. */
export interface AttemptOutcome {
  tried: number
  status: number | null
  duration: number
  error: string | null
  response: string | null
}

const endpoint = `select e.*, l.done, l.retry, l.failing from monobloc_webhook_endpoint e
  join monobloc_webhook_lane l on l.endpoint = e.id`
const delivery = `select d.*, m.event, m.data, m.at from monobloc_webhook_delivery d
  join monobloc_webhook_message m on m.id = d.message`
/** Endpoints that want a message of an event ($2, between `|`) and an owner ($3). */
const wanted = `state = 'active' and (owner is null or owner = $3) and (events is null or replace(events, $2, '') <> events)`
const outcome = 'attempts = attempts + 1, tried = $3, status = $4, duration = $5, error = $6, response = $7'

const texts = {
  endpoints: `${endpoint} order by e.created, e.id limit $1`,
  owned: `${endpoint} where e.owner = $2 order by e.created, e.id limit $1`,
  endpoint: `${endpoint} where e.id = $1`,
  count: 'select count(*) as n from monobloc_webhook_endpoint',
  add: `insert into monobloc_webhook_endpoint (id, url, owner, events, description, state, reason, since, secret, retiring,
    retires, last, created) values ($1, $2, $3, $4, $5, 'active', null, $7, $6, null, 0, 0, $7)`,
  addLane: `insert into monobloc_webhook_lane (endpoint, done, owner, lease, fence, retry, failing, served)
    values ($1, 0, null, 0, 0, 0, 0, 0)`,
  change: 'update monobloc_webhook_endpoint set url = $2, events = $3, description = $4 where id = $1',
  state: 'update monobloc_webhook_endpoint set state = $2, reason = $3, since = $4 where id = $1 and state <> $2',
  secret: 'update monobloc_webhook_endpoint set secret = $2, retiring = $3, retires = $4 where id = $1',
  hurry: 'update monobloc_webhook_lane set retry = 0 where endpoint = $1',
  restart: 'update monobloc_webhook_lane set retry = 0, failing = 0 where endpoint = $1',
  removeDeliveries: 'delete from monobloc_webhook_delivery where endpoint = $1',
  removeLane: 'delete from monobloc_webhook_lane where endpoint = $1',
  remove: 'delete from monobloc_webhook_endpoint where id = $1',

  message: `insert into monobloc_webhook_message (id, event, owner, data, position, sequence, at, trace)
    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing`,
  fanOut: `insert into monobloc_webhook_delivery (endpoint, sequence, message, state, attempts, created)
    select id, last + 1, $1, 'waiting', 0, cast($4 as bigint) from monobloc_webhook_endpoint where ${wanted}`,
  number: `update monobloc_webhook_endpoint set last = last + 1 where ${wanted.replaceAll('$2', '$1').replaceAll('$3', '$2')}`,

  next: 'update monobloc_webhook_endpoint set last = last + 1 where id = $1 returning last',
  again: `insert into monobloc_webhook_delivery (endpoint, sequence, message, state, attempts, created)
    values ($1, $2, $3, 'waiting', 0, $4)`,
  messagesSince: `select id, position, sequence, event, owner from monobloc_webhook_message
    where (position > $1 or (position = $1 and sequence > $2)) and at >= $3
    order by position, sequence limit $4`,
  deliveries: `${delivery} where d.endpoint = $1 and d.sequence < $2 order by d.sequence desc limit $3`,
  deliveriesOf: `${delivery} where d.endpoint = $1 and d.sequence < $2 and d.state = $4 order by d.sequence desc limit $3`,
  delivery: `${delivery} where d.endpoint = $1 and d.sequence = $2`,
  skip: `update monobloc_webhook_delivery set state = 'skipped' where endpoint = $1 and sequence = $2 and state = 'waiting'`,

  due: `select l.endpoint, l.fence from monobloc_webhook_lane l join monobloc_webhook_endpoint e on e.id = l.endpoint
    where e.state = 'active' and e.last > l.done and (l.retry <= $1 or l.retry > $4)
      and (l.lease <= $1 or l.lease > $5 or l.owner = $2)
    order by l.served, l.endpoint limit $3`,
  take: `update monobloc_webhook_lane set owner = $3, lease = $4, fence = fence + 1 where endpoint = $1 and fence = $2`,
  waiting: `${delivery} where d.endpoint = $1 and d.sequence > $2 and d.state = 'waiting' order by d.sequence limit 1`,
  succeed: `update monobloc_webhook_lane set done = $3, lease = $4, retry = 0, failing = 0 where endpoint = $1 and fence = $2`,
  fail: `update monobloc_webhook_lane set retry = $3, failing = $4, owner = null, lease = 0, served = $5
    where endpoint = $1 and fence = $2`,
  release: `update monobloc_webhook_lane set done = case when $3 > done then $3 else done end, owner = null, lease = 0,
    served = $4 where endpoint = $1 and fence = $2`,
  delivered: `update monobloc_webhook_delivery set state = 'delivered', ${outcome} where endpoint = $1 and sequence = $2`,
  failed: `update monobloc_webhook_delivery set ${outcome} where endpoint = $1 and sequence = $2`,

  pruneDeliveries: `delete from monobloc_webhook_delivery where (endpoint, sequence) in
    (select endpoint, sequence from monobloc_webhook_delivery where created < $1 order by created limit $2)`,
  pruneMessages: `delete from monobloc_webhook_message where id in (select id from monobloc_webhook_message m where at < $1
    and not exists (select 1 from monobloc_webhook_delivery d where d.message = m.id) order by at limit $2)`,
}

const statements = ownStatements(texts)

/** What webhooks ask of the database. */
export class WebhookStore {
  readonly #statements: Record<keyof typeof texts, Statement>

  constructor(dialect: Dialect) {
    this.#statements = statements(dialect)
  }

  async endpoints(session: Session, owner: string | undefined, limit: number): Promise<EndpointRow[]> {
    const { endpoints, owned } = this.#statements
    const rows = await (owner === undefined ? session.all(endpoints, [limit]) : session.all(owned, [limit, owner]))
    return rows.map(endpointOf)
  }

  async endpoint(session: Session, id: string): Promise<EndpointRow | undefined> {
    const row = await session.first(this.#statements.endpoint, [id])
    return row && endpointOf(row)
  }

  async count(session: Session): Promise<number> {
    return Number((await session.first(this.#statements.count, []))!.n)
  }

  async add(
    session: Session,
    endpoint: Pick<EndpointRow, 'id' | 'url' | 'owner' | 'events' | 'description' | 'secret' | 'created'>,
  ): Promise<void> {
    const { id, url, owner, events, description, secret, created } = endpoint
    await session.run(this.#statements.add, [id, url, owner, events, description, secret, created])
    await session.run(this.#statements.addLane, [id])
  }

  change(session: Session, { id, url, events, description }: EndpointRow): MaybePromise<number> {
    return session.run(this.#statements.change, [id, url, events, description])
  }

  /** Nothing where it is in that state already. */
  setState(
    session: Session,
    id: string,
    state: EndpointRow['state'],
    reason: EndpointRow['reason'],
    now: number,
  ): MaybePromise<number> {
    return session.run(this.#statements.state, [id, state, reason, now])
  }

  setSecret(session: Session, id: string, secret: string, retiring: string, retires: number): MaybePromise<number> {
    return session.run(this.#statements.secret, [id, secret, retiring, retires])
  }

  /** What comes next is due now. */
  hurry(session: Session, id: string): MaybePromise<number> {
    return session.run(this.#statements.hurry, [id])
  }

  /** And nothing has failed before. */
  restart(session: Session, id: string): MaybePromise<number> {
    return session.run(this.#statements.restart, [id])
  }

  async remove(session: Session, id: string): Promise<void> {
    const { remove, removeLane, removeDeliveries } = this.#statements
    for (const statement of [remove, removeLane, removeDeliveries]) await session.run(statement, [id])
  }

  /** Keeps a message, and gives it to every endpoint that wants it. */
  async fanOut(
    session: Session,
    message: {
      id: string
      event: string
      owner: string | null
      data: string
      position: number
      sequence: number
      at: number
      trace: string | null
    },
    now: number,
  ): Promise<number> {
    const { id, event, owner, data, position, sequence, at, trace } = message
    await session.run(this.#statements.message, [id, event, owner, data, position, sequence, at, trace])
    const count = await session.run(this.#statements.fanOut, [id, nameOf(event), owner, now])
    if (count > 0) await session.run(this.#statements.number, [nameOf(event), owner])
    return count
  }

  /** Appends a message to the deliveries of an endpoint. @returns its number; undefined without such an endpoint */
  async append(session: Session, endpoint: string, message: string, now: number): Promise<number | undefined> {
    const row = await session.first(this.#statements.next, [endpoint])
    if (!row) return undefined
    const sequence = Number(row.last)
    await session.run(this.#statements.again, [endpoint, sequence, message, now])
    return sequence
  }

  /** Messages behind a place of the log, in order. */
  async messagesSince(
    session: Session,
    after: { position: number; sequence: number },
    { since, limit }: { since: number; limit: number },
  ): Promise<{ id: string; position: number; sequence: number; event: string; owner: string | null }[]> {
    const values = [after.position, after.sequence, since, limit]
    return (await session.all(this.#statements.messagesSince, values)).map((row) => ({
      ...(row as { id: string; event: string; owner: string | null }),
      position: Number(row.position),
      sequence: Number(row.sequence),
    }))
  }

  /** The newest first. */
  async deliveries(
    session: Session,
    endpoint: string,
    { before, limit, state }: { before: number; limit: number; state: DeliveryRow['state'] | undefined },
  ): Promise<DeliveryRow[]> {
    const { deliveries, deliveriesOf } = this.#statements
    const values = [endpoint, before, limit]
    return (
      await (state === undefined ? session.all(deliveries, values) : session.all(deliveriesOf, [...values, state]))
    ).map(deliveryOf)
  }

  async delivery(session: Session, endpoint: string, sequence: number): Promise<DeliveryRow | undefined> {
    const row = await session.first(this.#statements.delivery, [endpoint, sequence])
    return row && deliveryOf(row)
  }

  skip(session: Session, endpoint: string, sequence: number): MaybePromise<number> {
    return session.run(this.#statements.skip, [endpoint, sequence])
  }

  /**
   * Lanes with something to send that nobody else has.
   *
   * @param beyond no try and no lease is noted for later than this: one that is was noted by a clock that was set back since
   */
  async due(
    session: Session,
    {
      now,
      owner,
      limit,
      beyond,
    }: { now: number; owner: string; limit: number; beyond: { retry: number; lease: number } },
  ): Promise<LaneRow[]> {
    const rows = await session.all(this.#statements.due, [now, owner, limit, beyond.retry, beyond.lease])
    return rows.map(({ endpoint, fence }) => ({ endpoint: endpoint as string, fence: Number(fence) }))
  }

  /** @returns whether it was as it was seen */
  async take(session: Session, { endpoint, fence }: LaneRow, owner: string, lease: number): Promise<boolean> {
    return (await session.run(this.#statements.take, [endpoint, fence, owner, lease])) === 1
  }

  /** The first that waits behind a number. */
  async waiting(session: Session, endpoint: string, after: number): Promise<DeliveryRow | undefined> {
    const row = await session.first(this.#statements.waiting, [endpoint, after])
    return row && deliveryOf(row)
  }

  /** @returns whether the lane is still ours; nothing is written where it is not */
  async succeed(
    session: Session,
    { endpoint, fence }: LaneRow,
    sequence: number,
    lease: number,
    outcome: AttemptOutcome,
  ): Promise<boolean> {
    if ((await session.run(this.#statements.succeed, [endpoint, fence, sequence, lease])) === 0) return false
    await session.run(this.#statements.delivered, [endpoint, sequence, ...valuesOf(outcome)])
    return true
  }

  /** Gives the lane back until the next attempt. @returns whether it was still ours */
  async fail(
    session: Session,
    { endpoint, fence }: LaneRow,
    sequence: number,
    next: { retry: number; failing: number },
    outcome: AttemptOutcome,
  ): Promise<boolean> {
    const values = [endpoint, fence, next.retry, next.failing, outcome.tried]
    if ((await session.run(this.#statements.fail, values)) === 0) return false
    await session.run(this.#statements.failed, [endpoint, sequence, ...valuesOf(outcome)])
    return true
  }

  /** @param done everything up to here is delivered or skipped */
  release(session: Session, { endpoint, fence }: LaneRow, done: number, now: number): MaybePromise<number> {
    return session.run(this.#statements.release, [endpoint, fence, done, now])
  }

  pruneDeliveries(session: Session, before: number, limit: number): MaybePromise<number> {
    return session.run(this.#statements.pruneDeliveries, [before, limit])
  }

  pruneMessages(session: Session, before: number, limit: number): MaybePromise<number> {
    return session.run(this.#statements.pruneMessages, [before, limit])
  }
}

/** How `events` has a name. */
export function nameOf(event: string): string {
  return `|${event}|`
}

function valuesOf({ tried, status, duration, error, response }: AttemptOutcome) {
  return [tried, status, duration, error, response]
}

const endpointNumbers = ['since', 'retires', 'last', 'created', 'done', 'retry', 'failing']
const deliveryNumbers = ['sequence', 'attempts', 'created', 'tried', 'status', 'duration', 'at']

// PostgreSQL's driver may give large integers as text.
function endpointOf(row: SqlRow): EndpointRow {
  return withNumbers(row, endpointNumbers) as unknown as EndpointRow
}

function deliveryOf(row: SqlRow): DeliveryRow {
  return withNumbers(row, deliveryNumbers) as unknown as DeliveryRow
}

function withNumbers(row: SqlRow, names: readonly string[]): SqlRow {
  for (const name of names) if (row[name] !== null) row[name] = Number(row[name])
  return row
}
