import type { JobInfo, JobQuery, JobState, Jobs } from '../effects/index.ts'
import { exitCodes, painter, programs, withAppEffects } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command, OptionValues, Terminal } from './command.ts'
import { jobCountsTable, jobTable, jobText } from './job-report.ts'

type Paint = ReturnType<typeof painter>

interface Told {
  json: unknown
  text(paint: Paint): string
}

type Verb = (jobs: Jobs, operand: string, options: OptionValues) => Promise<Told>

const one = (job: JobInfo): Told => ({ json: job, text: (paint) => jobText(job, paint) })
const line = (json: unknown, text: string): Told => ({ json, text: () => `${text}\n` })

const verbs: Record<string, Verb> = {
  async list(jobs, _, options) {
    const found = await jobs.list(queryOf(options))
    return { json: found, text: (paint) => jobTable(found, paint) }
  },
  async counts(jobs) {
    const found = await jobs.counts()
    return { json: found, text: (paint) => jobCountsTable(found, paint) }
  },
  show: async (jobs, id) => one(await jobs.get(id)),
  cancel: async (jobs, id) => one(await jobs.cancel(id)),
  async retry(jobs, operand, { all }) {
    if (!all) return one(await jobs.retry(operand))
    const count = await jobs.retryAll(operand)
    return line({ name: operand, retried: count }, `${count} ${count === 1 ? 'job runs' : 'jobs run'} again.`)
  },
  async pause(jobs, name) {
    await jobs.pause(name)
    return line({ name, paused: true }, `${name} is paused in all processes. What runs comes to its end.`)
  },
  async resume(jobs, name) {
    await jobs.resume(name)
    return line({ name, paused: false }, `${name} runs again.`)
  },
}

const withoutOperand = new Set(['list', 'counts'])

export const jobsCommand: Command = {
  name: 'jobs',
  summary: 'Show jobs, cancel and retry them, pause and resume those of a name.',
  operands: [
    {
      name: 'verb',
      help: 'What to do. Without it: list.',
      optional: true,
      choices: {
        list: 'The newest jobs; --state failed: the dead letters.',
        show: 'One job: its input, progress, result and error.',
        cancel: 'Keep one from running, or tell it to stop.',
        retry: 'Let one that failed or was cancelled run again; --all: every failed one of a name.',
        pause: 'Jobs of a name wait, in all processes.',
        resume: 'They run again.',
        counts: 'How many there are of each name, by their state.',
      },
    },
    { name: 'job', help: 'An id; for pause, resume and retry --all a name.', optional: true },
  ],
  takesApp: true,
  about: `Works on the database, whether the app runs or not: processes heed it within a second. With --json: list [job],
show, cancel and retry a job { id, name, state, priority, input, attempt, attempts, createdAt, dueAt, startedAt, endedAt,
progress, result, error, worker, cause, trace }, counts [{ name, pausedAt, counts }], retry --all { name, retried }, pause
and resume { name, paused }.`,
  options: {
    name: { type: 'string', value: 'name', only: ['list'], help: 'Only jobs of this name.' },
    state: {
      type: 'string',
      value: 'state',
      only: ['list'],
      help: 'waiting, delayed, queued, running, cancelling, awaiting, done, failed or cancelled.',
    },
    limit: { type: 'string', value: 'number', only: ['list'], help: 'How many, from 1 to 1000. Default: 20.' },
    before: { type: 'string', value: 'id', only: ['list'], help: 'Only those older than this job: the next page.' },
    all: { type: 'boolean', only: ['retry'], help: 'Every one of the name that has failed.' },
  },
  exits: { 1: 'There is no such job or name, its state does not allow it, or an error that nothing caught.' },
  async run(options, file, terminal, [verb = 'list', operand]) {
    const wrong = problemOf(verb, operand, options)
    if (wrong) return refuse(terminal, wrong)
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const { folder, out, colour } = terminal
    const told = await withAppEffects(app, { folder }, ({ jobs }) => verbs[verb]!(jobs, operand!, options))
    out(options.json ? `${JSON.stringify(told.json, null, 2)}\n` : told.text(painter(colour)))
    return exitCodes.ok
  },
}

function queryOf({ name, state, limit, before }: OptionValues): JobQuery {
  const query: JobQuery = { name: name as string, state: state as JobState, before: before as string }
  return limit === undefined ? query : { ...query, limit: Number(limit) }
}

function problemOf(verb: string, operand: string | undefined, options: OptionValues): string | undefined {
  if (withoutOperand.has(verb))
    return operand === undefined ? undefined : `jobs ${verb} does not take ${JSON.stringify(operand)}`
  if (operand !== undefined) return undefined
  const needsName = verb === 'pause' || verb === 'resume' || options.all
  return `jobs ${verb} needs the ${needsName ? 'name of a job' : 'id of a job'}`
}

function refuse(terminal: Terminal, problem: string): number {
  terminal.err(`${problem}\nmonobloc jobs --help says how it is used.\n`)
  return exitCodes.usage
}
