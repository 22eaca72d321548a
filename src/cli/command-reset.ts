import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { appData, exitCodes } from '../runtime/index.ts'
import { type DatabaseAddress, placeOf } from '../storage/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { onlyInDevelopment } from './development-only.ts'

export const resetCommand: Command = {
  name: 'reset',
  summary: 'Begin with an empty database in development, filled by the app’s seed.',
  takesApp: true,
  about: `Deletes the database with everything in it, makes it anew by its migrations and models, and fills it by \`seed\`, if the
app has one. Asks before, or takes --yes. In development only: NODE_ENV=production is refused. While a program has the
file open it is left alone; of a PostgreSQL database go the tables of its schema, if nothing else is in there. Backups
stay. With --json: { file, seeded }.`,
  options: { yes: { type: 'boolean', help: 'Do not ask.' } },
  exits: {},
  async run({ json, yes }, file, { folder, out, err }) {
    onlyInDevelopment('reset')
    const { app } = await loadApp(file, folder, process.env.NODE_ENV === 'test' ? 'test' : 'development')
    const data = appData(app, { folder })
    const shown = shownPlace(data.config.database, folder)
    if (!yes && !(await agrees(`Delete everything in ${shown}?`))) {
      err(`Nothing was deleted. To delete ${shown} and begin anew: monobloc reset --yes\n`)
      return exitCodes.usage
    }
    const { seeded } = await data.reset()
    const filled = seeded ? ' and filled' : ''
    out(json ? `${JSON.stringify({ file: shown, seeded }, null, 2)}\n` : `${shown} is made anew${filled}.\n`)
    return 0
  },
}

/** As short as a person needs it. */
function shownPlace(database: DatabaseAddress, folder: string): string {
  return database.engine === 'sqlite' ? path.relative(folder, database.file) : placeOf(database)
}

/** Only a person can: elsewhere than on a terminal nobody does. */
async function agrees(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question(`${question} Type yes: `)
  lines.close()
  return answer.trim().toLowerCase() === 'yes'
}
