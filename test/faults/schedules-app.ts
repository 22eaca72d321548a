import { Definition } from '../../src/access/index.ts'
import { createSchedule, type Schedule } from '../../src/effects/index.ts'
import { ScheduleRecord, TickRecord } from '../../src/effects/schedule-record.ts'
import { model, t } from '../../src/schema/index.ts'

/** What ran, noted in the transaction of its tick. */
export const Ran = model('ran', { id: t.serial(), job: t.text(), at: t.text(), by: t.integer() })

export const definition = new Definition({ Ran }, undefined, [ScheduleRecord, TickRecord])

/** Local times, as the oracle is told them: each day at an hour and a minute, or on one weekday. */
export const local = [
  { name: 'paris', zone: 'Europe/Paris', hour: 2, minute: 30, weekday: undefined },
  { name: 'lord-howe', zone: 'Australia/Lord_Howe', hour: 2, minute: 15, weekday: undefined },
  { name: 'santiago', zone: 'America/Santiago', hour: 0, minute: 0, weekday: 0 },
] as const

export const interval = { name: 'interval', days: 5 }

function run() {}

/** Every tick is made up for, so that the whole year can be compared. */
export const schedules: Schedule[] = [
  ...local.map(({ name, zone, hour, minute, weekday = '*' }) =>
    createSchedule(definition, name, {
      cron: `${minute} ${hour} * * ${weekday}`,
      timezone: zone,
      missed: 'all',
      run,
    }),
  ),
  createSchedule(definition, interval.name, { every: `${interval.days}d`, missed: 'all', run }),
]
