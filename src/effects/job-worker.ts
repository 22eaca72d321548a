import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { MonoblocError } from '../errors.ts'
import type { Dialect, Session, Storage } from '../storage/index.ts'
import { errorText } from './job-failure.ts'
import type { JobStore } from './job-store.ts'
import { ownStatements } from './own-statements.ts'

export interface WorkerOptions {
  storage: Storage
  store: JobStore
  now: () => number
  /** Milliseconds without a sign of life until another process takes the work over. */
  lease: number
  /** Another process has taken over what this one had. It goes on under a new id. */
  lost(): void
  /** Jobs of these names were freed. */
  freed(names: readonly string[], worker: string): void
}

const statementsOf = ownStatements({
  add: 'insert into monobloc_worker (id, beat, place, started, seen) values ($1, 0, $2, $3, $3)',
  beat: 'update monobloc_worker set beat = beat + 1, seen = $2 where id = $1',
  all: 'select id, beat from monobloc_worker',
  remove: 'delete from monobloc_worker where id = $1 and beat = $2',
  // What could not be handed back is taken over by whoever sees this row grow old.
  leave: 'delete from monobloc_worker where id = $1 and not exists (select 1 from monobloc_job where worker = $1)',
})

const deadline = 10_000

interface Watched {
  beat: number
  /** When it was first seen to have this beat, on the monotonic clock. */
  since: number
}

/**
 * This process among those that run jobs. One row is the lease on all that it has claimed: each beat renews it.
 *
 * - absent → alive: its row is written, and it may claim. → lost: another process has removed the row, together with the
 *   claims; it goes on as alive under a new id. → absent: it has handed everything back.
 *
 * The others see it as dead when its beat has stood still for the time of the lease, which each counts by its own monotonic
 * clock: clocks that differ, or step, end nobody's lease. A crash leaves the row, and the claims, until that has passed.
 */
export class JobWorker {
  readonly #options: WorkerOptions
  readonly #statements: ReturnType<typeof statementsOf>
  #id = randomUUID() as string
  #watched = new Map<string, Watched>()
  #heardAt = 0
  #hasGivenUp = false
  #beating: Promise<void> | undefined

  constructor(options: WorkerOptions, dialect: Dialect) {
    this.#options = options
    this.#statements = statementsOf(dialect)
  }

  get id(): string {
    return this.#id
  }

  async join(): Promise<void> {
    const id = randomUUID()
    this.#watched.clear()
    const { storage, now } = this.#options
    const place = `${hostname()} ${process.pid}`
    await storage.write({ deadline, isolation: 'committed' }, (session) =>
      session.run(this.#statements.add, [id, place, now()]),
    )
    // Not before: what was claimed under it and not heard of would be forgotten below.
    this.#id = id
    this.#hasGivenUp = false
    this.#heardAt = performance.now()
  }

  /** Hands nothing back: that is done before. */
  async leave(): Promise<void> {
    await this.#options.storage.write({ deadline, isolation: 'committed' }, (session) =>
      session.run(this.#statements.leave, [this.#id]),
    )
  }

  /** Gives a sign of life, and looks for those of the others. Asked for while it does, that one counts. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => (this.#beating = undefined))
    return this.#beating
  }

  async #beat(): Promise<void> {
    const { storage, now, lease } = this.#options
    const startedAt = performance.now()
    try {
      if (this.#hasGivenUp) await this.join()
      const id = this.#id
      const [renewed, others] = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
        const changed = await session.run(this.#statements.beat, [id, now()])
        return [changed > 0, await session.rows(this.#statements.all, [])] as const
      })
      if (!renewed) {
        this.giveUp()
        await this.join()
        return
      }
      this.#heardAt = startedAt
      for (const { worker, beat } of this.#silent(others.map(([id, beat]) => [String(id), Number(beat)])))
        await this.#takeOver(worker, beat)
    } catch (error) {
      // The others count the same time: they may have taken over by now.
      if (performance.now() - this.#heardAt > lease) this.giveUp()
      throw error
    }
  }

  /** What it has claimed is not known any more. The next beat begins anew, and the claims go free as those of a dead worker. */
  giveUp(): void {
    if (this.#hasGivenUp) return
    this.#hasGivenUp = true
    // Nobody has this one: nothing more is claimed under the old.
    this.#id = randomUUID()
    this.#options.lost()
  }

  #silent(others: readonly (readonly [string, number])[]): { worker: string; beat: number }[] {
    const seenAt = performance.now()
    const watched = new Map<string, Watched>()
    const silent: { worker: string; beat: number }[] = []
    for (const [worker, beat] of others) {
      if (worker === this.#id) continue
      const before = this.#watched.get(worker)
      const since = before?.beat === beat ? before.since : seenAt
      watched.set(worker, { beat, since })
      if (seenAt - since >= this.#options.lease) silent.push({ worker, beat })
    }
    this.#watched = watched
    return silent
  }

  async #takeOver(worker: string, beat: number): Promise<void> {
    const { storage, store, now, freed } = this.#options
    const why = errorText(new MonoblocError('worker_lost'))
    const names = await storage.write({ deadline, isolation: 'committed' }, async (session: Session) => {
      // Whoever has given a sign of life meanwhile lives, and of two that see it dead one removes it.
      if ((await session.run(this.#statements.remove, [worker, beat])) === 0) return undefined
      return store.takeOver(session, worker, now(), why)
    })
    if (names) freed([...new Set(names)], worker)
  }
}
