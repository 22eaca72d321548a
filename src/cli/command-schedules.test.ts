import { expect, test } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import { painter } from '../runtime/index.ts'
import type { Terminal } from './command.ts'
import { schedulesCommand } from './command-schedules.ts'
import { scheduleTable, tickTable } from './schedule-report.ts'

const app = appSource(
  'tidy, yearly',
  `logFormat: 'json',`,
  `const Note = model('note', { id: t.serial(), text: t.text() })
   const { policy, schedule } = define({ models: { Note } })
   policy(Note, { anyone: { read: true } })
   const tidy = schedule('tidy', { every: '1h', run() {} })
   const yearly = schedule('yearly', { cron: '0 0 1 1 *', run() {} })`,
)

async function monobloc(folder: string, ...args: string[]) {
  const child = new Child([command, ...args], { folder })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

test('monobloc schedules and monobloc why work on the database of an app', { timeout: 120_000 }, async () => {
  const folder = folderWith({ 'app.ts': app })
  const child = new Child([command, 'dev', '--port', '0'], { folder })
  await child.url()
  const [list, unknown, nothing] = await Promise.all([
    monobloc(folder, 'schedules', '--json'),
    monobloc(folder, 'schedules', 'history', 'tydi'),
    monobloc(folder, 'why', 'nothing', '--json'),
  ])
  expect(list.code).toBe(0)
  expect(JSON.parse(list.out)).toMatchObject([
    { name: 'tidy', times: '1h', state: 'active', last: null },
    { name: 'yearly', times: '0 0 1 1 * in UTC', state: 'active', last: null },
  ])
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('There is no schedule tydi')])
  expect([nothing.code, JSON.parse(nothing.err).error.code]).toEqual([1, 'not_found'])

  const { out } = await monobloc(folder, 'schedules', 'run', 'tidy', '--json')
  const [tick] = JSON.parse(out)
  expect(tick).toMatchObject({ outcome: 'manual', missed: 0 })
  const traced = await monobloc(folder, 'why', tick.trace)
  expect([traced.code, traced.out]).toEqual([0, expect.stringContaining(`tick ${tick.id}`)])
  expect(traced.out).toContain(`└─ job schedule:tidy ${tick.job}`)
})

test.each([
  [['pause'], {}, 'schedules pause needs the name of a schedule'],
  [['list', 'tidy'], {}, 'schedules list does not take "tidy"'],
  [['next', 'tidy'], { count: '1001' }, '--count is a number from 1 to 1000'],
  [['next', 'tidy'], { count: '0' }, '--count is a number from 1 to 1000'],
  [['next', 'tidy'], { count: 'two' }, '--count is a number from 1 to 1000'],
])('%j with %j is not understood', async (words, options, problem) => {
  let said = ''
  const terminal = { err: (text: string) => (said += text) } as unknown as Terminal
  expect(await schedulesCommand.run(options, undefined, terminal, words)).toBe(64)
  expect(said).toContain(problem)
})

test('tables have a line for each, and words where there are none', () => {
  const plain = painter(false)
  const at = new Date('2026-03-01T07:00:00Z')
  expect(scheduleTable([], plain)).toBe('This app has no schedules.\n')
  expect(tickTable([], plain)).toBe('It has had no tick yet.\n')
  const info = { name: 'tidy', times: '15m', missed: 'last', state: 'paused', next: null, last: at, job: 'j' } as const
  expect(scheduleTable([info], plain)).toBe(
    'name  times  state   next  last\ntidy  15m    paused  -     2026-03-01 07:00:00\n',
  )
  const tick = {
    id: 'i',
    at,
    noted: new Date(at.getTime() + 1234),
    outcome: 'run',
    missed: 2,
    job: 'j',
    trace: '',
  } as const
  expect(tickTable([tick], plain)).toBe(
    'due                  late   outcome  missed before  job\n2026-03-01 07:00:00  1.2 s  run      2              j\n',
  )
})
