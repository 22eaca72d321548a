import { why } from '../effects/index.ts'
import { exitCodes, painter, programs, withAppEffects } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { whyReport } from './why-report.ts'

export const whyCommand: Command = {
  name: 'why',
  summary: 'Say what led to a commit or a job, and what followed.',
  operands: [
    {
      name: 'id',
      help: `An X-Request-Id of an answer, a position in the commit log, the id of a job or of a tick, or a trace id, which is
also what stands in the middle of a traceparent.`,
    },
  ],
  takesApp: true,
  about: `Prints a tree: the request or the tick with which it began, the commits that it made and how many rows of which models
they changed, the events in them, what subscribers and jobs have done about those, how often they were tried and with what
they failed, the deliveries to webhooks, and the next commits. It reads the log and the tables of jobs, schedules,
subscribers and webhooks as they are, whether the app runs or not, from end to end: some tenths of a second for a million
commits. What has been pruned from them is not known any more. Times are in UTC.
With --json: { found, traces, truncated, nodes: [{ kind, id, name, at, ended, outcome, attempts, error, actor, rows,
children }] }.`,
  options: {},
  exits: { 1: 'Nothing is known of it, or an error that nothing caught.' },
  async run({ json }, file, { folder, out, colour }, [id]) {
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, folder, mode)
    const found = await withAppEffects(app, { folder }, (open) => why(open, id!))
    out(json ? `${JSON.stringify(found, null, 2)}\n` : whyReport(found, painter(colour)))
    return exitCodes.ok
  },
}
