import { existsSync } from 'node:fs'
import path from 'node:path'
import { didYouMean, MonoblocError, type Violation } from '../errors.ts'
import { cleanUrl, type LogLevel, logLevels } from '../observe/index.ts'
import { type DatabaseAddress, placeOf } from '../storage/index.ts'
import { parseDatabaseUrl, parseDirectUrl } from './config-database.ts'
import { type Environment, type Mode, modes, readEnvironment } from './config-environment.ts'
import { resolveSecret, type Secret, sessionSecret } from './config-secret.ts'
import {
  duration,
  hostName,
  oneOf,
  type Parsed,
  type Parser,
  processCount,
  quote,
  size,
  wholeNumber,
} from './config-value.ts'

/** What code may say. The environment, where it says the same, is stronger: operating an app changes no code. */
export interface ConfigOptions {
  /** Default 3000. 0: any free one, which is printed. `listen(port)` says the same, and is stronger. Environment: PORT. */
  port?: number
  /**
   * Default `127.0.0.1` in development, since what runs there speaks freely; `0.0.0.0` in production, where a
   * container's or host's network decides who reaches it and loopback would reach nobody. Environment: HOST.
   */
  host?: string
  /** The data folder. Default `data`, in the working folder. Environment: MONOBLOC_DATA. */
  data?: string
  /**
   * `sqlite:path/to/file.db` or `postgres://user:password@host:port/database`. Default: the file `app.db` in the data
   * folder. Environment: DATABASE_URL.
   */
  database?: string
  /**
   * The same PostgreSQL database without the pooler (`?pgbouncer=true`) that `database` goes through, for what needs a
   * session of its own, such as migrations. Environment: DATABASE_DIRECT_URL.
   */
  directDatabase?: string
  /**
   * Without MONOBLOC_SECRET, make a secret once and keep it in the data folder (`secret`, mode 0600), in production
   * too. For apps that run from one folder on one machine, such as examples: several machines would not share it.
   * Default false: production refuses to start without MONOBLOC_SECRET.
   */
  keepSecret?: boolean
  /** Default `info`. Environment: MONOBLOC_LOG. */
  logLevel?: LogLevel
  /** Default: `pretty` in development and on a terminal, else `json`. Environment: MONOBLOC_LOG_FORMAT. */
  logFormat?: 'json' | 'pretty'
  /** Bytes that a request's body may have. Default 1 MiB. Environment: MONOBLOC_BODY_LIMIT. */
  bodyLimit?: number
  /**
   * Milliseconds that requests under way get to finish when the process is told to stop. Default 8000: `docker stop`
   * kills after 10 seconds, and the rest closes the database and writes the last log lines. Environment: MONOBLOC_DRAIN.
   */
  drain?: number
  /**
   * Whether this process runs jobs. `off`: it only enqueues them, and others run them, such as `monobloc work`. Default `on`.
   * Environment: MONOBLOC_JOBS.
   */
  jobs?: 'on' | 'off'
  /**
   * Bytes of memory for answers and results that are kept (`cache: true`, `cached`), of this process. Default 64 MiB. 0: none
   * are. Environment: MONOBLOC_CACHE.
   */
  cache?: number
}

export interface Config {
  mode: Mode
  port: number
  host: string
  /** Absolute. */
  data: string
  database: DatabaseAddress
  /** The folder of migrations: `migrations` in the working folder. Absolute. */
  migrations: string
  secret: Secret
  logLevel: LogLevel
  logFormat: 'json' | 'pretty'
  bodyLimit: number
  drain: number
  jobs: 'on' | 'off'
  cache: number
  /** How many processes `monobloc start` runs; undefined: one, without a supervisor. */
  processes: number | undefined
  /** Every setting as text, without secrets, and where it was said: for people. */
  told: Told[]
  /** What works and may still not be meant, in sentences. */
  notes: string[]
}

export interface Told {
  name: string
  value: string
  from: string
}

export interface ConfigSources {
  options?: ConfigOptions
  /** Said at the call of `start`: stronger than everything. */
  port?: number
  /** Default: `process.env`. Its NODE_ENV is the mode; default `development`. */
  environment?: NodeJS.ProcessEnv
  /** Where the `.env` files are and relative paths begin. Default: the working folder. */
  folder?: string
  /** Whether the app has users, whose tokens it signs. Default: yes. Without, no secret needs to be given. */
  signs?: boolean
  /** Only look: a secret that would be made and kept is not. */
  dry?: boolean
  /** Whether logs go to a person. Default: standard output is a terminal. */
  terminal?: boolean
}

