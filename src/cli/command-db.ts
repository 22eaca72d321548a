import { MonoblocError } from '../errors.ts'
import { exitCodes, programs } from '../runtime/index.ts'
import { databaseExists, placeOf } from '../storage/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'

export const dbCommand: Command = {
  name: 'db',
  summary: 'Ask the database in SQL.',
  operands: [
    { name: 'sql', help: 'One statement. Without it: a prompt, or the statements of standard input.', optional: true },
  ],
  takesApp: true,
  about: `Reads the database of the app, also while it runs, and writes to it with --write: each statement is a transaction of
its own, in the commit log as any other, without policies. Tables are not changed here: see monobloc migrate.
In the prompt a statement ends with a semicolon; .tables, .schema [table] and .help say more, .exit ends it.
With --json: the rows, an array of objects; of a write without RETURNING { changes }.`,
  options: {
    write: { type: 'boolean', help: 'Let statements write.' },
  },
  exits: { 1: 'A statement failed.', 130: 'Interrupted while a statement ran.' },
  async run({ json, write }, file, terminal, [sql]) {
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, terminal.folder, mode)
    const { config, schema } = app.inspect({ folder: terminal.folder })
    if (config instanceof Error) throw config
    if (!schema) throw new MonoblocError('app_invalid', { detail: `${app.name} has no models, and so no database.` })
    const { database } = config
    if (!databaseExists(database)) {
      const place = placeOf(database)
      throw new MonoblocError('configuration_invalid', { detail: `${place} is not there: monobloc dev makes it.` })
    }
    const { DbShell } = await import('./db-shell.ts')
    const shell = new DbShell({ database, write: write === true, json: json === true, terminal })
    await shell.open()
    try {
      if (sql === undefined) return (await shell.prompt(process.stdin)) ? exitCodes.ok : exitCodes.failure
      return (await shell.answer(sql)) ? exitCodes.ok : exitCodes.failure
    } finally {
      await shell.close()
    }
  },
}
