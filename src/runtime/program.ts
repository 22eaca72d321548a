import path from 'node:path'
import { placeOf } from '../storage/index.ts'
import type { AppRun } from './app-run.ts'
import type { Backend, Listening, StartOptions } from './backend-types.ts'
import type { Config } from './config.ts'
import { exportEnvironment, type Mode, modes, readEnvironment } from './config-environment.ts'
import { exitCodeOf } from './exit-code.ts'
import { guardProcess } from './process-signals.ts'
import { banner, startFailure, wantsColour } from './start-report.ts'

// Shared by every copy of this package in the process: the command looks here for apps that listen by themselves.
const programsKey = Symbol.for('monobloc.programs')

export interface Programs {
  /** Set by commands that look at an app without running it: `listen` then starts nothing. */
  inspecting: boolean
  /** Set by commands that say themselves where the app is. */
  quiet: boolean
  apps: Backend[]
}

export function programs(): Programs {
  const shared = globalThis as { [programsKey]?: Programs }
  return (shared[programsKey] ??= { inspecting: false, quiet: false, apps: [] })
}

/** `Backend.listen`: starts as the program that this process is. */
export async function runProgram(
  app: Backend,
  options: StartOptions,
  current: () => AppRun | undefined,
): Promise<Listening> {
  const { inspecting, quiet, apps } = programs()
  apps.push(app)
  if (inspecting) return { url: '', host: '', port: 0, askedFor: 0, stop: async () => {} }
  if (process.env.NODE_ENV === 'test') return app.start(options)
  exportFiles()
  try {
    const listening = await app.start(options)
    const { config, log } = current()!
    guardProcess({ log, stop: () => app.stop(), limit: config.drain + closingTime })
    if (!quiet) announce(app.name, current()!)
    return listening
  } catch (error) {
    process.stderr.write(startFailure(error, wantsColour(process.stderr)))
    process.exit(exitCodeOf(error))
  }
}

// What is left of the ten seconds after which `docker stop` kills, beside the default drain: closing the database takes
// milliseconds, unless a disk hangs, and then nothing is gained by waiting.
const closingTime = 1500

function announce(name: string, { config, log, links, data, address }: AppRun): void {
  const { url, host, port } = address!
  if (config.logLevel === 'silent') return
  const whole = links.map(([label, path]): [string, string] => [label, url + path])
  const database = data && shownDatabase(config)
  if (config.logFormat === 'pretty') {
    const rows: [string, string][] = database === undefined ? whole : [...whole, ['database', database]]
    process.stdout.write(banner(name, address!, config, rows, wantsColour()))
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
