import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type FeedOptions, JobFeed } from './job-feed.ts'

test('what this process was told of while a look is under way is not forgotten by it', async () => {
  const looks: PromiseWithResolvers<unknown>[] = [Promise.withResolvers(), Promise.withResolvers()]
  const begun = looks.map(() => Promise.withResolvers<void>())
  let count = 0
  const feed = new JobFeed({
    storage: {
      onAppend: () => () => {},
      read() {
        begun[count]?.resolve()
        return looks[count++]?.promise
      },
    } as never,
    now: () => 1_000,
    kinds: new Map(),
    ready() {},
    failed() {},
    cancelling() {},
  } as Partial<FeedOptions> as FeedOptions)
  feed.start()
  onTestFinished(() => feed.stop())
  await begun[0]!.promise
  feed.enqueued('note', 1_010)
  looks[0]!.resolve({ heads: [], due: Infinity, cancelling: [], others: undefined })
  // The next look comes for it, and not when it would come in any case, after a second.
  expect(await Promise.race([begun[1]!.promise.then(() => 'for it'), wait(500, 'later')])).toBe('for it')
})
