import { errorTable, type MonoblocError } from '../errors.ts'
import { type Backend, painter, programs } from '../runtime/index.ts'
import { loadApp } from './app-load.ts'
import type { Command } from './command.ts'
import { carefully, type Finding, fail, ok, type Patient } from './doctor-check.ts'

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Check that the app can run here.',
  takesApp: true,
  about: `Checks the version of Node.js, the app, its configuration, the clock, the data folder, the disk, the port, and the
database: a file's integrity_check and foreign_key_check, a server's version, settings, clock and connections, its tables
against the models, and the files of migrations against both. Nothing is listened on, and nothing is written but what opening the database writes. With --json: an array of
{ check, status: "ok" | "warn" | "fail", found, remedy }.`,
  options: {
    production: { type: 'boolean', help: 'Check as `monobloc start` would run it. Default: as `monobloc dev` does.' },
  },
  exits: { 1: 'A check has failed.' },
  async run({ production, json }, file, { folder, out, colour }) {
    programs().inspecting = true
    const mode = production || process.env.NODE_ENV === 'production' ? 'production' : 'development'
    const findings = await examine(() => loadApp(file, folder, mode), folder)
    out(json ? `${JSON.stringify(findings, null, 2)}\n` : report(findings, colour))
    return findings.some(({ status }) => status === 'fail') ? 1 : 0
  },
}

async function examine(load: () => Promise<{ app: Backend; file: string }>, folder: string): Promise<Finding[]> {
  const machine = await import('./doctor-machine.ts')
  const findings = await carefully('node', () => machine.checkNode())
  let app: Backend | undefined
  findings.push(
    ...(await carefully('app', async () => {
      const loaded = await load()
      const routes = loaded.app.routes()
      app = loaded.app
      return [ok('app', `${loaded.file} serves ${routes.length} routes`)]
    })),
  )
  if (!app) return findings
  const loadedApp = app
  const { config, schema } = loadedApp.inspect({ folder })
  if (config instanceof Error) return [...findings, ...configProblems(config)]
  const said = config.told.filter(({ name, from }) => name !== 'NODE_ENV' && from !== 'default' && from !== 'random')
  const told = said.map(({ name, from }) => `${name} (${from})`)
  findings.push(ok('configuration', `${config.mode}; ${told.length > 0 ? `set: ${told.join(', ')}` : 'all defaults'}`))
  const patient: Patient = { config, schema }
  findings.push(
    ...(await carefully('clock', () => machine.checkClock(patient))),
    ...(await carefully('port', () => machine.checkPort(patient))),
  )
  if (!schema) return findings
  const database = await import('./doctor-database.ts')
  findings.push(
    ...(await carefully('data', () => machine.checkDataFolder(patient))),
    ...(await carefully('disk', () => machine.checkDisk(patient))),
    ...(await carefully('database', () => database.checkDatabase(patient))),
    ...(await carefully('models', () => database.checkModels(patient))),
    ...(await carefully('migrations', async () => {
      const { checkMigrations } = await import('./doctor-migrations.ts')
      return checkMigrations(loadedApp, folder)
    })),
  )
  return findings
}

function configProblems({ violations }: MonoblocError): Finding[] {
  const { remedy } = errorTable.configuration_invalid
  return violations.map(({ path: [name], message }) => fail('configuration', `${name}: ${message}`, remedy))
}

function report(findings: readonly Finding[], colour: boolean): string {
  const paint = painter(colour)
  const styles = { ok: 'green', warn: 'yellow', fail: 'red' } as const
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, status, found, remedy }) => [
    `${paint(styles[status], status.padEnd(4))}  ${check.padEnd(width)}  ${found}`,
    ...(remedy ? [`${' '.repeat(width + 8)}${paint('dim', remedy)}`] : []),
  ])
  return `${lines.join('\n')}\n`
}
