import type { Endpoint } from '../http/index.ts'
import type { LoopMonitor } from '../observe/index.ts'

type Handle = (context: { request: { id: string } }) => unknown

/** The same endpoint, whose handler the monitor knows: when it blocks the event loop, the log names it. */
export function nameBlockers(endpoint: Endpoint, monitor: LoopMonitor): Endpoint {
  const label = `${endpoint.method} ${endpoint.path}`
  const { handle, prepare } = endpoint.options
  const watched =
    (run: Handle): Handle =>
    (context) => {
      const work = monitor.begin(label)
      let result: unknown
      try {
        result = run(context)
      } catch (error) {
        monitor.end(work)
        throw error
      }
      // The handler's own promise goes on unchanged: what waits for it waits no turn longer.
      if (result instanceof Promise) {
        monitor.waits(work)
        const end = () => monitor.end(work)
        result.then(end, end)
      } else monitor.end(work)
      return result
    }
  return {
    ...endpoint,
    options: {
      ...endpoint.options,
      handle: watched(handle as Handle),
      ...(prepare && { prepare: watched(prepare as Handle) }),
    },
  }
}
