import { setTimeout as delay } from 'node:timers/promises'
import { machineCpu, usageOf } from '../process-usage.ts'
import { LoadConnection } from './load-connection.ts'
import type { LoadOrder, LoadResult } from './load-protocol.ts'

// More latencies than the fastest server could have in a minute; beyond it the rest is not looked at.
const mostLatencies = 8_000_000

/**
 * A closed loop: each connection sends its next request as soon as its last was answered. Ends when every request was
 * answered, so that what the server did can be counted.
 *
 * @throws Error when a connection fails
 */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const { requests } = order
  const latencies = new Float64Array(Math.min(mostLatencies, Math.ceil(order.seconds + 1) * 200_000))
  const statuses: Record<number, number> = {}
  let counted = 0
  let next = 0
  let length = 0
  let timed = false
  let ending = false
  let open = order.connections
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>()
  // What happens to the promise is seen where it is awaited.
  ended.catch(() => {})

  const answered = (status: number, microseconds: number, bytes: number): string | undefined => {
    statuses[status] = (statuses[status] ?? 0) + 1
    length = bytes
    if (timed) latencies[counted++] = microseconds
    if (ending) {
      open--
      if (open === 0) end()
      return undefined
    }
    return request()
  }
  const request = (): string => {
    if (next === requests.length) next = 0
    return requests[next++]!
  }

  const sleepless = order.maySleep ? undefined : keepAwake()
  const connections = Array.from({ length: order.connections }, () => new LoadConnection(order.port, answered, fail))
  try {
    for (const connection of connections) connection.send(request())
    await Promise.race([delay(order.leadIn * 1000), ended])
    const before = readUsage(order.pid)
    timed = true
    await Promise.race([delay(order.seconds * 1000), ended])
    timed = false
    const after = readUsage(order.pid)
    ending = true
    await ended
    return { ...summary(latencies, counted), ...used(before, after), statuses, length }
  } finally {
    sleepless?.end()
    for (const connection of connections) connection.close()
  }
}

/**
 * Lets this process ask the system for events without ever sleeping. A process that sleeps is woken by whoever sends to
 * it, which on a virtual machine costs the sender some microseconds: a server that is slower than the load would pay that
 * with each answer, and a faster one, which never finds the load asleep, would not.
 */
function keepAwake(): { end(): void } {
  let immediate = setImmediate(function again() {
    immediate = setImmediate(again)
  })
  return { end: () => clearImmediate(immediate) }
}

function readUsage(pid: number) {
  const { user, system } = process.cpuUsage()
  return { at: performance.now(), server: usageOf(pid).cpu, load: (user + system) / 1e6, machine: machineCpu() }
}

function used(before: ReturnType<typeof readUsage>, after: ReturnType<typeof readUsage>) {
  const serverCpu = after.server - before.server
  const loadCpu = after.load - before.load
  const othersCpu = Math.max(0, after.machine - before.machine - serverCpu - loadCpu)
  return { seconds: (after.at - before.at) / 1000, serverCpu, loadCpu, othersCpu }
}

function summary(latencies: Float64Array, counted: number) {
  const sorted = latencies.subarray(0, Math.min(counted, latencies.length)).sort()
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? 0) / 1000
  return { requests: counted, p50: at(0.5), p99: at(0.99) }
}
