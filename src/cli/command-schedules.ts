import type { ScheduleInfo, Schedules, TickInfo } from '../effects/index.ts'
import { exitCodes, painter, programs, withAppEffects } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command, Terminal } from './command.ts'
import { scheduleTable, tickTable, timeText } from './schedule-report.ts'

type Paint = ReturnType<typeof painter>

interface Told {
  json: unknown
  text(paint: Paint): string
}

type Verb = (schedules: Schedules, name: string, count: number | undefined) => Promise<Told>

const one = (info: ScheduleInfo): Told => ({ json: info, text: (paint) => scheduleTable([info], paint) })
const ticks = (found: TickInfo[]): Told => ({ json: found, text: (paint) => tickTable(found, paint) })

const verbs: Record<string, Verb> = {
  async list(schedules) {
    const found = await schedules.list()
    return { json: found, text: (paint) => scheduleTable(found, paint) }
  },
  async next(schedules, name, count) {
    const found = await schedules.next(name, count)
    return { json: found, text: () => found.map((at) => `${timeText(at)}\n`).join('') }
  },
  history: async (schedules, name, count) => ticks(await schedules.history(name, count)),
  pause: async (schedules, name) => one(await schedules.pause(name)),
  resume: async (schedules, name) => one(await schedules.resume(name)),
  run: async (schedules, name) => ticks([await schedules.runNow(name)]),
}

export const schedulesCommand: Command = {
  name: 'schedules',
  summary: 'Show, pause, resume and run what the app does at times.',
  operands: [
    {
      name: 'verb',
      help: 'What to do. Without it: list.',
      optional: true,
      choices: {
        list: 'All schedules: when each runs next, and when it last did.',
        next: 'The times at which one will run.',
        history: 'Its newest ticks, what became of each, and the job that it let run.',
        pause: 'Let its ticks pass, until it is resumed.',
        resume: 'From its next tick on.',
        run: 'Run it now, paused or not. Its ticks stay as they are.',
      },
    },
    { name: 'name', help: 'Of the schedule; for all but list.', optional: true },
  ],
  takesApp: true,
  about: `Works on the database, whether the app runs or not. What is run is run by the processes of the app: as long as there
is none, its job waits. Times are in UTC. With --json: list [{ name, times, missed, state, next, last, job }], next [time],
history and run [{ id, at, noted, outcome, missed, job, trace }], pause and resume { name, … }.`,
  options: {
    count: {
      type: 'string',
      value: 'number',
      only: ['next', 'history'],
      help: 'How many, from 1 to 1000. Default: 10 and 20.',
    },
  },
  exits: { 1: 'There is no such schedule, or an error that nothing caught.' },
  async run({ json, count }, file, terminal, [verb = 'list', name]) {
    const wrong = problemOf(verb, name, count as string | undefined)
    if (wrong) return refuse(terminal, wrong)
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const { folder, out, colour } = terminal
    const told = await withAppEffects(app, { folder }, ({ schedules }) =>
      verbs[verb]!(schedules, name!, count === undefined ? undefined : Number(count)),
    )
    out(json ? `${JSON.stringify(told.json, null, 2)}\n` : told.text(painter(colour)))
    return exitCodes.ok
  },
}

function problemOf(verb: string, name: string | undefined, count: string | undefined): string | undefined {
  if (verb !== 'list' && name === undefined) return `schedules ${verb} needs the name of a schedule`
  if (verb === 'list' && name !== undefined) return `schedules list does not take ${JSON.stringify(name)}`
  const number = Number(count ?? 1)
  if (!Number.isInteger(number) || number < 1 || number > 1000) return '--count is a number from 1 to 1000'
  return undefined
}

function refuse(terminal: Terminal, problem: string): number {
  terminal.err(`${problem}\nmonobloc schedules --help says how it is used.\n`)
  return exitCodes.usage
}
