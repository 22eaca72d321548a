// Schedules of an app, in each of its processes.
//
//   a schedule:  (unknown) ── served for the first time ──▶ active ⇄ paused
//                              next = its first tick from now
//                active ── a tick is due ──▶ active, next = the tick after
//                any ── other times are served ──▶ the same, next = the first of the new ones from now
//
// `next` moves in the transaction that lets the tick's job run, and only from the tick itself: of several processes that
// see it due, one moves it, and the others find it moved. A crash before that commit leaves the tick due, for whoever is
// there; after it the job is in the database. Between two ticks nothing is held.
// A process whose app knows a schedule by other times than the database leaves it to those who know it by these, who
// confirm that they are there once a minute. When nobody has for three, it takes the schedule over.

// Not the global ones, which tests of applications replace.
import { clearTimeout, setTimeout } from 'node:timers'
import type { Units } from '../commit/index.ts'
import { type Logger, newTraceId } from '../observe/index.ts'
import type { Session, Storage } from '../storage/index.ts'
import { enqueueJob } from './job-enqueue.ts'
import type { Schedule } from './schedule.ts'
import { type DueTick, dueTicks } from './schedule-due.ts'
import { type ScheduleRow, ScheduleStore } from './schedule-store.ts'

export interface ScheduleRunnerOptions {
  storage: Storage
  units: Units
  schedules: readonly Schedule[]
  now: () => number
  log: Logger
  /** Default: `enqueueJob`. */
  enqueue?: typeof enqueueJob
}

// The clock may be set, and other processes pause and resume: who waits looks again after a second.
const longestWait = 1000
const confirmEvery = 60_000
const takeOverAfter = 3 * confirmEvery
// The clocks of several machines differ by less, or much else goes wrong.
const clockSkew = 60_000
const deadline = 10_000
// Ticks of one schedule in one process: to see how many there are costs as much as reading a thousand.
const pruneEvery = 100
// After a tick that failed, such as for a full disk: doubled each time.
const shortestPause = 1000
const longestPause = 60_000

/** Lets schedules run when they are due, in as many processes as there are. */
export class ScheduleRunner {
  readonly #options: ScheduleRunnerOptions
  readonly #store: ScheduleStore
  readonly #enqueue: typeof enqueueJob
  #isRunning = false
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  /** When something is due, as it was last seen. */
  #earliest = Infinity
  /** Who starts is newer than who runs. */
  #isFirstLook = true
  readonly #failed = new Map<string, { pause: number; until: number }>()
  /** How many ticks this process has noted, by schedule. */
  readonly #noted = new Map<string, number>()

  constructor(options: ScheduleRunnerOptions) {
    this.#options = options
    this.#store = new ScheduleStore(options.storage.dialect.name)
    this.#enqueue = options.enqueue ?? enqueueJob
  }

  async start(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#isFirstLook = true
    await this.wake()
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    await this.#looking
  }

  /** Looks now, and resolves when what is due has been let run. */
  wake(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve()
    clearTimeout(this.#timer)
    if (this.#looking) this.#again = true
    else {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined
        this.#arm()
      })
    }
    return this.#looking
  }

  /** Nothing is due, and nothing under way. */
  isIdle(): boolean {
    return !this.#looking && this.#earliest > this.#options.now()
  }

