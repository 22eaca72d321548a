import { setTimeout as delay } from 'node:timers/promises'
import type { BenchQueue, RoundOptions, RoundResult } from './queue.ts'

/** How often the store is asked whether all is done. */
const lookMillis = 2
// Enough for the compilers of both sides.
const warmUp = 3000
/** Between single jobs: whoever polls more often than this has no advantage. */
const pauseMillis = 5

/** Measures one round in this process, and says to the parent what it found. */
export async function measureRound(open: (url: string) => Promise<BenchQueue>): Promise<void> {
  const [url, options] = process.argv.slice(2) as [string, string]
  const queue = await open(url)
  const result = await round(queue, JSON.parse(options))
  await queue.close()
  process.send?.(result, () => process.disconnect?.())
}

async function round(queue: BenchQueue, options: RoundOptions): Promise<RoundResult> {
  const { backlog, passing, singles, callers } = options
  const done = new Handled()
  await queue.start(done.handle)
  await enqueueAll(queue, done.expect(warmUp), callers)
  await allCommitted(queue, done)
  await queue.stop()

  const enqueuing = await timed(() => enqueueAll(queue, done.expect(backlog), callers))
  if ((await queue.open()) !== backlog) throw new Error('Not all that was enqueued is there')
  const before = process.cpuUsage()
  const processing = await timed(async () => {
    await queue.start(done.handle)
    await allCommitted(queue, done)
  })
  const { user, system } = process.cpuUsage(before)
  const passingBy = await timed(async () => {
    await enqueueAll(queue, done.expect(passing), callers)
    await allCommitted(queue, done)
  })
  const latencies = await measureSingles(queue, done, singles)
  await queue.stop()
  return {
    enqueuedPerSecond: backlog / enqueuing,
    processedPerSecond: backlog / processing,
    endToEndPerSecond: passing / passingBy,
    processedCpu: (user + system) / backlog,
    latencyMedian: latencies[Math.floor(singles / 2)]!,
    latencyP99: latencies[Math.floor(singles * 0.99)]!,
  }
}

/** Which of the jobs of a phase have run, and how often. */
class Handled {
  #times = new Uint8Array()
  #open = 0
  #ended = Promise.withResolvers<void>()
  startedAt = 0

  /** @returns how many there are */
  expect(count: number): number {
    this.#times = new Uint8Array(count)
    this.#open = count
    this.#ended = Promise.withResolvers()
    return count
  }

  readonly handle = (n: number): void => {
    this.startedAt = performance.now()
    this.#times[n]!++
    if (--this.#open === 0) this.#ended.resolve()
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** @throws Error unless each has run once */
  check(): void {
    const wrong = this.#times.findIndex((times) => times !== 1)
    if (wrong >= 0) throw new Error(`Job ${wrong} has run ${this.#times[wrong]} times`)
  }
}

async function enqueueAll(queue: BenchQueue, count: number, callers: number): Promise<void> {
  let next = 0
  const call = async () => {
    while (next < count) await queue.enqueue(next++)
  }
  await Promise.all(Array.from({ length: callers }, call))
}

async function allCommitted(queue: BenchQueue, done: Handled): Promise<void> {
  await done.ended
  while ((await queue.open()) > 0) await delay(lookMillis)
  done.check()
}

/** @returns milliseconds, in order */
async function measureSingles(queue: BenchQueue, done: Handled, count: number): Promise<number[]> {
  const found: number[] = []
  for (let at = 0; at < count; at++) {
    done.expect(1)
    const from = performance.now()
    await queue.enqueue(0)
    await allCommitted(queue, done)
    found.push(done.startedAt - from)
    await delay(pauseMillis)
  }
  return found.toSorted((one, other) => one - other)
}

/** @returns seconds */
async function timed(run: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await run()
  return (performance.now() - from) / 1000
}
