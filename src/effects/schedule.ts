import { checkOptions, MonoblocError } from '../errors.ts'
import type { Duration, InferInput, StandardSchemaV1 } from '../schema/index.ts'
import type { Effect } from './effect.ts'
import { checkEffectName } from './effect-name.ts'
import { createJob, type Job, type JobContext, type JobOptions } from './job.ts'
import { cronTicks, intervalOf, intervalTicks, type Ticks } from './schedule-ticks.ts'

/** One time at which a schedule runs. */
export interface Tick {
  /** The name of the schedule. */
  schedule: string
  /** When it was due; for one that somebody asked for by hand, when they did. */
  at: Date
  /** How many before it were not run, because no process was there: at most 1,000 are counted. */
  missed: number
  /** Somebody asked for it by hand. */
  manual: boolean
}

/** What a handler is given: what that of a job is, for the tick that it runs for. */
export interface ScheduleContext<Ms, U> extends Omit<JobContext<Ms, U, undefined>, 'input' | 'prepared'> {
  tick: Tick
}

interface CronTimes {
  /**
   * Minute, hour, day of the month, month, weekday: `0 7 * * 1-5`. Six fields begin with seconds. Also `@hourly`, `@daily`,
   * `@weekly`, `@monthly`, `@yearly`. A tick that the clock skips comes at the first instant after the gap; one that it
   * repeats comes once, the first time.
   */
  cron: string
  /** Whose clock on the wall: `Europe/Paris`. Default `UTC`. */
  timezone?: string
  every?: never
}

interface IntervalTimes {
  /** `15m`, from when the schedule was first served; at least `1s`. It heeds no time zone. */
  every: Duration
  cron?: never
  timezone?: never
}

interface Rules {
  /**
   * What becomes of ticks while no process was there. `last`: the last of them runs, however late (default). `skip`: one
   * that is more than a minute late does not run. `all`: each runs, the last 1,000 at most.
   */
  missed?: 'skip' | 'last' | 'all'
}

/** Runs a function, as a job of the schedule's own: `schedule:NAME`. */
export type HandlerSchedule<Ms, U> = (CronTimes | IntervalTimes) &
  Rules & {
    run(context: ScheduleContext<Ms, U>): unknown | Promise<unknown>
    /** How that job runs: its retries, its timeout, … */
    job?: Omit<JobOptions<Ms, U, StandardSchemaV1>, 'input' | 'handle' | 'prepare'>
    input?: never
  }

type InputFor<I> = undefined extends I ? { input?: I | ((tick: Tick) => I) } : { input: I | ((tick: Tick) => I) }

/** Lets a job run. */
export type JobSchedule<S extends StandardSchemaV1> = (CronTimes | IntervalTimes) &
  Rules & { run: Job<S>; job?: never } & InputFor<InferInput<S>>

/** What runs at times, as an app declares it. */
export interface Schedule extends Effect {
  readonly kind: 'schedule'
  readonly missed: 'skip' | 'last' | 'all'
  /** What its ticks follow from, as text: another text is another schedule, which starts anew. */
  readonly times: string
  readonly job: Job
  /** @param since when this schedule was first served, in milliseconds */
  ticks(since: number): Ticks
  inputOf(tick: Tick): unknown
}

const rules: readonly unknown[] = ['skip', 'last', 'all']

/** @throws MonoblocError `definition_invalid` */
export function createSchedule(
  definition: object,
  name: string,
  options: HandlerSchedule<any, any> | JobSchedule<any>,
): Schedule {
  checkEffectName('schedule', name)
  const known = { cron: true, timezone: true, every: true, run: true, missed: true, job: true, input: true } as const
  checkOptions(`schedule("${name}")`, options, known)
  const { cron, every, timezone = 'UTC', run, missed = 'last', job, input } = options
  if ((cron === undefined) === (every === undefined)) throw invalid(name, 'say either cron or every.')
  if (every !== undefined && options.timezone !== undefined) throw invalid(name, 'an interval heeds no timezone.')
  if (!rules.includes(missed)) throw invalid(name, 'missed is one of skip, last, all.')
  const times = cron === undefined ? [every] : [cron, timezone]
  const common = { kind: 'schedule', name, definition, missed, times: times.join(' in ') } as const
  const ticks = ticksOf(options.cron, timezone, every)
  if (typeof run === 'function') {
    if (input !== undefined) throw invalid(name, 'input is for a job: run: sendDigest, input: { … }.')
    return { ...common, ticks, job: ownJob(definition, name, run, job), inputOf: asInput }
  }
  if (run?.kind !== 'job') throw invalid(name, 'run is a job or a function.')
  if (job !== undefined) throw invalid(name, 'how a job runs is said where it is defined.')
  return { ...common, ticks, job: run, inputOf: (tick) => (typeof input === 'function' ? input(tick) : input) }
}

function invalid(name: string, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: name, detail: `schedule("${name}"): ${detail}` })
}

function ticksOf(cron: string | undefined, timezone: string, every: Duration | undefined): Schedule['ticks'] {
  if (cron !== undefined) {
    const ticks = cronTicks(cron, timezone)
    return () => ticks
  }
  const interval = intervalOf(every!)
  return (since) => intervalTicks(interval, since)
}

/** A tick as a job keeps it. */
interface TickInput extends Omit<Tick, 'at'> {
  at: string
}

function asInput(tick: Tick): TickInput {
  return { ...tick, at: tick.at.toISOString() }
}

// What is enqueued is made here: there is nothing to check.
const tickSchema: StandardSchemaV1<TickInput> = {
  '~standard': { version: 1, vendor: 'monobloc', validate: (value) => ({ value: value as TickInput }) },
}

function ownJob(
  definition: object,
  name: string,
  run: HandlerSchedule<any, any>['run'],
  how: HandlerSchedule<any, any>['job'],
): Job {
  return createJob(definition, `schedule:${name}`, {
    ...how,
    input: tickSchema,
    handle(context) {
      const { at, ...tick } = context.input as TickInput
      return run(Object.assign(context, { tick: { ...tick, at: new Date(at) } }) as ScheduleContext<any, any>)
    },
  }) as Job
}

/** The jobs that schedules let run, which are served with them. */
export function withJobs(effects: readonly Effect[]): Effect[] {
  return effects.flatMap((effect) => (effect.kind === 'schedule' ? [effect, (effect as Schedule).job] : [effect]))
}
