import type { Logger as PinoLogger } from 'pino'
import { cleanFields } from './log-clean.ts'
import { prettyLine } from './log-pretty.ts'

/** From least to most urgent. `silent` writes nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFields = Record<string, unknown>

type Write = (message: string, fields?: LogFields) => void

/**
 * Structured logs. A line is a message and fields; an error goes into the field `error`. Values of secret keys
 * (password, token, authorization, cookie …) are masked at any depth.
 */
export interface Logger {
  readonly level: LogLevel
  /** Whether lines of this level are written: ask before composing an expensive one. */
  enabled(level: LogLevel): boolean
  trace: Write
  debug: Write
  info: Write
  warn: Write
  error: Write
  fatal: Write
  /** A logger whose lines all carry these fields. */
  child(fields: LogFields): Logger
  /** Writes what is buffered, before returning. */
  flush(): void
}

/** Where lines go: whole lines, each with its newline. */
export interface LogDestination {
  write(line: string): unknown
  flushSync?(): void
}

export interface LoggerOptions {
  /** Default `info`. */
  level?: LogLevel
  /** `json`: one object a line, for collectors. `pretty`: for people. Default `json`. */
  format?: 'json' | 'pretty'
  /** Colours of the pretty format. Default false. */
  colour?: boolean
  /** Default: standard output. */
  destination?: LogDestination
}

// A collector that stalls fills the pipe, then this buffer; beyond it lines are dropped rather than memory. 8 MiB is
// some 30,000 lines.
const maximumBuffer = 8 * 1024 * 1024

/** Makes a logger. It loads pino when called, so that programs that never log don't pay for it. */
export async function createLogger(options: LoggerOptions = {}): Promise<Logger> {
  const { pino } = await import('pino')
  const target = options.destination ?? (options.format === 'pretty' ? process.stdout : standardOutput(pino))
  const destination = options.format === 'pretty' ? prettyDestination(target, options.colour ?? false) : target
  const root = pino(
    {
      level: options.level ?? 'info',
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination as LogDestination & { write(line: string): void },
  )
  return wrap(root, () => (destination as LogDestination).flushSync?.())
}

/** Writes nothing. For code that takes a logger and was given none. */
export const silentLogger: Logger = {
  level: 'silent',
  enabled: () => false,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silentLogger,
  flush() {},
}

function wrap(inner: PinoLogger, flush: () => void): Logger {
  const write =
    (level: Exclude<LogLevel, 'silent'>): Write =>
    (message, fields) => {
      if (!inner.isLevelEnabled(level)) return
      inner[level](fields === undefined ? {} : cleanFields(fields), message)
    }
  return {
    level: inner.level as LogLevel,
    enabled: (level) => level !== 'silent' && inner.isLevelEnabled(level),
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child: (fields) => wrap(inner.child(cleanFields(fields)), flush),
    flush,
  }
}

/** Lines are written as they come, without waiting for the disk or the pipe; pino survives a reader that went away. */
function standardOutput(pino: typeof import('pino').pino): LogDestination {
  return pino.destination({ dest: 1, sync: false, maxLength: maximumBuffer })
}

function prettyDestination(target: LogDestination, colour: boolean): LogDestination {
  return { write: (line) => target.write(prettyLine(line, colour)), flushSync: () => target.flushSync?.() }
}
