import { MonoblocError } from '../errors.ts'
import type { Storage } from '../storage/index.ts'

/**
 * The position behind which everything is that the log still holds.
 *
 * @param newest where the log ends
 */
export function oldestKept(storage: Storage, newest: number): Promise<number> {
  return lastWhere(newest, async (position) => (await firstAfter(storage, position)) === 'pruned')
}

/** The position behind which everything is that was committed at a time or later, as far as the log still holds it. */
export async function positionBefore(storage: Storage, time: number): Promise<number> {
  return lastWhere(await storage.position(), async (position) => {
    const next = await firstAfter(storage, position)
    return next === 'pruned' || (next !== undefined && next < time)
  })
}

/** When the transaction behind a position was committed: milliseconds since 1970; undefined at the end. */
export async function firstAfter(storage: Storage, position: number): Promise<number | 'pruned' | undefined> {
  try {
    return (await storage.tail(position, 1))[0]?.at.getTime()
  } catch (error) {
    if (error instanceof MonoblocError && error.code === 'position_pruned') return 'pruned'
    throw error
  }
}

/** The first position at which `isBefore` does not hold any more: it holds up to some place, and then never. */
async function lastWhere(newest: number, isBefore: (position: number) => Promise<boolean>): Promise<number> {
  let low = 0
  let high = newest
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (await isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
