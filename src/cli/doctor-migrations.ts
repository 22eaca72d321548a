import { type AppData, appData, type Backend } from '../runtime/index.ts'
import { databaseExists } from '../storage/index.ts'
import { type Finding, fail, ok, warn } from './doctor-check.ts'

/** Compares the files of migrations with what was applied, and with the models. Nothing where there are none. */
export async function checkMigrations(app: Backend, folder: string): Promise<Finding[]> {
  const { migrator, files, schema, config }: AppData = appData(app, { folder })
  const known = files()
  if (known.length === 0) return []
  if (!databaseExists(config.database)) return [ok('migrations', `${known.length} files, applied at the first start`)]
  const found = await migrator.status(known, schema)
  const inState = (...states: string[]) => found.files.filter(({ state }) => states.includes(state))
  const listed = (entries: typeof found.files) => entries.map(({ name, state }) => `${name} is ${state}`).join('; ')
  const wrong = inState('changed', 'missing', 'late')
  const pending = inState('pending')
  const findings: Finding[] = []
  if (wrong.length > 0) {
    findings.push(
      fail('migrations', listed(wrong), 'Put the files back as they were applied: see monobloc migrate status.'),
    )
  }
  if (pending.length > 0) findings.push(warn('migrations', listed(pending), 'monobloc migrate apply'))
  if (found.drift.length > 0) {
    const remedy = 'Something else changed the tables. monobloc dev does, for what no file has yet.'
    findings.push(warn('migrations', `beside its files the database got: ${found.drift.join('; ')}`, remedy))
  }
  if (found.unplanned.length > 0) {
    const remedy = 'monobloc migrate plan --name what-it-does'
    findings.push(warn('migrations', `no file makes: ${found.unplanned.join('; ')}`, remedy))
  }
  return findings.length > 0
    ? findings
    : [ok('migrations', `${known.length} applied, and the models are what they make`)]
}
