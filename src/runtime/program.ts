import path from 'node:path'
import { placeOf } from '../storage/index.ts'
import type { AppRun } from './app-run.ts'
import type { Backend, Listening, StartOptions } from './backend-types.ts'
import type { Config } from './config.ts'
import { exportEnvironment, type Mode, modes, readEnvironment } from './config-environment.ts'
import { exitCodeOf } from './exit-code.ts'
import { guardProcess } from './process-signals.ts'
import { programs } from './program-registry.ts'
import { banner, startFailure, wantsColour } from './start-report.ts'

/** `Backend.listen`: starts as the program that this process is. */
export async function runProgram(
  app: Backend,
  options: StartOptions,
  current: () => AppRun | undefined,
): Promise<Listening> {
  const { inspecting, quiet, apps, supervised, works } = programs()
  apps.push(app)
  if (inspecting) return { url: '', host: '', port: 0, askedFor: 0, stop: async () => {} }
  if (process.env.NODE_ENV === 'test') return app.start(options)
  exportFiles()
  try {
    const listening = await app.start(works ? { ...options, listen: false } : options)
    const { config, log } = current()!
    const limit = () => config.drain + (supervised?.patience ?? 0) + closingTime
    guardProcess({ log, stop: () => app.stop(), limit })
    if (!quiet) announce(app.name, current()!)
    return listening
  } catch (error) {
    // Told to stop before it had started: who told it ends the process.
    if (supervised?.isStopping) throw error
    process.stderr.write(startFailure(error, wantsColour(process.stderr)))
    process.exit(exitCodeOf(error))
  }
}

// What is left of the ten seconds after which `docker stop` kills, beside the default drain: closing the database takes
// milliseconds, unless a disk hangs, and then nothing is gained by waiting.
const closingTime = 1500

function announce(name: string, { config, log, links, data, address }: AppRun): void {
  if (config.logLevel === 'silent') return
  if (!address) {
    log.info(`${name} runs jobs, and listens nowhere (${config.mode})`)
    return
  }
  const { url, host, port } = address
  const whole = links.map(([label, path]): [string, string] => [label, url + path])
  const database = data && shownDatabase(config)
  if (config.logFormat === 'pretty') {
    const rows: [string, string][] = database === undefined ? whole : [...whole, ['database', database]]
    process.stdout.write(banner(name, address, config, rows, wantsColour()))
    return
  }
  const where = [`${name} is ready at ${url}/`, ...whole.map(([label, link]) => `${label} at ${link}`)]
  log.info(`${where.join(' , ')} (${config.mode})`, { host, port, database })
}

/** Without a password, and a file below the working folder from there. */
function shownDatabase({ database }: Config): string {
  const place = placeOf(database)
  const near = path.relative(process.cwd(), place)
  return database.engine === 'sqlite' && !near.startsWith('..') ? near : place
}

/** Code that reads `process.env` sees what the `.env` files say. An unknown mode is a problem that the start reports. */
function exportFiles(): void {
  const mode = (process.env.NODE_ENV || 'development') as Mode
  if (modes.includes(mode)) exportEnvironment(readEnvironment(process.cwd(), mode, process.env))
}
