import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { createSchedule, createSchedules, type Schedule, ScheduleRunner } from '../../src/effects/index.ts'
import { dueTicks } from '../../src/effects/schedule-due.ts'
import { ScheduleRecord, TickRecord } from '../../src/effects/schedule-record.ts'
import type { ScheduleRow } from '../../src/effects/schedule-store.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { model, t } from '../../src/schema/index.ts'
import { exerciseService } from './exercise-service.ts'
import { openUnits, type UnitFixture } from './unit-fixture.ts'

/** What was enqueued, in the transaction that did. */
const Ran = model('ran', { id: t.serial(), job: t.text(), at: t.text(), missed: t.integer(), manual: t.boolean() })

let fixture: UnitFixture<any>
let now: number
/** Makes the enqueuing of a job fail. */
let fails: Error | undefined
const runners: ScheduleRunner[] = []

const noon = '2026-03-01T12:00:00.000Z'
const code = (expected: string) => expect.objectContaining({ code: expected })
const minutes = (count: number) => {
  now += count * 60_000
}

beforeEach(async () => {
  const definition = new Definition({ Ran }, undefined, [ScheduleRecord, TickRecord])
  fixture = await openUnits<any>(definition)
  now = Date.parse(noon)
  fails = undefined
})
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()))
  await fixture.close()
})

type Options = Parameters<typeof createSchedule>[2]

function schedule(name: string, options: Omit<Options, 'run'>): Schedule {
  return createSchedule(fixture.definition, name, { run() {}, ...options } as Options)
}

async function enqueue(db: any, job: { name: string }, input: any) {
  if (fails) throw fails
  const { id } = await db.insert(Ran, { job: job.name, at: input.at, missed: input.missed, manual: input.manual })
  return { id: `job-${id}` }
}

function options(schedules: Schedule[]) {
  const { storage, units } = fixture
  return { storage, units, schedules, now: () => now, log: silentLogger, enqueue: enqueue as never }
}

async function start(...schedules: Schedule[]): Promise<ScheduleRunner> {
  const runner = new ScheduleRunner(options(schedules))
  runners.push(runner)
  await runner.start()
  return runner
}

async function ran(): Promise<string[]> {
  const rows = await fixture.read<any[]>('system', (db) => db.find(Ran, { sort: 'id' }))
  return rows.map(({ at, missed }: any) => `${at.slice(11, 16)}${missed ? ` after ${missed}` : ''}`)
}

describe('ticks', () => {
  test('run when they are due, and not before', async () => {
    const runner = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    expect(await ran()).toEqual([])
    minutes(9.9)
    await runner.wake()
    expect(await ran()).toEqual([])
    minutes(0.1)
    await runner.wake()
    await runner.wake()
    expect(await ran()).toEqual(['12:10'])
    minutes(10)
    await runner.wake()
    expect(await ran()).toEqual(['12:10', '12:20'])
  })

  test('run by themselves when their time comes', async () => {
    const real = new ScheduleRunner({ ...options([schedule('tick', { every: '1s' })]), now: () => Date.now() })
    runners.push(real)
    await real.start()
    await expect.poll(async () => (await ran()).length, { timeout: 45_000, interval: 50 }).toBeGreaterThanOrEqual(2)
  })

  test('run once, however many processes see them due at once', async () => {
    const both = [schedule('one', { cron: '* * * * *' }), schedule('two', { every: '1m' })]
    const processes = [await start(...both), await start(...both), await start(...both)]
    for (let minute = 0; minute < 10; minute++) {
      minutes(1)
      await Promise.all(processes.map((process) => process.wake()))
    }
    const rows = await fixture.read<any[]>('system', (db) => db.find(Ran))
    const seen = rows.map(({ job, at }: any) => `${job} ${at}`)
    expect(seen).toHaveLength(20)
    expect(new Set(seen).size).toBe(20)
  })

  test('a tick whose job could not be enqueued is still due, and is tried again later', async () => {
    const runner = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    fails = new Error('the disk is full')
    minutes(10)
    await runner.wake()
    expect(await ran()).toEqual([])
    fails = undefined
    await runner.wake()
    expect(await ran()).toEqual([])
    now += 1000
    await runner.wake()
    expect(await ran()).toEqual(['12:10'])
  })

  test('a clock that is set back runs none twice', async () => {
    const tidy = schedule('tidy', { cron: '*/10 * * * *' })
    const runner = await start(tidy)
    minutes(20)
    await runner.wake()
    minutes(-15)
    await runner.wake()
    await start(tidy)
    minutes(15)
    await runner.wake()
    expect(await ran()).toEqual(['12:20 after 1'])
    // Not even when it is defined anew meanwhile.
    minutes(-15)
    const other = await start(schedule('tidy', { cron: '*/5 * * * *' }))
    minutes(15)
    await other.wake()
    expect(await ran()).toEqual(['12:20 after 1'])
  })

  test('a clock that is set to before its schedules were served begins anew from there', async () => {
    const tidy = schedule('tidy', { cron: '*/10 * * * *' })
    const runner = await start(tidy)
    minutes(-60)
    await runner.wake()
    minutes(10)
    await runner.wake()
    expect(await ran()).toEqual(['11:10'])
    // What ran once does not run again, when the same times come again.
    minutes(-120)
    await runner.wake()
    for (let ten = 0; ten < 13; ten++) {
      minutes(10)
      await runner.wake()
    }
    const before = ['09:20', '09:30', '09:40', '09:50', '10:00', '10:10', '10:20', '10:30', '10:40', '10:50', '11:00']
    expect(await ran()).toEqual(['11:10', ...before, '11:20'])
  })

  test('the log is told what caused it, and the tick knows its job and trace', async () => {
    const tidy = schedule('tidy', { cron: '0 13 * * *' })
    const runner = await start(tidy)
    minutes(60)
    await runner.wake()
    const [transaction] = await fixture.log()
    const id = 'tidy:2026-03-01T13:00:00.000Z'
    expect(transaction).toMatchObject({ cause: `schedule:${id}`, trace: expect.stringMatching(/^[0-9a-f]{32}$/) })
    expect(await createSchedules(options([tidy])).history('tidy')).toEqual([
      {
        id,
        at: new Date('2026-03-01T13:00:00Z'),
        noted: new Date(now),
        outcome: 'run',
        missed: 0,
        job: 'job-1',
        trace: transaction!.trace,
      },
    ])
  })
})

