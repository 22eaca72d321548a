import { loadConfig } from '../runtime/index.ts'
import { findAppFile } from './app-file.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { setRunOptions } from './run-options.ts'

export const startCommand: Command = {
  name: 'start',
  summary: 'Run the app in production.',
  takesApp: true,
  about: `Runs with NODE_ENV=production: an app with users needs MONOBLOC_SECRET (or says keepSecret: true), tables are created
only in an empty database, log lines are JSON unless standard output is a terminal. SIGTERM and SIGINT finish
what is under way and exit 0; a second signal exits at once. With --json: log lines are JSON on a terminal too.

With --processes the app runs in so many processes behind one port, and this one starts them again when they end. SIGHUP
loads the app anew: a process of the new version for each, one after the other, without a request that fails.`,
  options: {
    port: {
      type: 'string',
      value: 'number',
      help: 'Where to listen, as PORT says it. 0: any free port, which is printed.',
    },
    host: { type: 'string', value: 'address', help: 'As HOST says it. Default: 0.0.0.0.' },
    processes: {
      type: 'string',
      value: 'number',
      help: 'How many processes serve, as MONOBLOC_PROCESSES says it. max: one for each core.',
    },
  },
  exits: { 130: 'Told to stop twice (SIGINT).', 143: 'Told to stop twice (SIGTERM).' },
  async run(options, file, { folder }) {
    setRunOptions(options)
    process.env.NODE_ENV = 'production'
    // The app may say more, and each process then reads all of it.
    const config = loadConfig({ folder, signs: false, dry: true })
    if (config.processes !== undefined) {
      const { superviseApp } = await import('./start-supervisor.ts')
      return superviseApp({ file: findAppFile(file, folder), folder, processes: config.processes, config })
    }
    const { app, listens } = await loadApp(file, folder, 'production')
    if (!listens) await app.listen()
    return undefined
  },
}
