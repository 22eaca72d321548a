import type { Storage } from '../storage/index.ts'
import { ownDeadline } from './consumer-run.ts'
import { ConsumerStore } from './consumer-store.ts'

/** Days that the log waits for who follows it: as long as a deployment is gone over the holidays, and comes back. */
export const followedMillis = 30 * 24 * 60 * 60 * 1000

/**
 * The position behind which consumers still need the log; undefined where none does. One that no process has run for 30
 * days, or that is lost already, is not waited for.
 *
 * @param now milliseconds since 1970
 */
export async function neededAfter(storage: Storage, now: number): Promise<number | undefined> {
  const store = new ConsumerStore(storage.dialect)
  const rows = await storage.read({ deadline: ownDeadline }, (session) => store.list(session))
  const live = rows.filter(({ state, seen }) => state !== 'lost' && seen > now - followedMillis)
  return live.length === 0 ? undefined : Math.min(...live.map(({ position }) => position))
}
