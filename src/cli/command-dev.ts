import path from 'node:path'
import { type Mode, readEnvironment } from '../runtime/index.ts'
import { findAppFile } from './app-file.ts'
import type { Command } from './command.ts'
import { setRunOptions } from './run-options.ts'

export const devCommand: Command = {
  name: 'dev',
  summary: 'Run the app in development and start it again after each change.',
  takesApp: true,
  about: `Watches the folder of the app, the files that it imports from elsewhere, and the .env files of the working folder
(not node_modules, folders whose name starts with a dot, nor the data folder). A crash shows its error and waits
for a change. Changes of the models that can lose nothing are made to the database. Without MONOBLOC_SECRET a
random one lasts as long as this command. With --json: log lines and what it says itself are JSON, one a line.`,
  options: {
    port: {
      type: 'string',
      value: 'number',
      help: 'Where to listen, as PORT says it. 0: any free port, kept over restarts.',
    },
    host: { type: 'string', value: 'address', help: 'As HOST says it. Default: 127.0.0.1.' },
  },
  exits: { 130: 'Told to stop twice (SIGINT).', 143: 'Told to stop twice (SIGTERM).' },
  async run(options, argument, terminal) {
    const file = findAppFile(argument, terminal.folder)
    const mode: Mode = process.env.NODE_ENV === 'test' ? 'test' : 'development'
    const environment: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: mode }
    setRunOptions(options, environment)
    const data = readEnvironment(terminal.folder, mode, environment).settings.get('MONOBLOC_DATA')?.value ?? 'data'
    const { DevSession } = await import('./dev-session.ts')
    return new DevSession({
      file,
      data: path.resolve(terminal.folder, data),
      json: options.json === true,
      terminal,
      environment,
    }).run()
  },
}