  #arm(): void {
    if (!this.#isRunning) return
    const wait = Math.min(Math.max(this.#earliest - this.#options.now(), 0), longestWait)
    this.#timer = setTimeout(() => void this.wake(), wait).unref()
  }

  async #look(): Promise<void> {
    do {
      this.#again = false
      try {
        await this.#lookOnce()
      } catch (error) {
        this.#earliest = Infinity
        this.#options.log.warn('schedules: the database could not be asked', { err: error })
      }
    } while (this.#isRunning && (this.#again || this.#earliest <= this.#options.now()))
  }

  async #lookOnce(): Promise<void> {
    const { storage, schedules, now: clock } = this.#options
    const rows = await storage.read({ deadline }, (session) => this.#store.all(session))
    const now = clock()
    const known = (schedule: Schedule) => rows.get(schedule.name)
    const isOwn = (schedule: Schedule) => isOf(schedule, known(schedule), now)
    const left = schedules.filter(
      (schedule) => !isOwn(schedule) && isLeft(schedule, known(schedule), now, this.#isFirstLook),
    )
    if (left.length > 0) await this.#define(left, now)
    const own = schedules.filter(isOwn)
    this.#earliest = left.length > 0 ? now : Infinity
    await Promise.all(own.map((schedule) => this.#runDue(schedule, known(schedule)!, now)))
    const silent = own.filter((schedule) => now - known(schedule)!.confirmed >= confirmEvery)
    if (silent.length > 0) await this.#confirm(silent, now)
    this.#isFirstLook = false
  }

  #define(schedules: readonly Schedule[], now: number): Promise<void> {
    return this.#write(async (session) => {
      const rows = await this.#store.all(session)
      for (const schedule of schedules) {
        const { name, times } = schedule
        const row = rows.get(name)
        const next = schedule.ticks(now).after(now)
        if (!row) await this.#store.add(session, name, times, now, next)
        else if (!isOf(schedule, row, now)) await this.#store.redefine(session, row, times, now, next)
      }
    })
  }

  #confirm(schedules: readonly Schedule[], now: number): Promise<void> {
    return this.#write(async (session) => {
      for (const { name, times } of schedules) {
        await this.#store.confirm(session, name, times, now)
      }
    })
  }

  #write(work: (session: Session) => Promise<void>): Promise<void> {
    return this.#options.storage.write({ deadline }, work)
  }

  async #runDue(schedule: Schedule, row: ScheduleRow, now: number): Promise<void> {
    if (row.state !== 'active') return
    const failed = this.#failed.get(schedule.name)
    if (failed && failed.until > now && failed.until - now <= longestPause) return
    try {
      let { next } = row
      for (const due of dueTicks(schedule, row, now)) {
        if (!this.#isRunning) return
        if (!(await this.#runTick(schedule, { ...row, next: due.from }, due))) {
          // Another process was faster, or somebody has paused it.
          this.#again = true
          return
        }
        next = due.next
        await this.#prune(schedule)
      }
      this.#earliest = Math.min(this.#earliest, next ?? Infinity)
      this.#failed.delete(schedule.name)
    } catch (error) {
      const pause = Math.min((failed?.pause ?? shortestPause / 2) * 2, longestPause)
      this.#failed.set(schedule.name, { pause, until: now + pause })
      this.#options.log.error(`schedule ${schedule.name}: a tick could not be let run`, { err: error, again: pause })
    }
  }

  /** Whether this process is the one that let it run, or passed it over. */
  async #runTick(schedule: Schedule, row: ScheduleRow, due: DueTick): Promise<boolean> {
    const { name } = schedule
    const { at, missed, runs, next } = due
    const id = tickId(name, at)
    const trace = newTraceId()
    const noted = this.#options.now()
    return this.#options.units.write({ deadline, cause: `schedule:${id}`, trace }, 'system', async (db, session) => {
      if (!(await this.#store.move(session, row, { next, last: runs ? at : row.last, now: noted }))) return false
      const outcome = runs ? 'run' : 'missed'
      const isNew = await this.#store.note(session, { id, schedule: name, at, noted, outcome, missed, trace })
      // The clock was set back meanwhile, and the schedule defined anew.
      if (!isNew || !runs) return true
      const tick = { schedule: name, at: new Date(at), missed, manual: false }
      const { id: job } = await this.#enqueue(db, schedule.job, schedule.inputOf(tick))
      await this.#store.noteJob(session, id, job)
      return true
    })
  }

  async #prune({ name }: Schedule): Promise<void> {
    const noted = this.#noted.get(name) ?? 0
    this.#noted.set(name, noted + 1)
    if (noted % pruneEvery > 0) return
    await this.#write(async (session) => void (await this.#store.prune(session, name)))
  }
}

export function tickId(name: string, at: number): string {
  return `${name}:${new Date(at).toISOString()}`
}

/**
 * Whether a row is that of a schedule as it is served here. One of a time to come was made by a clock that has been set back
 * since: its next tick may be far away, and none of those before it has run.
 */
function isOf({ times }: Schedule, row: ScheduleRow | undefined, now: number): boolean {
  return row?.times === times && row.since - now <= clockSkew
}

/** Whether nobody looks after a schedule as the database has it. */
function isLeft({ times }: Schedule, row: ScheduleRow | undefined, now: number, isStart: boolean): boolean {
  return !row || isStart || row.times === times || now - row.confirmed >= takeOverAfter
}
