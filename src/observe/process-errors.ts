import { MonoblocError } from '../errors.ts'
import type { Logger } from './log.ts'

/** On a promise: somebody else tells of it where nobody waits for it. No name of text, so that JSON never has it. */
export const toldElsewhere = Symbol('told elsewhere')

export interface ProcessErrorOptions {
  log: Logger
  /** Called once, with the first error: drain, then exit with 1. What comes after is only logged. */
  fail: () => void
}

/**
 * An exception that nothing caught leaves the program in a state that nobody knows, and a rejection that nothing handled
 * is one: it is logged, what is under way is finished, and the process ends with 1 to be started again. A refusal of
 * Monobloc's own that nobody waited for is only logged, and so is a call that its unit of work fails for.
 *
 * @returns stops watching
 */
export function watchProcessErrors({ log, fail }: ProcessErrorOptions): () => void {
  let failed = false
  const onError = (message: string) => (error: unknown) => {
    log.fatal(message, { error })
    if (failed) return
    failed = true
    fail()
  }
  const onException = onError('An exception that nothing caught: finishing what is under way, then exiting')
  const onForeignRejection = onError(
    'A rejected promise that nothing handled: finishing what is under way, then exiting',
  )
  // Our own refusals leave nothing undone. Whoever forgets an `await` would else let every client end the process.
  const onRejection = (error: unknown, promise: Promise<unknown> & { [toldElsewhere]?: unknown }) => {
    if (!(error instanceof MonoblocError) && promise[toldElsewhere] === undefined) onForeignRejection(error)
    else log.error('A call failed and nothing waited for it: write `await` before it', { error })
  }
  process.on('uncaughtException', onException)
  process.on('unhandledRejection', onRejection)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe)
  return () => {
    process.off('uncaughtException', onException)
    process.off('unhandledRejection', onRejection)
    for (const stream of [process.stdout, process.stderr]) stream.off('error', ignoreBrokenPipe)
  }
}

/** The reader of our output went away (`monobloc start | head`): no reason to stop serving, and nobody to tell. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
