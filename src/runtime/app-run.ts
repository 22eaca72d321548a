// One run of a backend, from configuration to the last log line.
//
// Start: configuration → log → composition → port free? → database open, schema check, seed → listen → ready.
// Stop, in reverse: not ready → connections drained → HTTP closed → database closed → log flushed.
// A crash leaves nothing that the next start must mend: the database recovers its own log, and nothing else is on disk.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Done } from '../http/index.ts'
import { createLogger, Diagnostics, Health, type Logger, LoopMonitor, logDiagnostics } from '../observe/index.ts'
import type { BackendOptions, RunOptions, StartOptions } from './backend-types.ts'
import { compose } from './compose.ts'
import type { ComposedData } from './compose-data.ts'
import { type Config, loadConfig } from './config.ts'
import { ConnectionDrain, type DrainResult } from './connection-drain.ts'
import { EmbeddedRequests } from './embedded-requests.ts'
import { type Address, checkPort, listenOn } from './listening.ts'
import { programs } from './program-registry.ts'
import { allServed } from './served.ts'
import { type Service, service, services } from './service.ts'
import { wantsColour } from './start-report.ts'
import type { SupervisedProcess } from './supervised-process.ts'

export interface AppRun extends Service {
  readonly config: Config
  readonly log: Logger
  readonly health: Health
  /** What to show beside the address: label and path. */
  readonly links: [string, string][]
  /** Absent in an app without models. */
  readonly data: ComposedData | undefined
  /** Once it has started, where it listens. */
  address: Address | undefined
  /** It has started, and does not stop. */
  readonly isReady: boolean
  /** Answers a request of another server. */
  answer(request: IncomingMessage, response: ServerResponse, next?: Done): void
  /** Lets the process end while this runs, when nothing else keeps it. */
  unref(): void
}

/** What every part of a run is made with. */
export interface RunContext {
  options: RunOptions
  /** Whether it listens, or answers another server's requests only. */
  listen: boolean
  config: Config
  log: Logger
  diagnostics: Diagnostics
  health: Health
  monitor: LoopMonitor
  now: () => number
}

// A request that was sent before its sender could know arrives within a round trip; a second is one around the world
// several times. On a developer's machine the sender is on the same one.
const idleGrace = { production: 1000, development: 50, test: 0 }

const ephemeralSecret = 'MONOBLOC_SECRET is not set: tokens are signed with a random one and end with this run'

/** @throws MonoblocError `configuration_invalid`, `definition_invalid` */
export async function createAppRun(options: RunOptions, start: StartOptions): Promise<AppRun> {
  const { environment, folder, listen = true, now = Date.now } = start
  const config = loadConfig({ options, environment, folder, port: start.port, signs: hasUsers(options) })
  const { supervised } = programs()
  const ownLog = await createLogger({
    level: config.logLevel,
    format: config.logFormat,
    colour: wantsColour(),
    destination: start.logTo,
  })
  const log = supervised ? ownLog.child({ process: supervised.number }) : ownLog
  const diagnostics = new Diagnostics()
  logDiagnostics(diagnostics, log)
  for (const note of config.notes) log.warn(note)
  const health = new Health()
  const monitor = new LoopMonitor(diagnostics, { thresholdMs: options.blockedAfter })
  const composed = await compose({ options, listen, config, log, diagnostics, health, monitor, now })
  if (composed.data && config.secret.from === 'random' && config.mode === 'development') log.info(ephemeralSecret)
  const drain = new ConnectionDrain(composed.server)
  if (supervised) supervised.drain = config.drain
  const embedded = new EmbeddedRequests()

  const http = service({
    name: 'http',
    async start() {
      if (listen) {
        const { server } = composed
        run.address = await (supervised
          ? supervised.listen(server, config.port, config.host)
          : listenOn(server, config.port, config.host))
      }
      health.phase = 'ready'
    },
    async stop() {
      health.phase = 'stopping'
      run.address = undefined
      await supervised?.leave()
      composed.endStreams()
      const [own, others] = await Promise.all([
        listen ? drained(drain, config, supervised) : { cut: 0 },
        embedded.drain(config.drain),
      ])
      const cut = own.cut + others
      if (cut > 0)
        log.warn(
          `${cut} connections were cut: their requests took longer than the ${config.drain} ms of MONOBLOC_DRAIN`,
        )
      await composed.close()
    },
  })
  // Said before the database is opened and, maybe, filled for minutes.
  const port = service({
    name: 'port',
    start: () => listen && composed.data && supervised?.first !== false && checkPort(config.port, config.host),
    stop() {},
  })
  const loop = service({ name: 'loop monitor', start: () => monitor.start(), stop: () => monitor.stop() })
  const whole = services(options.name ?? 'app', [port, ...composed.services, loop, http])
  const run: AppRun = {
    config,
    log,
    health,
    links: composed.links,
    data: composed.data,
    address: undefined,
    get isReady() {
      return health.phase === 'ready'
    },
    answer(request, response, next) {
      embedded.add(response)
      composed.answer(request, response, next ?? null)
    },
    start: () => whole.start(),
    stop: () => whole.stop().finally(() => log.flush()),
    unref: () => void composed.server.unref().on('connection', (socket) => socket.unref()),
  }
  return run
}

/** With a supervisor's patience, for as long as it has some. */
function drained(
  drain: ConnectionDrain,
  config: Config,
  supervised: SupervisedProcess | undefined,
): Promise<DrainResult> {
  const usual = { deadline: config.drain, idleGrace: Math.min(idleGrace[config.mode], config.drain) }
  void supervised?.hurried.promise.then(() => drain.drain(usual))
  const patience = supervised?.patience
  return drain.drain(patience === undefined ? usual : { deadline: config.drain + patience, idleGrace: patience })
}

function hasUsers({ serve }: BackendOptions): boolean {
  return allServed(serve).definition?.user !== undefined
}
