import type { IncomingMessage, ServerResponse } from 'node:http'
import { ScopedDb, type StoredAnswer } from '../commit/index.ts'
import { type EffectTools, effectTools } from '../effects/index.ts'
import { checkOptions, MonoblocError } from '../errors.ts'
import { type Done, type Use, type Used, useInto } from '../http/index.ts'
import { silentLogger } from '../observe/index.ts'
import { type AppRun, createAppRun } from './app-run.ts'
import type {
  Backend,
  BackendOptions,
  CacheReport,
  Listening,
  RunOptions,
  SettledAnswer,
  StartOptions,
  UnsettledClaim,
} from './backend-types.ts'
import { listRoutes } from './compose.ts'
import type { ComposedData } from './compose-data.ts'
import { loadConfig } from './config.ts'
import { idempotencyScope } from './http-host.ts'
import type { Address } from './listening.ts'
import { answerMark, refuse } from './node-handler.ts'
import { runProgram } from './program.ts'
import { allServed } from './served.ts'
import { service } from './service.ts'

/** By which the command recognises a backend, also one of another copy of this package. */
export const backendMark: unique symbol = Symbol.for('monobloc.backend') as never

/**
 * Collects what an app serves.
 *
 *   await backend({ serve: [hello] }).listen(3000)
 *
 * or, to be run by `monobloc dev` and `monobloc start`:
 *
 *   export default backend({ name: 'press', serve: [articles, publish] })
 */
export function backend(options: BackendOptions): Backend {
  return new AppBackend(options)
}

const known = {
  name: true,
  version: true,
  description: true,
  reference: true,
  serve: true,
  mount: true,
  before: true,
  after: true,
  auth: true,
  versions: true,
  static: true,
  cors: true,
  headers: true,
  compress: true,
  errors: true,
  seed: true,
  limits: true,
  blockedAfter: true,
  port: true,
  host: true,
  data: true,
  database: true,
  directDatabase: true,
  keepSecret: true,
  logLevel: true,
  logFormat: true,
  bodyLimit: true,
  drain: true,
  jobs: true,
  cache: true,
} satisfies Record<keyof BackendOptions, true>

// `testing` is in no public type: see compose-data.ts.
function checkBackend(options: BackendOptions): void {
  const { testing: _, ...said } = { testing: undefined, ...options }
  checkOptions('backend()', options && said, known)
  if (!Array.isArray(options.serve)) throw invalid('backend(): serve is a list: backend({ serve: [hello] }).')
}

const allOptions = new WeakMap<Backend, BackendOptions>()

/** What a backend was made with, for tools that run it in other circumstances. */
export function optionsOf(app: Backend): BackendOptions {
  const options = allOptions.get(app)
  if (!options) throw new MonoblocError('app_invalid', { detail: 'This is not what backend() returns.' })
  return options
}

// Of a backend that answers what another server is asked.
const nowhere: Address = { url: '', host: '', port: 0, askedFor: 0 }

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail })
}

/** One transaction as the system. */
export function transactionOf<D, T>(
  { units }: ComposedData,
  work: (db: D, tools: EffectTools) => Promise<T>,
): Promise<T> {
  return units.write({ deadline: transactionDeadline }, 'system', (db) =>
    ScopedDb.whole(db as D, (own) => work(own, effectTools(own))),
  )
}

// As long as a request's: whoever has more to do makes several transactions of it.
const transactionDeadline = 10_000

function storedAnswer({ status, body }: SettledAnswer): StoredAnswer {
  if (body === undefined) return { status, headers: [], body: null }
  return {
    status,
    headers: ['content-type', 'application/json; charset=utf-8'],
    body: Buffer.from(JSON.stringify(body)),
  }
}

class AppBackend implements Backend {
  readonly [backendMark] = true
  readonly name: string
  readonly #options: RunOptions
  readonly #middleware: Used[] = []
  readonly use: Use<Backend>
  /** Set by `start`, unset by `stop`. */
  #started: Promise<void> | undefined
  #stopped = false
  #startOptions: StartOptions = {}
  #run: AppRun | undefined

