import { MonoblocError } from '../errors.ts'
import { painter, programs } from '../runtime/index.ts'
import { adviseIndexes, databaseExists, placeOf } from '../storage/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { indexReport } from './index-report.ts'

export const indexesCommand: Command = {
  name: 'indexes',
  summary: 'Say which indexes are missing, unused or there twice.',
  takesApp: true,
  about: `Advice from the statements that the app has really run, which it counts by their shape (once a minute they are
written to the database, and when it stops) and from the commit log: indexes that are missing, with the rows that they
would spare; indexes that nothing uses; indexes that another one covers; and what each costs in bytes and in writes a
day. The app may be running. Nothing is written. Tables of at most 2,000 rows are left out, and so is SQL that was
written by hand. With --json: { since, statements, runs, missing, unused, duplicate, scans }.`,
  options: {},
  exits: {},
  async run({ json }, file, { folder, out, colour }) {
    programs().inspecting = true
    const mode = process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const { app } = await loadApp(file, folder, mode)
    const { config, schema } = app.inspect({ folder })
    if (config instanceof Error) throw config
    const { database } = config
    if (!schema) throw new MonoblocError('configuration_invalid', { detail: 'This app has no models.' })
    if (!databaseExists(database)) {
      throw new MonoblocError('configuration_invalid', {
        detail: `There is no database at ${placeOf(database)}: start the app first.`,
      })
    }
    const advice = await adviseIndexes(database, schema)
    out(json ? `${JSON.stringify(advice, null, 2)}\n` : indexReport(advice, painter(colour)))
    return 0
  },
}
