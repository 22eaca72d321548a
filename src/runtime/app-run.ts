// One run of a backend, from configuration to the last log line.
//
// Start: configuration → log → composition → database open, schema check, seed → listen → ready.
// Stop, in reverse: not ready → connections drained → HTTP closed → database closed → log flushed.
// A crash leaves nothing that the next start must mend: the database recovers its own log, and nothing else is on disk.
import { createLogger, Diagnostics, Health, type Logger, LoopMonitor, logDiagnostics } from '../observe/index.ts'
import type { BackendOptions, StartOptions } from './backend-types.ts'
import { compose } from './compose.ts'
import type { ComposedData } from './compose-data.ts'
import { type Config, loadConfig } from './config.ts'
import { ConnectionDrain } from './connection-drain.ts'
import { type Address, listenOn } from './listening.ts'
import { definitionOf, flatServed } from './served.ts'
import { type Service, service, services } from './service.ts'
import { wantsColour } from './start-report.ts'

export interface AppRun extends Service {
  readonly config: Config
  readonly log: Logger
  readonly health: Health
  /** What to show beside the address: label and path. */
  readonly links: [string, string][]
  /** Absent in an app without models. */
  readonly data: ComposedData | undefined
  /** Once it has started. */
  address: Address | undefined
}

/** What every part of a run is made with. */
export interface RunContext {
  options: BackendOptions
  config: Config
  log: Logger
  diagnostics: Diagnostics
  health: Health
  monitor: LoopMonitor
}

// A request that was sent before its sender could know arrives within a round trip; a second is one around the world
// several times. On a developer's machine the sender is on the same one.
const idleGrace = { production: 1000, development: 50, test: 0 }

const ephemeralSecret = 'MONOBLOC_SECRET is not set: tokens are signed with a random one and end with this run'

/** @throws MonoblocError `configuration_invalid`, `definition_invalid` */
export async function createAppRun(options: BackendOptions, start: StartOptions): Promise<AppRun> {
  const { environment, folder, port } = start
  const config = loadConfig({ options, environment, folder, port, signs: hasUsers(options) })
  const log = await createLogger({
    level: config.logLevel,
    format: config.logFormat,
    colour: wantsColour(),
    destination: start.logTo,
  })
  const diagnostics = new Diagnostics()
  logDiagnostics(diagnostics, log)
  for (const note of config.notes) log.warn(note)
  const health = new Health()
  const monitor = new LoopMonitor(diagnostics, { thresholdMs: options.blockedAfter })
  const composed = await compose({ options, config, log, diagnostics, health, monitor })
  if (composed.data && config.secret.from === 'random' && config.mode === 'development') log.info(ephemeralSecret)
  const drain = new ConnectionDrain(composed.server)

  const http = service({
    name: 'http',
    async start() {
      run.address = await listenOn(composed.server, config.port, config.host)
      health.phase = 'ready'
    },
    async stop() {
      health.phase = 'stopping'
      run.address = undefined
      const { cut } = await drain.drain({
        deadline: config.drain,
        idleGrace: Math.min(idleGrace[config.mode], config.drain),
      })
      if (cut > 0)
        log.warn(
          `${cut} connections were cut: their requests took longer than the ${config.drain} ms of MONOBLOC_DRAIN`,
        )
      await composed.close()
    },
  })
  const loop = service({ name: 'loop monitor', start: () => monitor.start(), stop: () => monitor.stop() })
  const whole = services(options.name ?? 'app', [...composed.services, loop, http])
  const run: AppRun = {
    config,
    log,
    health,
    links: composed.links,
    data: composed.data,
    address: undefined,
    start: () => whole.start(),
    stop: () => whole.stop().finally(() => log.flush()),
  }
  return run
}

function hasUsers({ serve }: BackendOptions): boolean {
  return definitionOf(flatServed(serve))?.user !== undefined
}