describe('after a time without any process', () => {
  async function afterPause(rule: 'skip' | 'last' | 'all', away: number, cron = '*/10 * * * *') {
    const tidy = schedule('tidy', { cron, missed: rule })
    const runner = await start(tidy)
    await runner.stop()
    minutes(away)
    await start(tidy)
    return ran()
  }

  test('last: the last one runs, and is told how many did not', async () => {
    expect(await afterPause('last', 45)).toEqual(['12:40 after 3'])
  })

  test('all: each runs', async () => {
    expect(await afterPause('all', 45)).toEqual(['12:10', '12:20', '12:30', '12:40'])
  })

  test('skip: none runs that is more than a minute late', async () => {
    expect(await afterPause('skip', 45)).toEqual([])
    expect(await createSchedules(options([schedule('tidy', { every: '1m' })])).history('tidy')).toMatchObject([
      { outcome: 'missed', missed: 3, job: null, at: new Date('2026-03-01T12:40:00Z') },
    ])
  })

  test.each([
    [60_000, ['12:40 after 3']],
    [60_001, []],
  ])('skip: %i ms late', async (late, expected) => {
    expect(await afterPause('skip', 40 + late / 60_000)).toEqual(expected)
  })

  test.each([
    [1000, 0],
    [1001, 1],
    [5000, 1000],
  ])('all, %i of them: the last 1,000 at most', (count, missed) => {
    const tidy = schedule('tidy', { cron: '* * * * *', missed: 'all' })
    const from = now
    minutes(count - 1)
    const due = dueTicks(tidy, { next: from, since: from } as ScheduleRow, now)
    expect(due).toHaveLength(1000)
    expect(due[0]).toMatchObject({ from, missed, at: now - 999 * 60_000 })
    expect(due.at(-1)).toMatchObject({ at: now, next: now + 60_000 })
    expect(due.every((tick, index) => index === 0 || tick.from === due[index - 1]!.next)).toBe(true)
  })
})

describe('what is served', () => {
  test('a schedule with other times starts anew from now', async () => {
    const before = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    await before.stop()
    minutes(25)
    const after = await start(schedule('tidy', { cron: '*/30 * * * *', timezone: 'Asia/Kathmandu' }))
    await after.wake()
    expect(await ran()).toEqual([])
    minutes(20)
    await after.wake()
    // Kathmandu is 5:45 ahead of UTC.
    expect(await ran()).toEqual(['12:45'])
  })

  test('the same times go on where they were, whatever else was changed', async () => {
    const before = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    await before.stop()
    minutes(25)
    await start(schedule('tidy', { cron: '*/10 * * * *', missed: 'all' }))
    expect(await ran()).toEqual(['12:10', '12:20'])
  })

  test('of two versions of an app the newer has its way, until it has been gone for three minutes', async () => {
    const older = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    const newer = await start(schedule('tidy', { cron: '5 * * * *' }))
    for (let minute = 0; minute < 12; minute++) {
      minutes(1)
      await Promise.all([older.wake(), newer.wake()])
    }
    expect(await ran()).toEqual(['12:05'])
    await newer.stop()
    minutes(2.9)
    await older.wake()
    minutes(0.1)
    await older.wake()
    minutes(10)
    await older.wake()
    expect(await ran()).toEqual(['12:05', '12:20'])
  })

  test('one that is no longer served does not run, and the others do', async () => {
    const before = await start(schedule('tidy', { cron: '*/10 * * * *' }))
    await before.stop()
    const after = await start(schedule('mail', { every: '10m' }))
    minutes(10)
    await after.wake()
    const rows = await fixture.read<any[]>('system', (db) => db.find(Ran))
    expect(rows).toMatchObject([{ job: 'schedule:mail' }])
  })
})

