import { MonoblocError } from '../errors.ts'
import type { Dialect, Session, Storage } from '../storage/index.ts'
import { errorText } from './job-failure.ts'
import type { ClaimedJob } from './job-store.ts'
import { ownStatements } from './own-statements.ts'

/** Whether a job that does not end well takes the one that waits for it along. */
export type NeedRule = 'fail' | 'any'

/** Jobs that one job can wait for by `after`: for more, let a parent have children. */
export const mostNeeds = 1000

/** Jobs that one transaction lets go on. */
const resolvedAtOnce = 500

const textsFor = (postgres: boolean) => {
  const uuid = postgres ? '::uuid' : ''
  const text = postgres ? '::text' : ''
  const number = postgres ? '::bigint' : ''
  const texts = (value: string) =>
    postgres
      ? `(select value from json_array_elements_text(${value}::json))`
      : `(select value from json_each(${value}))`
  const ids = (value: string) =>
    postgres
      ? `(select value::uuid from json_array_elements_text(${value}::json))`
      : `(select value from json_each(${value}))`
  const open = (job: string) => `exists (select 1 from monobloc_job_need d join monobloc_job n on n.id = d.need${uuid}
    where d.job = ${job}${text} and n.ended is null)`
  const isBad = `exists (select 1 from monobloc_job_need d join monobloc_job n on n.id = d.need${uuid}
    where d.job = monobloc_job.id${text} and d.rule = 'fail' and n.state in ('failed', 'cancelled'))`
  return {
    add: `insert into monobloc_job_need (job, need, rule) values ($1, $2, $3) on conflict (job, need) do nothing`,
    any: `select 1 from monobloc_job where state in ('waiting', 'awaiting') limit 1`,
    of: `select distinct job from monobloc_job_need where need in ${texts('$1')}`,
    ready: `select id from monobloc_job where state in ('waiting', 'awaiting') and not ${open('monobloc_job.id')} limit $1`,
    goOn: `update monobloc_job set
        state = case when ${isBad} then 'failed' when state = 'awaiting' then 'done' when due > $2${number} then 'delayed' else 'queued' end,
        ended = case when ${isBad} or state = 'awaiting' then $2${number} end,
        error = case when ${isBad} then case when state = 'awaiting' then $3 else $4 end end
      where id in ${ids('$1')} and state in ('waiting', 'awaiting') and not ${open('monobloc_job.id')}
      returning id, name, state, due`,
    // Younger than it: what it waited for by `after` is older.
    children: `select id from monobloc_job where id in (select need${uuid} from monobloc_job_need where job = $1 and need > $2)
      and ended is null order by id limit $3`,
    hasChildren: 'select 1 from monobloc_job_need where job = $1 and need > $1 limit 1',
    // What has failed because of it waits for it again.
    waitAgain: `update monobloc_job set state = case when error = $2 then 'awaiting' else 'waiting' end, ended = null
      where state = 'failed' and error in ($2, $3)
        and id in (select job${uuid} from monobloc_job_need where need in ${texts('$1')} and rule = 'fail') returning id`,
    awaitChildren: `update monobloc_job set state = 'awaiting', worker = null, error = null, result = $4
      where id = $1${uuid} and worker = $2 and attempt = $3`,
  }
}

const statementsOf = ownStatements(textsFor)

/** A job that may run now. */
export interface Released {
  name: string
  due: number
}

/** What is asked of jobs that wait for others. */
export class JobNeedStore {
  readonly #words: ReturnType<typeof statementsOf>

  constructor(dialect: Dialect) {
    this.#words = statementsOf(dialect)
  }