/**
 * Reads the whole configuration.
 *
 * @throws MonoblocError `configuration_invalid`, with every problem among its violations
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const { options = {}, environment = process.env, folder = process.cwd() } = sources
  const reader = new ConfigReader(environment, folder)
  const { mode } = reader
  const production = mode === 'production'
  const terminal = sources.terminal ?? process.stdout.isTTY === true
  const text: Parser<string> = (value) => ({ value })
  const config = {
    mode,
    port: reader.read('PORT', 'port', options.port, wholeNumber(0, 65_535, 'a port'), 3000, sources.port),
    host: reader.read('HOST', 'host', options.host, hostName, production ? '0.0.0.0' : '127.0.0.1'),
    data: path.resolve(folder, reader.read('MONOBLOC_DATA', 'data', options.data, text, 'data')),
    logLevel: reader.read('MONOBLOC_LOG', 'logLevel', options.logLevel, oneOf(logLevels), 'info'),
    logFormat: reader.read(
      'MONOBLOC_LOG_FORMAT',
      'logFormat',
      options.logFormat,
      oneOf(['json', 'pretty'] as const),
      terminal || mode === 'development' ? 'pretty' : 'json',
    ),
    // Up to 1 GiB: a body is held in memory.
    bodyLimit: reader.read('MONOBLOC_BODY_LIMIT', 'bodyLimit', options.bodyLimit, size(1, 1024 ** 3), 1024 ** 2),
    drain: reader.read('MONOBLOC_DRAIN', 'drain', options.drain, duration(0, 600_000), 8000),
    jobs: reader.read('MONOBLOC_JOBS', 'jobs', options.jobs, oneOf(['on', 'off'] as const), 'on'),
    cache: reader.read('MONOBLOC_CACHE', 'cache', options.cache, size(0, 64 * 1024 ** 3), 64 * 1024 ** 2),
    processes: reader.read('MONOBLOC_PROCESSES', 'processes', undefined, processCount, undefined),
  }
  const file = path.join(config.data, 'app.db')
  const parse: Parser<DatabaseAddress> = (url) => parseDatabaseUrl(url, folder)
  const fallback: DatabaseAddress = { engine: 'sqlite', file }
  const named = reader.read('DATABASE_URL', 'database', options.database, parse, fallback)
  const direct = reader.read('DATABASE_DIRECT_URL', 'directDatabase', options.directDatabase, parseDirectUrl, '')
  const database = named.engine === 'postgres' && direct !== '' ? { ...named, directUrl: direct } : named
  const secret = reader.secret(options.keepSecret ?? false, config.data, sources)
  reader.finish()
  return {
    ...config,
    database,
    migrations: path.resolve(folder, 'migrations'),
    secret: secret!,
    told: reader.told,
    notes: reader.notes,
  }
}

/** Takes settings one by one and keeps what is wrong with them until the end. */
class ConfigReader {
  readonly mode: Mode
  readonly told: Told[] = []
  readonly notes: string[] = []
  readonly #environment: Environment
  readonly #known = new Set<string>()
  readonly #problems: Violation[] = []

  constructor(real: NodeJS.ProcessEnv, folder: string) {
    const mode = real.NODE_ENV || 'development'
    const known = oneOf(modes)(mode)
    if ('problem' in known) this.#problem('NODE_ENV', known.problem)
    this.mode = 'value' in known ? known.value : 'production'
    this.told.push({ name: 'NODE_ENV', value: this.mode, from: real.NODE_ENV ? 'environment' : 'default' })
    this.#environment = readEnvironment(folder, this.mode, real)
    for (const problem of this.#environment.problems) this.#problem('.env', problem)
  }

  read<T>(name: string, option: string, given: unknown, parse: Parser<T>, otherwise: T, argument?: T): T {
    this.#known.add(name)
    const said = argument === undefined ? undefined : { value: String(argument), from: 'start({ port })' }
    const setting = said ?? this.#environment.settings.get(name)
    const value = setting?.value ?? (given === undefined ? undefined : String(given))
    const code = option === 'port' ? 'listen(port) or backend({ port })' : `backend({ ${option} })`
    const from = setting?.from ?? (given === undefined ? 'default' : code)
    const parsed: Parsed<T> = value === undefined ? { value: otherwise } : parse(value)
    if ('problem' in parsed) this.#problem(name, `${parsed.problem} (from ${from})`)
    this.told.push({ name, value: show(value ?? otherwise ?? ''), from })
    return 'value' in parsed ? parsed.value : otherwise
  }

  secret(keepSecret: boolean, data: string, { dry = false, signs = true }: ConfigSources): Secret | undefined {
    const name = 'MONOBLOC_SECRET'
    this.#known.add(name).add(sessionSecret)
    const setting = this.#environment.settings.get(name)
    // With other problems nothing starts, and nothing should be written either.
    const made = !dry || existsSync(path.join(data, 'secret'))
    const keep = keepSecret && made && this.#problems.length === 0
    const mode = (keepSecret && !keep) || !signs ? 'development' : this.mode
    const session = this.#environment.settings.get(sessionSecret)?.value
    const parsed = resolveSecret({ given: setting?.value, keepSecret: keep, session, mode, data })
    if ('problem' in parsed) {
      this.#problem(name, parsed.problem)
      return undefined
    }
    this.told.push({ name, value: '[redacted]', from: setting?.from ?? parsed.value.from })
    return parsed.value
  }

  /** @throws MonoblocError `configuration_invalid` */
  finish(): void {
    // What all of them begin with tells nothing of which one was meant.
    const own = [...this.#known].flatMap((name) => /^MONOBLOC_(.*)/.exec(name)?.[1] ?? [])
    for (const [name, { from }] of this.#environment.settings) {
      if (!name.startsWith('MONOBLOC_') || this.#known.has(name)) continue
      // Only a note: a setting of a later version must not keep an older one from starting when it is rolled back.
      const bare = name.slice('MONOBLOC_'.length)
      const meant = this.#known.has(bare)
        ? `; did you mean ${bare}?`
        : didYouMean(bare, own).replace('mean ', 'mean MONOBLOC_')
      this.notes.push(`${name} (from ${from}) is not a setting${meant}`)
    }
    if (this.#problems.length === 0) return
    const detail = this.#problems.map(({ path: [name], message }) => `${name} ${message}`).join('; ')
    throw new MonoblocError('configuration_invalid', { detail, violations: this.#problems })
  }

  #problem(name: string, message: string): void {
    this.#problems.push({ path: [name], code: 'invalid', message })
  }
}

function show(value: unknown): string {
  return typeof value === 'object' ? placeOf(value as DatabaseAddress) : quote(cleanUrl(String(value))).slice(1, -1)
}
