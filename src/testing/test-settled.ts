import { setTimeout } from 'node:timers/promises'
import { MonoblocError } from '../errors.ts'
import type { Follower } from '../runtime/index.ts'

// Above what a handler has by default, which would then end with an error of its own.
const longest = 20_000

/** Lets everything run that is due, and what follows from it, until nothing is left. @throws MonoblocError `deadline_exceeded` */
export async function settle(followers: readonly Follower[]): Promise<void> {
  const until = performance.now() + longest
  // One may give another something to do after that was asked: all must be idle twice in a row.
  for (let rounds = 0; rounds < 2; ) {
    for (const follower of followers) await follower.wake()
    let idle = true
    for (const follower of followers) idle = (await follower.isIdle()) && idle
    rounds = idle ? rounds + 1 : 0
    if (idle) continue
    if (performance.now() > until)
      throw new MonoblocError('deadline_exceeded', { detail: `Something still runs after ${longest} ms.` })
    await setTimeout(1)
  }
}