  // A run is made for each start, so that a backend that was stopped starts from nothing.
  readonly #service = service({
    name: 'backend',
    start: async (signal) => {
      const run = await createAppRun(this.#options, this.#startOptions)
      this.#run = run
      signal.addEventListener('abort', () => void run.stop().catch(() => {}))
      await run.start()
    },
    stop: () => this.#run?.stop(),
  })

  constructor(options: BackendOptions) {
    checkBackend(options)
    this.#options = { ...options, middleware: this.#middleware }
    allOptions.set(this, this.#options)
    const use = useInto<Backend>(this.#middleware)
    this.use = (...given: unknown[]) => {
      if (this.#started) throw invalid('use(path?, middleware): before the backend starts.')
      return use.apply(this, given as never)
    }
    this.name = options.name ?? 'app'
  }

  get log() {
    return this.#run?.log ?? silentLogger
  }

  get subscribers() {
    return this.#data().effects.subscribers
  }

  get jobs() {
    return this.#data().effects.jobs
  }

  get schedules() {
    return this.#data().effects.schedules
  }

  get webhooks() {
    const { webhooks } = this.#data().effects
    if (!webhooks) throw invalid('app.webhooks: this app serves no webhooks.')
    return webhooks
  }

  get address() {
    return this.#run?.address
  }

  listen(port?: number): Promise<Listening> {
    // As strong as the option: what operates the app says PORT.
    if (port !== undefined) this.#options.port = port
    return runProgram(this, {}, () => this.#run)
  }

  async start(options: StartOptions = {}): Promise<Listening> {
    if (!this.#started) {
      this.#stopped = false
      this.#startOptions = options
      this.#started = this.#service.start()
      this.#started.catch(() => (this.#started = undefined))
    }
    await this.#started
    return { ...(this.#run!.address ?? nowhere), stop: () => this.stop() }
  }

  [answerMark](request: IncomingMessage, response: ServerResponse, next?: Done): void {
    if (this.#run?.isReady) this.#run.answer(request, response, next)
    else if (this.#stopped) refuse(new MonoblocError('shutting_down'), response, next)
    else {
      this.start({ listen: false }).then(
        () => this.#run!.answer(request, response, next),
        (error) => refuse(error, response, next),
      )
    }
  }

  stop(): Promise<void> {
    this.#started = undefined
    this.#stopped = true
    return this.#service.stop()
  }

  transaction<D, T>(work: (db: D, tools: EffectTools) => Promise<T>): Promise<T> {
    return transactionOf(this.#data(), work)
  }

  get cache(): CacheReport | undefined {
    const cache = this.#run?.data?.cache
    return cache && { ...cache.counters, entries: cache.size, bytes: cache.bytes, capacity: cache.capacity }
  }

  settle({ key, route, user }: UnsettledClaim, answer: SettledAnswer | null): Promise<void> {
    const { idempotency } = this.#data()
    return idempotency.resolve(idempotencyScope(user, route), key, answer && storedAnswer(answer))
  }

  #data(): ComposedData {
    const data = this.#run?.data
    if (!data) {
      throw new MonoblocError('not_running', { detail: `${this.name} is not running, or has no models.` })
    }
    return data
  }

  inspect({ environment, folder }: StartOptions = {}) {
    const { definition } = allServed(this.#options.serve)
    const { seed } = this.#options
    return { config: this.#configuration(environment, folder), schema: definition?.schema, definition, seed }
  }

  #configuration(environment: NodeJS.ProcessEnv | undefined, folder: string | undefined) {
    try {
      const signs = allServed(this.#options.serve).definition?.user !== undefined
      return loadConfig({ options: this.#options, environment, folder, signs, dry: true })
    } catch (error) {
      if (error instanceof MonoblocError) return error
      throw error
    }
  }

  routes() {
    return listRoutes(this.#options)
  }
}
