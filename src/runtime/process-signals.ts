// How a process that serves ends.
//
// running → draining (SIGTERM, SIGINT, or an error that nothing caught) → exit
// A second signal while draining exits at once with 130 (SIGINT) or 143 (SIGTERM), as a shell reports a killed process.
import { constants } from 'node:os'
import { type Logger, watchProcessErrors } from '../observe/index.ts'
import { exitCodes } from './exit-code.ts'

export interface ProcessGuardOptions {
  log: Logger
  /** Finishes what is under way. When it rejects, the process exits with 1. */
  stop: () => Promise<void>
  /** Milliseconds after which a stop that hangs ends in an exit with 1. */
  limit: number | (() => number)
  /** Default `process.exit`. */
  exit?: (code: number) => void
}

// npm and some supervisors pass on a signal that the terminal has sent to the whole process group already. Two within
// this time are one wish; nobody presses a key twice that fast.
const sameWish = 100

/** Ties a running app to its process: signals and process-level errors stop it. @returns unties it */
export function guardProcess({
  log,
  stop,
  limit,
  exit = (code) => process.exit(code),
}: ProcessGuardOptions): () => void {
  let draining: number | undefined
  let code: number = exitCodes.ok

  async function drain(): Promise<void> {
    draining = performance.now()
    const most = typeof limit === 'number' ? limit : limit()
    const late = setTimeout(() => {
      log.fatal(`not stopped within ${most} ms: exiting as it is`)
      log.flush()
      exit(exitCodes.failure)
    }, most)
    try {
      await stop()
      log.info('stopped')
    } catch (error) {
      log.fatal('could not stop in order', { error })
      code = exitCodes.failure
    }
    clearTimeout(late)
    log.flush()
    exit(code)
  }

  const fail = () => {
    code = exitCodes.failure
    if (draining === undefined) void drain()
  }

  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    if (draining === undefined) {
      log.info(`${signal}: finishing what is under way; a second signal stops at once`)
      void drain()
    } else if (performance.now() - draining > sameWish) {
      log.warn(`${signal} again: stopping at once`)
      log.flush()
      exit(128 + constants.signals[signal])
    }
  }

  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const unwatch = watchProcessErrors({ log, fail })
  return () => {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    unwatch()
  }
}
