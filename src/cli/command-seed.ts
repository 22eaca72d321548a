import { appData } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { onlyInDevelopment } from './development-only.ts'

export const seedCommand: Command = {
  name: 'seed',
  summary: 'Fill the database of development.',
  takesApp: true,
  about: `Runs \`seed\` of the app, as the system, on the database as it is; one that is not there is made first. In development
only: NODE_ENV=production is refused. With --json: { changes }.`,
  options: {},
  exits: {},
  async run({ json }, file, { folder, out }) {
    onlyInDevelopment('seed')
    const { app } = await loadApp(file, folder, process.env.NODE_ENV === 'test' ? 'test' : 'development')
    const { applied } = await appData(app, { folder }).seed()
    out(json ? `${JSON.stringify({ changes: applied }, null, 2)}\n` : 'The database is filled.\n')
    return 0
  },
}
