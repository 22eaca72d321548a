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

test('what is due and can not be let run is looked at again after a while, and not at once', async () => {
  const third = Promise.withResolvers<string>()
  let looks = 0
  const feed = new JobFeed({
    storage: {
      onAppend: () => () => {},
      async read() {
        if (++looks === 3) third.resolve('at once')
        return { heads: [], due: 1, cancelling: [], others: undefined }
      },
      write: () => Promise.reject(new Error('disk full')),
    } as never,
    now: () => 1_000,
    kinds: new Map(),
    ready() {},
    failed() {},
    cancelling() {},
  } as Partial<FeedOptions> as FeedOptions)
  feed.start()
  onTestFinished(() => feed.stop())
  expect(await Promise.race([third.promise, wait(500, 'later')])).toBe('later')
})

test('a claim is of the worker whose lease it has looked at, and of nobody where that one was given up meanwhile', async () => {
  const row = { id: '1', name: 'note', rank: 0, due: 0 }
  const workers = ['first', 'second']
  const asked: string[] = []
  const feed = new JobFeed({
    storage: {
      onAppend: () => () => {},
      read: () => new Promise(() => {}),
      write: (_: unknown, work: (session: unknown) => unknown) => work({}),
    } as never,
    store: {
      holds(_: unknown, worker: string) {
        asked.push(worker)
        workers.shift()
        return true
      },
      heads: () => [{ name: 'note', rank: 0 }],
      claim(_: unknown, worker: string) {
        asked.push(worker)
        return [row]
      },
    } as never,
    now: () => 1_000,
    worker: () => workers[0]!,
    kinds: new Map([['note', 'quick']]),
    limits: new Map(),
    ready() {},
  } as Partial<FeedOptions> as FeedOptions)
  feed.start()
  onTestFinished(() => feed.stop())
  feed.found(['note'])
  expect(await feed.claim({ quick: 1, loose: 1 })).toEqual([])
  feed.found(['note'])
  workers.unshift('second')
  expect(await feed.claim({ quick: 1, loose: 1 })).toEqual([row])
  expect(asked).toEqual(['first', 'first', 'second', 'second'])
})
