import type { Schedule } from './schedule.ts'
import type { ScheduleRow } from './schedule-store.ts'
import { lastTick, type Ticks } from './schedule-ticks.ts'

/** What is to be done about one tick, or about several that were passed over at once. */
export interface DueTick {
  at: number
  /** How many before it are passed over. */
  missed: number
  /** False where it is passed over itself. */
  runs: boolean
  /** Where the schedule must stand for it. */
  from: number
  /** Where it stands afterwards. */
  next: number | null
}

/** How many ticks are made up for after a time without any process, and how many are counted. */
export const mostMissed = 1000

// A tick is late by a second at most while a process is there, and by some more while one is replaced.
export const lateAfter = 60_000

/** What of a schedule is due at an instant, in order. */
export function dueTicks(schedule: Pick<Schedule, 'missed' | 'ticks'>, row: ScheduleRow, now: number): DueTick[] {
  const { next: from } = row
  if (from === null || from > now) return []
  const ticks = schedule.ticks(row.since)
  if (schedule.missed === 'all') return madeUpFor(ticks, from, now)
  const at = lastTick(ticks, from, now)
  const runs = schedule.missed === 'last' || now - at <= lateAfter
  return [{ at, missed: ticksFrom(ticks, from, at).length - 1, runs, from, next: ticks.after(at) }]
}

function madeUpFor(ticks: Ticks, from: number, now: number): DueTick[] {
  const all = ticksFrom(ticks, from, now)
  const isAll = (ticks.after(all.at(-1)!) ?? Infinity) > now
  const kept = isAll ? all : newest(ticks, from, now)
  const passed = isAll ? Math.max(kept.length - mostMissed, 0) : mostMissed
  return kept.slice(-mostMissed).map((at, index, { [index + 1]: next }) => ({
    at,
    missed: index === 0 ? passed : 0,
    runs: true,
    from: index === 0 ? from : at,
    next: next ?? ticks.after(at),
  }))
}

/** The ticks from one until another or the end of counting: one more than is made up for. */
function ticksFrom(ticks: Ticks, from: number, until: number): number[] {
  const found: number[] = []
  for (let at: number | null = from; at !== null && at <= until && found.length <= mostMissed; at = ticks.after(at))
    found.push(at)
  return found
}

function newest(ticks: Ticks, from: number, now: number): number[] {
  // One a second is the most there can be.
  for (let span = mostMissed * 1000; ; span *= 2) {
    const start = Math.max(now - span, from - 1)
    const found: number[] = []
    for (let at = ticks.after(start); at !== null && at <= now; at = ticks.after(at)) found.push(at)
    if (found.length >= mostMissed || start < from) return found
  }
}
