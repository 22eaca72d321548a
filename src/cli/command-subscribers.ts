import type { Subscribers } from '../effects/index.ts'
import { exitCodes, painter, programs, withAppEffects } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command, OptionValues, Terminal } from './command.ts'
import { skippedText, subscriberTable } from './subscriber-report.ts'

type Paint = ReturnType<typeof painter>

interface Told {
  json: unknown
  text(paint: Paint): string
}

type Verb = (subscribers: Subscribers, name: string, options: OptionValues) => Promise<Told>

async function one(subscribers: Subscribers, name: string): Promise<Told> {
  const info = await subscribers.get(name)
  return { json: info, text: (paint) => subscriberTable([info], paint) }
}

const verbs: Record<string, Verb> = {
  async list(subscribers) {
    const found = await subscribers.list()
    return { json: found, text: (paint) => subscriberTable(found, paint) }
  },
  async pause(subscribers, name) {
    await subscribers.pause(name)
    return one(subscribers, name)
  },
  async resume(subscribers, name) {
    await subscribers.resume(name)
    return one(subscribers, name)
  },
  async replay(subscribers, name, { from }) {
    await subscribers.replay(name, { from: placeOf(from as string)! })
    return one(subscribers, name)
  },
  async skip(subscribers, name, { event }) {
    const skipped = await subscribers.skip(name, event === undefined ? {} : { event: event as string })
    return { json: skipped, text: () => skippedText(skipped) }
  },
  async skipped(subscribers, name) {
    const found = await subscribers.skipped(name)
    return { json: found, text: () => found.map(skippedText).join('') || 'Nothing was left out.\n' }
  },
}

export const subscribersCommand: Command = {
  name: 'subscribers',
  summary: 'Show how far subscribers have come, pause them, and let them go on elsewhere.',
  operands: [
    {
      name: 'verb',
      help: 'What to do. Without it: list.',
      optional: true,
      choices: {
        list: 'All that follow the log: where each stands, how far it is behind, and what fails.',
        pause: 'Let it stand where it is, until it is resumed.',
        resume: 'Let it go on; what has failed is tried at once.',
        replay: 'Let it begin anew at --from. What it handled since then it handles again.',
        skip: 'Leave out the event that fails, for good. A record of it is kept.',
        skipped: 'What was left out, newest first.',
      },
    },
    { name: 'name', help: 'Of the subscriber; for all but list.', optional: true },
  ],
  takesApp: true,
  about: `Works on the database, whether the app runs or not: a process that runs the subscriber heeds it within a second.
With --json: list [{ name, event, state, position, lag: { positions, milliseconds }, attempts, error, retryAt, pending,
failing, owner }], pause, resume and replay one of these, skip { subscriber, event, position, attempts, error, at }, and
skipped a list of them.`,
  options: {
    from: {
      type: 'string',
      value: 'place',
      only: ['replay'],
      help: 'A position of the log, a time such as 2026-11-23T07:00:00Z, start or newest.',
    },
    event: {
      type: 'string',
      value: 'id',
      only: ['skip'],
      help: 'Which event, where several fail: those of subscribers with a key. Default: the oldest.',
    },
  },
  exits: { 1: 'There is no such subscriber, nothing of it fails, or an error that nothing caught.' },
  async run(options, file, terminal, [verb = 'list', name]) {
    const wrong = problemOf(verb, name, options)
    if (wrong) return refuse(terminal, wrong)
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const { folder, out, colour } = terminal
    const told = await withAppEffects(app, { folder }, ({ subscribers }) => verbs[verb]!(subscribers, name!, options))
    out(options.json ? `${JSON.stringify(told.json, null, 2)}\n` : told.text(painter(colour)))
    return exitCodes.ok
  },
}

function problemOf(verb: string, name: string | undefined, { from }: OptionValues): string | undefined {
  if (verb !== 'list' && name === undefined) return `subscribers ${verb} needs the name of a subscriber`
  if (verb === 'list' && name !== undefined) return `subscribers list does not take ${JSON.stringify(name)}`
  if (verb === 'replay' && placeOf(from as string | undefined) === undefined)
    return 'subscribers replay needs --from: a position, a time in ISO 8601, start or newest'
  return undefined
}

function placeOf(from: string | undefined): number | Date | 'start' | 'newest' | undefined {
  if (from === undefined || from === 'start' || from === 'newest') return from
  if (/^[1-9]\d{0,14}$/.test(from)) return Number(from)
  const time = /^\d{4}-\d\d-\d\d/.test(from) ? new Date(from) : undefined
  return time && Number.isFinite(time.getTime()) ? time : undefined
}

function refuse(terminal: Terminal, problem: string): number {
  terminal.err(`${problem}\nmonobloc subscribers --help says how it is used.\n`)
  return exitCodes.usage
}
