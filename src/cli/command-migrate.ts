import { appData } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'Change the tables of a database that is in use.',
  operands: [
    {
      name: 'verb',
      help: 'What to do.',
      choices: {
        plan: 'What has to change for the models; with --name it is written into a file.',
        apply: 'Run the files that were not applied, all or none.',
        status: 'Which files were applied, and what differs.',
        history: 'What was applied to this database, and when.',
      },
    },
  ],
  takesApp: true,
  about: `Compares the models with what the files in the folder migrations make (not with the database, which \`monobloc dev\`
may have changed), and writes the difference into the next file: SQL for review. What loses or narrows what rows hold
is refused until the file says \`-- consent: …\`.
apply rehearses on a copy, takes a backup, and then does everything in one transaction, with row counts, references
and integrity checked before it commits. Progress goes to standard error. On PostgreSQL the files stand in
migrations/postgresql, and those that change large tables run in parts, each of which is done or not done.
With --json: plan { file, steps, questions, losses, changed }, apply { applied, backup, mended },
status { files, drift, unplanned }, history [{ number, name, checksum, at, millis }].`,
  options: {
    name: {
      type: 'string',
      value: 'what-it-does',
      only: ['plan'],
      help: 'Write the plan into migrations/0001-what-it-does.sql.',
    },
  },
  exits: { 1: 'status: something is not applied, or differs.' },
  async run(options, file, terminal, [verb]) {
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const data = appData(app, { folder: terminal.folder })
    const verbs = await import('./migrate-verbs.ts')
    const { text, json, code } = await verbs[verb as keyof typeof verbs](data, options, terminal)
    terminal.out(options.json ? `${JSON.stringify(json, null, 2)}\n` : text)
    return code
  },
}