describe('by hand', () => {
  test('paused, its ticks pass; resumed, it goes on with the next one', async () => {
    const tidy = schedule('tidy', { cron: '*/10 * * * *', missed: 'all' })
    const control = createSchedules(options([tidy]))
    const runner = await start(tidy)
    expect(await control.pause('tidy')).toMatchObject({ state: 'paused', next: null })
    minutes(25)
    await runner.wake()
    expect(await ran()).toEqual([])
    expect(await control.resume('tidy')).toMatchObject({ state: 'active', next: new Date('2026-03-01T12:30:00Z') })
    await control.resume('tidy')
    minutes(5)
    await runner.wake()
    expect(await ran()).toEqual(['12:30'])
  })

  test('one can be paused before any process has served it', async () => {
    const tidy = schedule('tidy', { cron: '*/10 * * * *' })
    const control = createSchedules(options([tidy]))
    expect(await control.get('tidy')).toMatchObject({ state: 'new', next: null })
    await control.pause('tidy')
    const runner = await start(tidy)
    minutes(25)
    await runner.wake()
    expect(await ran()).toEqual([])
  })

  test('run now: as often as one asks, paused or not, and its ticks stay', async () => {
    const tidy = schedule('tidy', { cron: '0 13 * * *' })
    const control = createSchedules(options([tidy]))
    await start(tidy)
    await control.runNow('tidy')
    await control.pause('tidy')
    expect(await control.runNow('tidy')).toMatchObject({ outcome: 'manual', job: 'job-2' })
    const rows = await fixture.read<any[]>('system', (db) => db.find(Ran))
    expect(rows).toMatchObject([
      { at: noon, manual: true },
      { at: noon, manual: true },
    ])
    expect(await control.resume('tidy')).toMatchObject({ next: new Date('2026-03-01T13:00:00Z') })
  })

  test('next times, and the bounds of how many', async () => {
    const control = createSchedules(options([schedule('tidy', { cron: '0 7 * * 1-5', timezone: 'Europe/Paris' })]))
    expect(await control.next('tidy', 2)).toEqual([new Date('2026-03-02T06:00:00Z'), new Date('2026-03-03T06:00:00Z')])
    expect(await control.next('tidy', 1000)).toHaveLength(1000)
    for (const wrong of [0, 1001, 1.5])
      await expect(control.next('tidy', wrong)).rejects.toThrow(code('definition_invalid'))
    await expect(control.history('tidy', 1001)).rejects.toThrow(code('definition_invalid'))
    await expect(control.pause('tody')).rejects.toThrow(code('not_found'))
  })

  test('of the ticks of a schedule the newest thousand are kept', async () => {
    const tidy = schedule('tidy', { cron: '* * * * *' })
    const old = Array.from({ length: 1001 }, (_, index) => ({
      ...{ id: `old ${index}`, schedule: 'tidy', at: index, noted: 0, outcome: 'run', missed: 0, job: null, trace: '' },
    }))
    await fixture.write('system', (db) => db.insert(TickRecord, old))
    const runner = await start(tidy)
    minutes(1)
    await runner.wake()
    expect(await fixture.read<number>('system', (db) => db.count(TickRecord))).toBe(1000)
    const [newest, ...rest] = await createSchedules(options([tidy])).history('tidy', 1000)
    expect(newest!.at).toEqual(new Date(now))
    expect(rest.at(-1)!.id).toBe('old 2')
  })
})

test('what is wrong is refused where it is defined', () => {
  const wrong: object[] = [
    {},
    { cron: '0 7 * * *', every: '1h' },
    { every: '1h', timezone: 'UTC' },
    { every: '0s' },
    { cron: '0 7 * *' },
    { cron: '0 7 * * *', timezone: 'Mars/Olympus' },
    { cron: '0 7 * * *', missed: 'some' },
    { cron: '0 7 * * *', run: 'a function' },
    { cron: '0 7 * * *', input: {} },
    { crom: '0 7 * * *' },
  ]
  for (const options of wrong)
    expect(() => schedule('tidy', options as never), JSON.stringify(options)).toThrow(code('definition_invalid'))
  expect(() => schedule('a name', { every: '1h' })).toThrow(code('definition_invalid'))
})

test('it starts and stops as every service', async () => {
  const runner = new ScheduleRunner(options([schedule('tidy', { every: '1m' })]))
  const isRunning = async () => {
    const before = (await ran()).length
    minutes(1)
    await runner.wake()
    return (await ran()).length > before
  }
  await exerciseService({ service: runner, isRunning })
})
