import { programs } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { setRunOptions } from './run-options.ts'

export const workCommand: Command = {
  name: 'work',
  summary: 'Run what follows requests, and serve none: jobs, subscribers, schedules.',
  takesApp: true,
  about: `Runs the app as start does, with NODE_ENV=production, but without listening. It runs jobs whatever MONOBLOC_JOBS says:
let the processes that serve say MONOBLOC_JOBS=off, and only these run them. SIGTERM and SIGINT let jobs that run end, for
MONOBLOC_DRAIN, and hand the rest back at once. With --json: log lines are JSON on a terminal too.`,
  options: {},
  exits: { 130: 'Told to stop twice (SIGINT).', 143: 'Told to stop twice (SIGTERM).' },
  async run(options, file, { folder }) {
    setRunOptions(options)
    process.env.MONOBLOC_JOBS = 'on'
    programs().works = true
    const { app, listens } = await loadApp(file, folder, 'production')
    if (!listens) await app.listen()
    return undefined
  },
}
