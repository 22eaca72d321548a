import { randomUUID } from 'node:crypto'
import { MonoblocError } from '../errors.ts'
import type { Condition, Row } from '../schema/index.ts'
import type { Queries, Session, Storage } from '../storage/index.ts'
import { IdempotencyRecord } from './idempotency-record.ts'

/** A request that carries an Idempotency-Key. */
export interface IdempotentRequest {
  scope: string
  key: string
  /** Of method, address and body: the same key with another fingerprint is refused. */
  fingerprint: string
}

/** An answer as it is sent and kept. */
export interface StoredAnswer {
  status: number
  /** Names and values in turn. */
  headers: string[]
  body: Uint8Array | null
}

export interface IdempotencyOptions {
  /** Milliseconds a record is kept. Default: 24 hours. */
  lifetime?: number
  /** Milliseconds that a duplicate waits for the first. Default: 10,000. */
  wait?: number
  now?: () => number
}

const writeDeadline = 10_000

/** Records that one transaction removes, and those that expired with the last of them: some milliseconds of a write turn. */
const prunedAtOnce = 1000
const pruneWrite = { deadline: writeDeadline, isolation: 'committed' } as const

/**
 * Idempotency keys.
 *
 * In a transaction: nothing -> `done`, with the effects, or nothing at all after a crash.
 * Outside one: nothing -> `started` (its own commit) -> `done` (its own commit), or nothing again when the handler
 * refused (4xx). A crash or another error in between leaves `started`, which is answered with `outcome_unknown` until it
 * is resolved or expires.
 * A duplicate in this process waits for the one under way before it looks.
 */
export class Idempotency {
  readonly #storage: Storage
  readonly #queries: Queries
  readonly #lifetime: number
  readonly #wait: number
  readonly #now: () => number
  readonly #owner = randomUUID()
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(storage: Storage, queries: Queries, options: IdempotencyOptions = {}) {
    this.#storage = storage
    this.#queries = queries
    this.#lifetime = options.lifetime ?? 24 * 60 * 60 * 1000
    this.#wait = options.wait ?? 10_000
    this.#now = options.now ?? Date.now
  }

  /**
   * Lets one request of a key through at a time.
   *
   * @returns what to call when it has ended
   * @throws MonoblocError `idempotency_in_flight` when the first is not done in time
   */
  async enter(request: IdempotentRequest): Promise<() => void> {
    const id = JSON.stringify([request.scope, request.key])
    const until = this.#now() + this.#wait
    for (let other = this.#underWay.get(id); other; other = this.#underWay.get(id)) {
      const left = until - this.#now()
      if (left <= 0 || !(await settledWithin(other, left))) {
        throw new MonoblocError('idempotency_in_flight', { headers: { 'Retry-After': '1' } })
      }
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#underWay.set(id, promise)
    return () => {
      this.#underWay.delete(id)
      resolve()
    }
  }

  /**
   * The answer that this request had before, if any.
   *
   * @throws MonoblocError `idempotency_mismatch`, `outcome_unknown`
   */
  async recall(session: Session, request: IdempotentRequest): Promise<StoredAnswer | undefined> {
    const record = await this.#read(session, request)
    if (!record || record.expiresAt.getTime() <= this.#now()) return undefined
    if (record.fingerprint !== request.fingerprint) throw new MonoblocError('idempotency_mismatch')
    if (record.state === 'started') throw new MonoblocError('outcome_unknown')
    return { status: record.status!, headers: record.headers as string[], body: record.body as Uint8Array | null }
  }

  /** Keeps the answer, in the transaction of the effects. */
  async remember(session: Session, request: IdempotentRequest, answer: StoredAnswer): Promise<void> {
    await this.#write(session, request, { state: 'done', ...answer })
  }

  /**
   * The same for a handler outside a transaction: its start is on disk before it runs.
   *
   * @returns the stored answer instead of running it again
   */
  async begin(request: IdempotentRequest): Promise<StoredAnswer | undefined> {
    return this.#storage.write({ deadline: writeDeadline }, async (session) => {
      const stored = await this.recall(session, request)
      if (!stored) await this.#write(session, request, { state: 'started', status: null, headers: null, body: null })
      return stored
    })
  }

  async finish(request: IdempotentRequest, answer: StoredAnswer): Promise<void> {
    await this.#storage.write({ deadline: writeDeadline }, (session) => this.remember(session, request, answer))
  }

  /** Lets the request of a key that was begun run again: it refused before it did anything. */
  async forget({ scope, key }: IdempotentRequest): Promise<void> {
    await this.#storage.write({ deadline: writeDeadline }, async (session) => {
      await this.#queries.delete(session, IdempotencyRecord, { scope, key })
    })
  }

  /**
   * Settles a key whose outcome is unknown: with the answer that it should give from now on, or with null to let the
   * request run again.
   *
   * @throws MonoblocError `not_found` when there is no unsettled key like that
   */
  async resolve(scope: string, key: string, answer: StoredAnswer | null): Promise<void> {
    await this.#storage.write({ deadline: writeDeadline }, async (session) => {
      const record = await this.#read(session, { scope, key })
      if (record?.state !== 'started') throw new MonoblocError('not_found', { subject: 'idempotency key' })
      if (answer)
        await this.#write(session, { scope, key, fingerprint: record.fingerprint }, { state: 'done', ...answer })
      else await this.#queries.delete(session, IdempotencyRecord, { scope, key })
    })
  }

  /** Removes the records that have expired, in small transactions. @returns how many */
  async prune(): Promise<number> {
    const now = new Date(this.#now())
    for (let count = 0; ; ) {
      const { gone, isLast } = await this.#storage.write(pruneWrite, (session) => this.#pruneStep(session, now))
      count += gone
      if (isLast) return count
    }
  }

  async #pruneStep(session: Session, now: Date): Promise<{ gone: number; isLast: boolean }> {
    const asked = {
      where: expiredBy(now),
      sort: 'expiresAt',
      fields: ['expiresAt'],
      offset: prunedAtOnce - 1,
      limit: 1,
    }
    const { rows } = await this.#queries.find(session, IdempotencyRecord, asked)
    const last = rows[0] as Row<typeof IdempotencyRecord> | undefined
    const gone = await this.#queries.deleteMany(session, IdempotencyRecord, expiredBy(last?.expiresAt ?? now))
    return { gone, isLast: last === undefined }
  }

  async #read(
    session: Session,
    { scope, key }: { scope: string; key: string },
  ): Promise<Row<typeof IdempotencyRecord> | undefined> {
    return (await this.#queries.get(session, IdempotencyRecord, { scope, key })) as
      | Row<typeof IdempotencyRecord>
      | undefined
  }

  async #write(
    session: Session,
    request: IdempotentRequest,
    content: { state: 'started' | 'done' } & Nullable<StoredAnswer>,
  ): Promise<void> {
    const { scope, key, fingerprint } = request
    const values = { ...content, fingerprint, owner: this.#owner, expiresAt: new Date(this.#now() + this.#lifetime) }
    const updated = await this.#queries.update(session, IdempotencyRecord, { scope, key }, values)
    if (!updated) await this.#queries.insert(session, IdempotencyRecord, { scope, key, ...values })
  }
}

type Nullable<T> = { [K in keyof T]: T[K] | null }

function expiredBy(instant: Date): Condition {
  return {
    kind: 'compare',
    column: 'expiresAt',
    type: { type: 'timestamp' },
    comparison: { operator: 'lte', value: instant },
  }
}

async function settledWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  try {
    return await Promise.race([promise.then(() => true as const), late])
  } finally {
    clearTimeout(timer)
  }
}
