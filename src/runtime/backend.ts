import type { StoredAnswer } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { silentLogger } from '../observe/index.ts'
import { type AppRun, createAppRun } from './app-run.ts'
import type {
  Backend,
  BackendOptions,
  Listening,
  SettledAnswer,
  StartOptions,
  UnsettledClaim,
} from './backend-types.ts'
import { listRoutes } from './compose.ts'
import type { ComposedData } from './compose-data.ts'
import { loadConfig } from './config.ts'
import { idempotencyScope } from './http-host.ts'
import { runProgram } from './program.ts'
import { definitionOf, flatServed } from './served.ts'
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
  readonly #options: BackendOptions
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
    this.#options = options
    this.name = options.name ?? 'app'
  }

  get log() {
    return this.#run?.log ?? silentLogger
  }

  get address() {
    return this.#run?.address
  }

  listen(port?: number): Promise<Listening> {
    return runProgram(this, port === undefined ? {} : { port }, () => this.#run)
  }

  async start(options: StartOptions = {}): Promise<Listening> {
    this.#startOptions = options
    await this.#service.start()
    return { ...this.#run!.address!, stop: () => this.stop() }
  }

  stop(): Promise<void> {
    return this.#service.stop()
  }

  transaction<D, T>(work: (db: D) => Promise<T>): Promise<T> {
    const { units } = this.#data()
    return units.write({ deadline: transactionDeadline }, 'system', (db) => work(db as D))
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
    return {
      config: this.#configuration(environment, folder),
      schema: definitionOf(flatServed(this.#options.serve))?.schema,
    }
  }

  #configuration(environment: NodeJS.ProcessEnv | undefined, folder: string | undefined) {
    try {
      const signs = definitionOf(flatServed(this.#options.serve))?.user !== undefined
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
