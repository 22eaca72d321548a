import { type Idempotency, type PurgeOptions, purgeDeleted } from '../commit/index.ts'
import { followedMillis, pruneJobs, pruneReceived } from '../effects/index.ts'
import type { Logger } from '../observe/index.ts'
import { type Service, service } from './service.ts'

export interface UpkeepOptions extends PurgeOptions {
  idempotency: Idempotency
  log: Logger
  /** Milliseconds between two rounds. Default: a minute. */
  every?: number
  /** How much of the commit log is kept. Default: 7 days, and a million entries at most. */
  keep?: { maxAge: number; maxEntries: number }
  /** The position behind which somebody still needs the log; undefined where nobody does. */
  neededAfter?(): Promise<number | undefined>
  /** How much of it is kept for them, at most. Default: 30 days, and 10 million entries. */
  keepNeeded?: { maxAge: number; maxEntries: number }
}

const defaultKeep = { maxAge: 7 * 24 * 60 * 60 * 1000, maxEntries: 1_000_000 }
// Some gigabytes: a disk must not fill up because of one who does not come back.
const defaultKeepNeeded = { maxAge: followedMillis, maxEntries: 10_000_000 }

/**
 * Keeps what grows within its bounds: expired idempotency records and old transactions of the commit log are removed, and
 * rows that were deleted longer ago than their model keeps them.
 * A part of a round that fails is logged, and done in the next one. A stop waits for the part under way, not for the rest.
 */
export function createUpkeep({
  idempotency,
  log,
  every = 60_000,
  keep = defaultKeep,
  neededAfter,
  keepNeeded = defaultKeepNeeded,
  ...data
}: UpkeepOptions): Service {
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> | undefined

  const steps: (() => Promise<unknown>)[] = [
    () => idempotency.prune(),
    () => pruneReceived(data.storage, data.now()),
    () => pruneJobs(data.storage, data.now()),
    async () => {
      const keepAfter = await neededAfter?.()
      await data.storage.prune({ ...keep, keepAfter })
      if (keepAfter !== undefined) await data.storage.prune(keepNeeded)
    },
    async () => {
      const purged = await purgeDeleted(data)
      if (Object.keys(purged).length > 0) log.info('upkeep: deleted rows were purged', { purged })
    },
  ]

  async function tidy(): Promise<void> {
    for (const step of steps)
      if (timer) await step().catch((error) => log.warn('upkeep: a part of this round failed', { err: error }))
  }

  return service({
    name: 'upkeep',
    start() {
      timer = setInterval(() => {
        round ??= tidy().finally(() => (round = undefined))
      }, every)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await round
    },
  })
}
