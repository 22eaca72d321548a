import { type AppData, appData, type Backend, migrationEngine, otherMigrations } from '../runtime/index.ts'
import { databaseExists } from '../storage/index.ts'
import { type Finding, fail, ok, warn } from './doctor-check.ts'

/** Compares the files of migrations with what was applied, and with the models. Nothing where there are none. */
export async function checkMigrations(app: Backend, folder: string): Promise<Finding[]> {
  const { migrator, files, schema, config }: AppData = appData(app, { folder })
  const known = files()
  const behind = otherEngines(config, known)
  if (known.length === 0) return behind
  if (!databaseExists(config.database)) return [ok('migrations', `${known.length} files, applied at the first start`)]
  const found = await migrator.status(known, schema)
  const inState = (...states: string[]) => found.files.filter(({ state }) => states.includes(state))
  const listed = (entries: typeof found.files) => entries.map(({ name, state }) => `${name} is ${state}`).join('; ')
  const wrong = inState('changed', 'missing', 'late')
  const pending = inState('pending')
  const findings: Finding[] = [...behind]
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

/** What one engine's folder has and another's lacks: the same change is a file in each. */
function otherEngines(config: AppData['config'], files: ReturnType<AppData['files']>): Finding[] {
  const own = migrationEngine(config)
  return otherMigrations(config).flatMap(({ engine, files: others }) => {
    const lacking = (from: typeof files, names: typeof files) =>
      names.filter(({ name }) => !from.some((file) => file.name === name)).map(({ name }) => name)
    const [here, there] = [lacking(files, others), lacking(others, files)]
    const words = [
      here.length > 0 && `${own} lacks ${here.join(', ')}`,
      there.length > 0 && `${engine} lacks ${there.join(', ')}`,
    ].filter((one) => one !== false)
    const remedy = 'With DATABASE_URL naming a database of the other engine: monobloc migrate plan --name what-it-does'
    return words.length > 0 ? [warn('migrations', words.join('; '), remedy)] : []
  })
}
