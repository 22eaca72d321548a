import { model, t } from '../schema/index.ts'

/** Where a schedule stands. Times are milliseconds since 1970. */
export const ScheduleRecord = model(
  'monobloc_schedule',
  {
    name: t.text(),
    /** What its ticks follow from: `0 7 * * * in Europe/Paris`. */
    times: t.text(),
    state: t.enum('active', 'paused'),
    /** When these times were first served; intervals are counted from here. */
    since: t.integer(),
    /** The tick that comes next; null when there is none any more. It moves in the transaction of the tick. */
    next: t.integer().nullable(),
    /** The newest tick that ran. */
    last: t.integer().nullable(),
    /** When a process that knows it by these times last said so. */
    confirmed: t.integer(),
  },
  { key: ['name'] },
)

/** Ticks that were. The newest of each schedule are kept. */
export const TickRecord = model(
  'monobloc_tick',
  {
    /** `NAME:2026-11-23T07:00:00.000Z`: there are no two of a tick. */
    id: t.text(),
    schedule: t.text(),
    /** When it was due. */
    at: t.integer(),
    /** When that was noted. */
    noted: t.integer(),
    outcome: t.enum('run', 'missed', 'manual'),
    /** How many ticks before it were passed over. */
    missed: t.integer(),
    /** What it let run. */
    job: t.text().nullable(),
    trace: t.text(),
  },
  { key: ['id'], indexes: [['schedule', 'at']] },
)
