import { type Idempotency, type PurgeOptions, purgeDeleted } from '../commit/index.ts'
import type { Logger } from '../observe/index.ts'
import { type Service, service } from './service.ts'

export interface UpkeepOptions extends PurgeOptions {
  idempotency: Idempotency
  log: Logger
  /** Milliseconds between two rounds. Default: a minute. */
  every?: number
  /** How much of the commit log is kept. Default: 7 days, and a million entries at most. */
  keep?: { maxAge: number; maxEntries: number }
}

const defaultKeep = { maxAge: 7 * 24 * 60 * 60 * 1000, maxEntries: 1_000_000 }

/**
 * Keeps what grows within its bounds: expired idempotency records and old transactions of the commit log are removed, and
 * rows that were deleted longer ago than their model keeps them.
 * A round that fails is logged, and the next one does its work too.
 */
export function createUpkeep({
  idempotency,
  log,
  every = 60_000,
  keep = defaultKeep,
  ...data
}: UpkeepOptions): Service {
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> = Promise.resolve()

  async function tidy(): Promise<void> {
    try {
      await idempotency.prune()
      await data.storage.prune(keep)
      const purged = await purgeDeleted(data)
      if (Object.keys(purged).length > 0) log.info('upkeep: deleted rows were purged', { purged })
    } catch (error) {
      log.warn('upkeep: this round failed', { err: error })
    }
  }

  return service({
    name: 'upkeep',
    start() {
      timer = setInterval(() => {
        round = round.then(tidy)
      }, every)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await round
    },
  })
}
