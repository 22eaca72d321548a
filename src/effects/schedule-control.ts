import { randomUUID } from 'node:crypto'
import type { Units } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { newTraceId } from '../observe/index.ts'
import type { Session, Storage } from '../storage/index.ts'
import { enqueueJob } from './job-enqueue.ts'
import type { Schedule } from './schedule.ts'
import { type ScheduleRow, ScheduleStore } from './schedule-store.ts'

/** A schedule as it stands. */
export interface ScheduleInfo {
  name: string
  /** `0 7 * * * in Europe/Paris`, or `15m`. */
  times: string
  missed: 'skip' | 'last' | 'all'
  /** `new`: no process has served it yet, or not by these times. */
  state: 'new' | 'active' | 'paused'
  /** The tick that comes next; null while it is paused, and when there is none any more. */
  next: Date | null
  /** The newest tick that ran. */
  last: Date | null
  /** What it lets run. */
  job: string
}

/** A tick that was. */
export interface TickInfo {
  id: string
  at: Date
  /** When it was let run, or found to be missed. */
  noted: Date
  outcome: 'run' | 'missed' | 'manual'
  /** How many ticks before it were passed over: at most 1,000 are counted. */
  missed: number
  /** The id of the job that it let run. */
  job: string | null
  trace: string
}

/** The schedules of an app, for programs and commands. Everything works on the database, whoever runs. */
export interface Schedules {
  list(): Promise<ScheduleInfo[]>
  /** @throws MonoblocError `not_found` */
  get(name: string): Promise<ScheduleInfo>
  /** The ticks to come: 1 to 1,000 of them. Default 10. @throws MonoblocError `not_found` */
  next(name: string, count?: number): Promise<Date[]>
  /** The newest first: 1 to 1,000 of them. Default 20. @throws MonoblocError `not_found` */
  history(name: string, count?: number): Promise<TickInfo[]>
  /** Ticks pass without being run, until it is resumed. @throws MonoblocError `not_found` */
  pause(name: string): Promise<ScheduleInfo>
  /** From the next tick after now. @throws MonoblocError `not_found` */
  resume(name: string): Promise<ScheduleInfo>
  /** Runs it now, paused or not; its ticks stay as they are. @throws MonoblocError `not_found` */
  runNow(name: string): Promise<TickInfo>
}

export interface SchedulesOptions {
  storage: Storage
  units: Units
  schedules: readonly Schedule[]
  now: () => number
  /** Default: `enqueueJob`. */
  enqueue?: typeof enqueueJob
}

const deadline = 10_000
// What is kept of each.
const most = 1000

export function createSchedules({ storage, units, schedules, now, enqueue = enqueueJob }: SchedulesOptions): Schedules {
  const store = new ScheduleStore(storage.dialect.name)
  const byName = new Map(schedules.map((schedule) => [schedule.name, schedule]))

  function named(name: string): Schedule {
    const schedule = byName.get(name)
    if (schedule) return schedule
    const known = [...byName.keys()].join(', ')
    throw new MonoblocError('not_found', {
      subject: name,
      detail: `There is no schedule ${name}${known ? `: there are ${known}` : ''}.`,
    })
  }

  async function change(schedule: Schedule, state: ScheduleRow['state']): Promise<ScheduleInfo> {
    const { name, times } = schedule
    const row = await storage.write({ deadline }, async (session) => {
      const at = now()
      await store.add(session, name, times, at, schedule.ticks(at).after(at))
      const row = (await store.get(session, name))!
      const isKnown = row.times === times
      const ticks = schedule.ticks(isKnown ? row.since : at)
      if (!isKnown) await store.redefine(session, row, times, at, ticks.after(at))
      if (row.state !== state) await store.setState(session, name, state, ticks.after(at))
      return store.get(session, name)
    })
    return infoOf(schedule, row)
  }

  const read = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    Promise.resolve(storage.read({ deadline }, work))

  return {
    async list() {
      const rows = await read((session) => store.all(session))
      return schedules.map((schedule) => infoOf(schedule, rows.get(schedule.name)))
    },
    async get(name) {
      const schedule = named(name)
      return infoOf(schedule, await read((session) => store.get(session, name)))
    },
    async next(name, count = 10) {
      const schedule = named(name)
      const row = await read((session) => store.get(session, name))
      const ticks = schedule.ticks(row?.times === schedule.times ? row.since : now())
      const found: Date[] = []
      for (let at = ticks.after(now()); at !== null && found.length < bounded(count); at = ticks.after(at))
        found.push(new Date(at))
      return found
    },
    async history(name, count = 20) {
      named(name)
      const ticks = await read((session) => store.ticks(session, name, bounded(count)))
      return ticks.map(({ at, noted, schedule: _, ...tick }) => ({
        ...tick,
        at: new Date(at),
        noted: new Date(noted),
      }))
    },
    pause: async (name) => change(named(name), 'paused'),
    resume: async (name) => change(named(name), 'active'),
    async runNow(name) {
      const schedule = named(name)
      const id = `${name}:manual:${randomUUID()}`
      const trace = newTraceId()
      return units.write({ deadline, cause: `schedule:${id}`, trace }, 'system', async (db, session) => {
        const at = now()
        const tick = { schedule: name, at: new Date(at), missed: 0, manual: true }
        await store.note(session, { id, schedule: name, at, noted: at, outcome: 'manual', missed: 0, trace })
        const { id: job } = await enqueue(db, schedule.job, schedule.inputOf(tick))
        await store.noteJob(session, id, job)
        return { id, at: tick.at, noted: tick.at, outcome: 'manual', missed: 0, job, trace }
      })
    },
  }
}

function bounded(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= most) return count
  throw new MonoblocError('definition_invalid', { detail: `A count is 1 to ${most}, not ${count}.` })
}

function infoOf({ name, times, missed, job }: Schedule, row: ScheduleRow | undefined): ScheduleInfo {
  const isKnown = row?.times === times
  const state = row?.state === 'paused' ? 'paused' : isKnown ? 'active' : 'new'
  const date = (at: number | null | undefined) => (at === null || at === undefined ? null : new Date(at))
  const next = state === 'active' ? date(row!.next) : null
  return { name, times, missed, state, next, last: date(row?.last), job: job.name }
}
