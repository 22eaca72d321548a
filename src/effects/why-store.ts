import type { Schema } from '../schema/index.ts'
import type { LoggedTransaction, SqlRow, SqlValue, Statement, Storage } from '../storage/index.ts'
import { ownStatements } from './own-statements.ts'
import { type TickRow, tickOf } from './schedule-store.ts'

export interface CommitFacts {
  position: number
  at: number
  actor: string | null
  cause: string | null
  trace: string | null
}

export interface JobFactsFound {
  id: string
  name: string
  state: string
  attempt: number
  attempts: number
  created: number
  due: number
  started: number | null
  ended: number | null
  error: string | null
  cause: string | null
  trace: string | null
}

/** What became of an event at a subscriber that wrote nothing: left out, or still to come. */
export interface WaitingFacts {
  consumer: string
  position: number
  attempts: number
  error: string | null
  at: number
}

export interface ConsumerFacts {
  name: string
  position: number
  state: string
  attempts: number
  error: string | null
}

export interface WebhookFacts {
  endpoint: string
  sequence: number
  message: string
  event: string
  state: string
  attempts: number
  created: number
  tried: number | null
  status: number | null
  error: string | null
}

/** How many rows of each kind are looked at for one question. */
export const mostFound = 1000

const commit = 'select position, at, actor, cause, trace from monobloc_commit where'
const job =
  'select id, name, state, attempt, attempts, created, due, started, ended, error, cause, trace from monobloc_job where'

const statements = ownStatements({
  ends: 'select min(position) as oldest, max(position) as newest, min(at) as since from monobloc_commit',
  commitAt: `${commit} position = $1`,
  commitsOfTrace: `${commit} trace = $1 order by position limit ${mostFound}`,
  commitsOfCause: `${commit} cause = $1 order by position limit ${mostFound}`,
  // Of a subscriber that handled several events in one transaction: `subscriber:mail:5-9`.
  batchesAfter: `${commit} position > $1 and cause like 'subscriber:%-%' order by position limit 10000`,
  jobById: `${job} id = $1`,
  jobsOfTrace: `${job} trace = $1 order by created limit ${mostFound}`,
  ticksOfTrace: `select * from monobloc_tick where trace = $1 order by at limit ${mostFound}`,
  tickById: 'select * from monobloc_tick where id = $1',
  skipped: 'select consumer, position, attempts, error, at from monobloc_skipped where position = $1',
  waiting: `select consumer, position, attempts, error, at from monobloc_delivery where trace = $1 limit ${mostFound}`,
  consumers: 'select name, position, state, attempts, error from monobloc_consumer order by name',
  webhooks: `select d.endpoint, d.sequence, d.message, m.event, d.state, d.attempts, d.created, d.tried, d.status, d.error
    from monobloc_webhook_message m join monobloc_webhook_delivery d on d.message = m.id
    where m.trace = $1 order by d.endpoint, d.sequence limit ${mostFound}`,
})

// Whole tables are read, since nothing that is hot pays for an index on what few ask.
const deadline = 60_000

/** What is known of causes and traces: in the log, and in the tables of what follows it. */
export class WhyStore {
  readonly #storage: Storage
  readonly #schema: Schema
  readonly #statements: ReturnType<typeof statements>

  constructor(storage: Storage, schema: Schema) {
    this.#storage = storage
    this.#schema = schema
    this.#statements = statements(storage.dialect)
  }

  /** Of the log; null where it is empty. */
  async ends(): Promise<{ oldest: number; newest: number; since: Date } | null> {
    // Gives what was committed just now its position.
    await this.#storage.position()
    const [row] = await this.#all(this.#statements.ends, [])
    if (!row || row.oldest === null) return null
    return { oldest: Number(row.oldest), newest: Number(row.newest), since: new Date(Number(row.since)) }
  }

  async commitAt(position: number): Promise<CommitFacts | undefined> {
    return (await this.#all(this.#statements.commitAt, [position])).map(commitOf)[0]
  }

  async commitsOf(by: 'trace' | 'cause', value: string): Promise<CommitFacts[]> {
    const { commitsOfTrace, commitsOfCause } = this.#statements
    return (await this.#all(by === 'trace' ? commitsOfTrace : commitsOfCause, [value])).map(commitOf)
  }

  async batchesAfter(position: number): Promise<CommitFacts[]> {
    return (await this.#all(this.#statements.batchesAfter, [position])).map(commitOf)
  }

  /** The rows and events of a commit; undefined when it has been pruned meanwhile. */
  async transaction(position: number): Promise<LoggedTransaction | undefined> {
    const [found] = await this.#storage.tail(position - 1, 1).catch(() => [])
    return found?.position === position ? found : undefined
  }

  async job(id: string): Promise<JobFactsFound | undefined> {
    if (!isUuid.test(id)) return undefined
    return (await this.#all(this.#statements.jobById, [id])).map(jobOf)[0]
  }

  async jobsOf(trace: string): Promise<JobFactsFound[]> {
    return (await this.#all(this.#statements.jobsOfTrace, [trace])).map(jobOf)
  }

  async tick(id: string): Promise<TickRow | undefined> {
    return (await this.#all(this.#statements.tickById, [id])).map(tickOf)[0]
  }

  async ticksOf(trace: string): Promise<TickRow[]> {
    return (await this.#all(this.#statements.ticksOfTrace, [trace])).map(tickOf)
  }

  async skippedAt(position: number): Promise<WaitingFacts[]> {
    return (await this.#all(this.#statements.skipped, [position])).map(waitingOf)
  }

  async waitingOf(trace: string): Promise<WaitingFacts[]> {
    return (await this.#all(this.#statements.waiting, [trace])).map(waitingOf)
  }

  async consumers(): Promise<Map<string, ConsumerFacts>> {
    const rows = await this.#all(this.#statements.consumers, [])
    return new Map(
      rows.map((row) => {
        const facts = { ...row, position: Number(row.position), attempts: Number(row.attempts) }
        return [row.name as string, facts as unknown as ConsumerFacts]
      }),
    )
  }

  async webhooksOf(trace: string): Promise<WebhookFacts[]> {
    if (!this.#schema.models.has('monobloc_webhook_message')) return []
    return (await this.#all(this.#statements.webhooks, [trace])).map(webhookOf)
  }

  async #all(statement: Statement, values: SqlValue[]): Promise<SqlRow[]> {
    return this.#storage.read({ deadline }, (session) => session.all(statement, values))
  }
}

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const numberOrNull = (value: SqlValue | undefined) => (value === null || value === undefined ? null : Number(value))

function commitOf(row: SqlRow): CommitFacts {
  return { ...(row as unknown as CommitFacts), position: Number(row.position), at: Number(row.at) }
}

function jobOf(row: SqlRow): JobFactsFound {
  return {
    ...(row as unknown as JobFactsFound),
    attempt: Number(row.attempt),
    attempts: Number(row.attempts),
    created: Number(row.created),
    due: Number(row.due),
    started: numberOrNull(row.started),
    ended: numberOrNull(row.ended),
  }
}

function waitingOf(row: SqlRow): WaitingFacts {
  const { position, attempts, at } = row
  return {
    ...(row as unknown as WaitingFacts),
    position: Number(position),
    attempts: Number(attempts),
    at: Number(at),
  }
}

function webhookOf(row: SqlRow): WebhookFacts {
  return {
    ...(row as unknown as WebhookFacts),
    sequence: Number(row.sequence),
    attempts: Number(row.attempts),
    created: Number(row.created),
    tried: numberOrNull(row.tried),
    status: numberOrNull(row.status),
  }
}
