// One contract for everything that runs for a while.
//
// States: stopped → starting → running → stopping → stopped. What is asked for last wins, and each request waits for the
// one before it:
//   start while starting or running   is the same start
//   stop while stopping or stopped    is the same stop
//   stop while starting               aborts the start's signal, waits until it has settled, then stops
//   start while stopping              starts once it has stopped
// A start that throws leaves the service stopped; it must take back what it had begun.
import { MonoblocError } from '../errors.ts'

export interface Service {
  /** Resolves when it serves. @throws what its start threw, or `shutting_down` when it was stopped before that */
  start(): Promise<void>
  /** Resolves when it has ended and holds nothing. May be called at any time, any number of times. */
  stop(): Promise<void>
}

export interface ServiceParts {
  /** For log lines and errors. */
  name: string
  /** @param signal aborted when it is stopped before it has started */
  start(signal: AbortSignal): unknown | Promise<unknown>
  /** Called once for each start that succeeded. */
  stop(): unknown | Promise<unknown>
}

/** Makes a service of two functions that need not think of being called twice or in the wrong order. */
export function service(parts: ServiceParts): Service {
  let wanted: 'running' | 'stopped' = 'stopped'
  let running = false
  let last: Promise<void> = Promise.resolve()
  let starting = new AbortController()

  async function run(after: Promise<void>, signal: AbortSignal): Promise<void> {
    await after.catch(() => {})
    if (signal.aborted) throw stopped()
    try {
      await parts.start(signal)
    } catch (error) {
      if (signal.aborted) throw stopped(error)
      wanted = 'stopped'
      throw error
    }
    running = true
    if (signal.aborted) throw stopped()
  }

  async function end(after: Promise<void>): Promise<void> {
    await after.catch(() => {})
    if (!running) return
    running = false
    await parts.stop()
  }

  function stopped(cause?: unknown): MonoblocError {
    return new MonoblocError('shutting_down', { detail: `${parts.name} was stopped before it had started.`, cause })
  }

  function follow(next: Promise<void>): Promise<void> {
    // Whoever asked handles the rejection; the chain only waits.
    next.catch(() => {})
    last = next
    return next
  }

  return {
    start() {
      if (wanted === 'running') return last
      wanted = 'running'
      starting = new AbortController()
      return follow(run(last, starting.signal))
    },
    stop() {
      if (wanted === 'stopped') return last.catch(() => {})
      wanted = 'stopped'
      starting.abort()
      return follow(end(last))
    },
  }
}

/**
 * Several services as one: started in order, stopped in reverse. When one does not start, those before it are stopped.
 * A stop that throws does not keep the others from being stopped; the first error is thrown in the end.
 */
export function services(name: string, members: readonly Service[]): Service {
  async function stopAll(started: readonly Service[]): Promise<void> {
    const errors: unknown[] = []
    for (const member of started.toReversed()) await member.stop().catch((error) => errors.push(error))
    if (errors.length > 0) throw errors[0]
  }
  return service({
    name,
    async start(signal) {
      const started: Service[] = []
      try {
        for (const member of members) {
          started.push(member)
          const hurry = () => void member.stop().catch(() => {})
          signal.addEventListener('abort', hurry)
          await member.start().finally(() => signal.removeEventListener('abort', hurry))
          if (signal.aborted) return
        }
      } catch (error) {
        await stopAll(started).catch(() => {})
        throw error
      }
    },
    stop: () => stopAll(members),
  })
}
