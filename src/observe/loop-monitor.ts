// Measures how late the event loop runs, and names what blocked it.
//
// States: off → on (start) → off (stop), any number of times. While on, a timer beats every `beat` ms and leaves a mark;
// so does every piece of work when it begins and ends. Nothing can run while the loop is blocked, so a gap between two
// marks that is longer than the threshold is a block, and the marks on its two sides tell whose:
//   - it opened with the beginning of X: X blocked before its first await;
//   - it closed with the end of X: X blocked after an await and finished at once;
//   - otherwise it was one of the works in flight.
// `performance` of the global object is an accessor, which takes longer than the clock itself.
import { type ELDHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { type Diagnostic, type Diagnostics, diagnostic } from './diagnostics.ts'

/** A piece of work as it is known to the monitor, from `begin` to `end`. */
export interface Work {
  /** What to call it in a log line: a route, a job's name. */
  readonly label: string
  /** The request or job that it belongs to. */
  readonly id: string | undefined
}

export interface LoopBlocked {
  /** Milliseconds in which nothing else could run. */
  blockedMs: number
  /** CPU time of the process in that time, in milliseconds. Far below `blockedMs`: it waited (for a synchronous call) or was stopped. */
  cpuMs: number
  /** What blocked; undefined when the marks don't tell. */
  work: string | undefined
  requestId: string | undefined
  /** The works in flight, at most ten, when `work` is undefined. */
  inFlight: string[] | undefined
}

export const loopBlocked: Diagnostic<LoopBlocked> = diagnostic(
  'loop.blocked',
  (event) => (isComputed(event) ? 'warn' : 'info'),
  (event) => {
    const { work, blockedMs, cpuMs, inFlight } = event
    if (isComputed(event))
      return `${work ?? describe(inFlight)} blocked the event loop for ${blockedMs} ms: nothing else was served in that time`
    const during = work ? ` during ${work}` : ''
    return `The event loop stood still for ${blockedMs} ms${during}, and the process computed for ${cpuMs} of them: the machine was busy, or a synchronous call waited`
  },
)

// A quarter: a busy machine gives a process that wants all of a core at least as much of it, as a rule.
function isComputed({ blockedMs, cpuMs }: LoopBlocked): boolean {
  return cpuMs >= blockedMs / 4
}

export interface LoopDelay {
  /** Milliseconds since the last call of `delay()`: how late timers ran. */
  mean: number
  p50: number
  p99: number
  max: number
}

export interface LoopMonitorOptions {
  /** Default 100: what a person begins to feel, and many times what a handler needs before its first await. */
  thresholdMs?: number
}

// Short enough that a block is hardly ever confused with the idle time before it, long enough to cost nothing: 20 wakes a second.
const beat = 50

export class LoopMonitor {
  readonly #diagnostics: Diagnostics
  readonly #threshold: number
  readonly #inFlight = new Set<Work>()
  #timer: NodeJS.Timeout | undefined
  #histogram: ELDHistogram | undefined
  #markedAt = 0
  #opened: Work | undefined
  #cpuAtBeat = 0

  constructor(diagnostics: Diagnostics, { thresholdMs = 100 }: LoopMonitorOptions = {}) {
    this.#diagnostics = diagnostics
    this.#threshold = Math.max(thresholdMs, beat / 2)
  }

  start(): void {
    if (this.#timer) return
    this.#markedAt = performance.now()
    this.#cpuAtBeat = cpuNow()
    this.#histogram = monitorEventLoopDelay({ resolution: 20 })
    this.#histogram.enable()
    this.#timer = setInterval(() => {
      this.#mark(undefined, undefined)
      this.#cpuAtBeat = cpuNow()
    }, beat).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#histogram?.disable()
    this.#inFlight.clear()
    this.#opened = undefined
  }

  /** Says that work begins: call it just before the code that could block. */
  begin(label: string, id?: string): Work {
    const work = { label, id }
    if (this.#timer) this.#mark(work, undefined)
    return work
  }

  /** Says that work which has begun waits for something: from now until its end it is in flight. */
  waits(work: Work): void {
    if (this.#timer) this.#inFlight.add(work)
  }

  end(work: Work): void {
    if (!this.#timer) return
    this.#mark(undefined, work)
    this.#inFlight.delete(work)
  }

  /** How late the loop ran since this was last asked. All zero while off. */
  delay(): LoopDelay {
    const histogram = this.#histogram
    if (!this.#timer || !histogram || histogram.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 }
    // The histogram holds the whole time between its beats of 20 ms, in nanoseconds.
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - 20)
    const delay = {
      mean: late(histogram.mean),
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max),
    }
    histogram.reset()
    return delay
  }

  #mark(opens: Work | undefined, closes: Work | undefined): void {
    const now = performance.now()
    const gap = now - this.#markedAt
    // A gap that no beginning opened may hold up to one beat of idle time.
    const blocked = this.#opened ? gap : gap - beat
    if (blocked > this.#threshold) this.#report(blocked, closes)
    this.#markedAt = now
    this.#opened = opens
  }

  #report(blockedMs: number, closes: Work | undefined): void {
    if (!this.#diagnostics.on(loopBlocked)) return
    const work = this.#opened ?? closes ?? (this.#inFlight.size === 1 ? [...this.#inFlight][0] : undefined)
    this.#diagnostics.emit(loopBlocked, {
      blockedMs: Math.round(blockedMs),
      cpuMs: Math.round(cpuNow() - this.#cpuAtBeat),
      work: work?.label,
      requestId: work?.id,
      inFlight: work ? undefined : [...this.#inFlight].slice(0, 10).map(({ label }) => label),
    })
  }
}

function cpuNow(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function describe(inFlight: string[] | undefined): string {
  return inFlight?.length ? `One of ${inFlight.join(', ')}` : 'Something outside of every handler'
}
