import type { LoadResult } from './load/load-protocol.ts'
import type { ServerKind } from './server-kind.ts'
import type { Workload } from './workload.ts'

/** One server under one workload in one round. */
export interface Measurement extends LoadResult {
  workload: Workload
  server: ServerKind
  round: number
  /** Bytes of memory of the server's processes, at the end. */
  resident: number
}

/** Medians over the rounds. A row of the JSON file, with what explains it. */
export interface Row {
  workload: Workload
  server: ServerKind
  requestsPerSecond: number
  /** Requests per second over those of raw in the same round; null where raw did not run. */
  ratioToRaw: number | null
  /** Of its lowest and highest round. */
  ratioRange: [number, number] | null
  /** Microseconds of processor time of the server's processes for one request. Null where the system does not say. */
  cpuMicros: number | null
  /** The least of the rounds: other programs add to it, and nothing takes from it. */
  cpuMicrosLeast: number | null
  p50Millis: number
  p99Millis: number
  residentMebibytes: number
  /** Of one core: what the server used. Below 1 it waited: for the disk, or for requests. */
  serverShare: number
  /** Of one core: what neither the server nor the load generator used. */
  othersShare: number
}

/** One row for each workload and server, in the order in which they were measured first. */
export function rowsOf(measurements: readonly Measurement[]): Row[] {
  const groups = Map.groupBy(measurements, ({ workload, server }) => `${workload} ${server}`)
  return [...groups.values()].map((group) => rowOf(group, measurements))
}

function rowOf(group: Measurement[], all: readonly Measurement[]): Row {
  const { workload, server } = group[0]!
  const ratios = group.flatMap((one) => ratioIn(one, all, 'raw') ?? [])
  const cpu = group
    .filter(({ serverCpu }) => serverCpu > 0)
    .map(({ serverCpu, requests }) => (serverCpu * 1e6) / requests)
  return {
    workload,
    server,
    requestsPerSecond: Math.round(median(group.map(rateOf))),
    ratioToRaw: ratios.length > 0 ? rounded(median(ratios), 3) : null,
    ratioRange: ratios.length > 0 ? [rounded(Math.min(...ratios), 3), rounded(Math.max(...ratios), 3)] : null,
    cpuMicros: cpu.length > 0 ? rounded(median(cpu), 2) : null,
    cpuMicrosLeast: cpu.length > 0 ? rounded(Math.min(...cpu), 2) : null,
    p50Millis: rounded(median(group.map(({ p50 }) => p50)), 3),
    p99Millis: rounded(median(group.map(({ p99 }) => p99)), 3),
    residentMebibytes: Math.round(Math.max(...group.map(({ resident }) => resident)) / 2 ** 20),
    serverShare: rounded(median(group.map(({ serverCpu, seconds }) => serverCpu / seconds)), 2),
    othersShare: rounded(median(group.map(({ othersCpu, seconds }) => othersCpu / seconds)), 2),
  }
}

/** How a server did against another in the same round; undefined where the other did not run. */
export function ratioIn(one: Measurement, all: readonly Measurement[], against: ServerKind): number | undefined {
  const other = all.find(
    ({ workload, round, server }) => workload === one.workload && round === one.round && server === against,
  )
  return other && rateOf(one) / rateOf(other)
}

export function rateOf({ requests, seconds }: Measurement): number {
  return requests / seconds
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