  add(session: Session, job: string, need: string, rule: NeedRule) {
    return session.run(this.#words.add, [job, need, rule])
  }

  async any(session: Session): Promise<boolean> {
    return (await session.value(this.#words.any, [])) !== undefined
  }

  async ready(session: Session, limit: number): Promise<string[]> {
    return (await session.rows(this.#words.ready, [limit])).map(([id]) => String(id))
  }

  async of(session: Session, ended: readonly string[]): Promise<string[]> {
    return (await session.rows(this.#words.of, [JSON.stringify(ended)])).map(([id]) => String(id))
  }

  /** Those of its children that have not ended, after one of them, or from the first: after itself. */
  async openChildren(session: Session, job: string, after: string, limit: number): Promise<string[]> {
    return (await session.rows(this.#words.children, [job, after, limit])).map(([id]) => String(id))
  }

  async hasChildren(session: Session, job: string): Promise<boolean> {
    return (await session.value(this.#words.hasChildren, [job])) !== undefined
  }

  /** What has failed because those of a list failed, which now run again. */
  async waitAgain(session: Session, needs: readonly string[]): Promise<void> {
    for (let left = needs; left.length > 0; ) {
      const values = [JSON.stringify(left), childFailed, predecessorFailed]
      left = (await session.rows(this.#words.waitAgain, values)).map(([id]) => String(id))
    }
  }

  /** The handler of a job with children is done. @returns 0 where another process has the job */
  awaitChildren(session: Session, worker: string, { id, attempt }: ClaimedJob, result: string | null) {
    return session.run(this.#words.awaitChildren, [id, worker, attempt, result])
  }

  /**
   * Lets those of a list go on whose needs have all ended, and then what waits for them.
   *
   * @returns what may run, and those that are left for another transaction
   */
  async goOn(session: Session, ids: readonly string[], now: number): Promise<{ released: Released[]; left: string[] }> {
    const released: Released[] = []
    const left = [...ids]
    for (let room = resolvedAtOnce; room > 0 && left.length > 0; ) {
      const some = left.splice(0, room)
      room -= some.length
      const values = [JSON.stringify(some), now, childFailed, predecessorFailed]
      const rows = await session.rows(this.#words.goOn, values)
      const ended: string[] = []
      for (const [id, name, state, due] of rows) {
        if (state === 'queued') released.push({ name: String(name), due: 0 })
        else if (state === 'delayed') released.push({ name: String(name), due: Number(due) })
        else ended.push(String(id))
      }
      if (ended.length > 0) for (const id of await this.of(session, ended)) left.push(id)
    }
    return { released, left }
  }
}

const childFailed = errorText(new MonoblocError('job_child_failed'))
const predecessorFailed = errorText(new MonoblocError('job_predecessor_failed'))

export interface NeedsOptions {
  storage: Storage
  store: JobNeedStore
  now: () => number
  released(jobs: readonly Released[]): void
  failed(error: unknown): void
}

const deadline = 10_000

/** Milliseconds between two looks at all that wait: for what this process was not told of. */
const sweepMillis = 5000

/**
 * Lets go on what waits for others, once those have ended.
 *
 * That it may is seen by the rows alone, so whoever looks is right, and a process that dies before it has looked leaves
 * it to the next: within 5 seconds. As long as nothing waits, nothing is asked but whether something does.
 */
export class JobNeeds {
  readonly #options: NeedsOptions
  #isUsed = false
  #looks = 0
  /** What has ended while a look was under way that may not have seen it. */
  #meanwhile: string[] = []
  #ended = new Set<string>()
  #sweptAt = -Infinity
  /** The last sweep has not seen all. */
  #hasMore = false
  #working: Promise<void> | undefined

  constructor(options: NeedsOptions) {
    this.#options = options
  }

  /** Whether something may wait, as far as it is known here. */
  get isUsed(): boolean {
    return this.#isUsed || this.#looks > 0
  }

  /** Something waits. */
  used(): void {
    this.#isUsed = true
  }

  /** Reads what a look at the database shows. @returns what is to be done about it */
  async looked(session: Session): Promise<(() => void) | undefined> {
    const { store } = this.#options
    const before = this.#isUsed
    this.#isUsed = false
    this.#looks++
    try {
      // Who says meanwhile that something waits knows more than this.
      if (await store.any(session)) this.#isUsed = true
      if (!this.#isUsed || (before && performance.now() - this.#sweptAt < sweepMillis)) return undefined
      const ready = await this.#sweep(session)
      return ready.length > 0 ? () => this.#work(ready, true) : undefined
    } finally {
      this.#looks--
      const ids = this.#meanwhile.splice(0)
      if (this.#isUsed) this.ended(ids)
    }
  }

  /** Jobs have ended, and that is on disk. */
  ended(ids: readonly string[]): void {
    if (ids.length === 0) return
    if (this.#isUsed) this.#work(ids)
    else this.#meanwhile.push(...ids)
  }

  get isWorking(): boolean {
    return this.#working !== undefined
  }

  /** @returns what may go on, whoever was told of it */
  async #sweep(session: Session): Promise<string[]> {
    this.#sweptAt = performance.now()
    const ready = await this.#options.store.ready(session, resolvedAtOnce)
    this.#hasMore = ready.length === resolvedAtOnce
    return ready
  }

  #work(ids: readonly string[], areReady = false): void {
    for (const id of ids) this.#ended.add(areReady ? `=${id}` : id)
    this.#working ??= this.#workAll().finally(() => {
      this.#working = undefined
      // What came when it had looked for the last time.
      if (this.#ended.size > 0) this.#work([])
    })
  }

  async #workAll(): Promise<void> {
    const { storage, store, now, released, failed } = this.#options
    while (this.#ended.size > 0) {
      const some = [...this.#ended].slice(0, resolvedAtOnce)
      for (const id of some) this.#ended.delete(id)
      const ready = some.filter((id) => id.startsWith('=')).map((id) => id.slice(1))
      const ended = some.filter((id) => !id.startsWith('='))
      try {
        const found = await storage.write({ deadline, isolation: 'committed' }, async (session) => {
          const waiting = ended.length > 0 ? await store.of(session, ended) : []
          return store.goOn(session, [...ready, ...waiting], now())
        })
        if (found.released.length > 0) released(found.released)
        for (const id of found.left) this.#ended.add(`=${id}`)
        if (this.#ended.size > 0 || !this.#hasMore) continue
        const more = await storage.read({ deadline }, (session) => this.#sweep(session))
        for (const id of more) this.#ended.add(`=${id}`)
      } catch (error) {
        // The next look finds it.
        failed(error)
        this.#sweptAt = -Infinity
        this.#hasMore = false
      }
    }
  }
}
