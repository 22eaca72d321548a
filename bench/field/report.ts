import type { LoadResult } from '../load/load-protocol.ts'
import { median } from '../measurement.ts'
import { table } from '../result-tables.ts'
import type { Footprint } from './footprint.ts'
import { type FieldWorkload, fieldWorkloads, ofTable, titles } from './workloads.ts'

export interface Run extends LoadResult {
  workload: FieldWorkload
  server: string
  round: number
  /** Bytes of memory of the server's processes: after the run, and before any load. */
  resident: number
  atRest: number
}

export interface Start {
  server: string
  /** From the start of the process to the first answer from the table, the median. */
  millis: number
}

export interface FieldResults {
  runs: readonly Run[]
  coldStarts: readonly Start[]
  sizes: Readonly<Record<string, Footprint>>
}

/** One server under one workload, over all rounds. */
export interface FieldRow {
  workload: FieldWorkload
  server: string
  requestsPerSecond: number
  /** To raw, of the same round: the median. */
  ratio: number
  cpuMicros: number
  p50: number
  p99: number
}

export function fieldRows({ runs }: FieldResults): FieldRow[] {
  const rate = ({ requests, seconds }: Run) => requests / seconds
  const groups = Map.groupBy(runs, ({ workload, server }) => `${workload} ${server}`)
  return [...groups.values()].map((group) => {
    const { workload, server } = group[0]!
    const raw = (round: number) =>
      runs.find((one) => one.workload === workload && one.round === round && one.server === 'raw')
    return {
      workload,
      server,
      requestsPerSecond: median(group.map(rate)),
      ratio: median(group.map((one) => (raw(one.round) ? rate(one) / rate(raw(one.round)!) : Number.NaN))),
      cpuMicros: median(group.map(({ serverCpu, requests }) => (serverCpu / requests) * 1e6)),
      p50: median(group.map(({ p50 }) => p50)),
      p99: median(group.map(({ p99 }) => p99)),
    }
  })
}

/** Markdown. */
export function describeField(results: FieldResults): string {
  const rows = fieldRows(results)
  const parts = fieldWorkloads
    .map((workload) => rows.filter((row) => row.workload === workload))
    .filter((shown) => shown.length > 0)
    .map((shown) => `#### ${shown[0]!.workload}: ${titles[shown[0]!.workload]}\n\n${rateTable(shown)}`)
  return [...parts, startTable(results), memoryTable(results), sizeTable(results), verdicts(rows, results)]
    .filter(Boolean)
    .join('\n\n')
}

function rateTable(rows: readonly FieldRow[]): string {
  const head = ['server', 'requests/s', 'to raw', 'CPU µs/request', 'p50 ms', 'p99 ms']
  const lines = rows.map((row) => [
    row.server,
    Math.round(row.requestsPerSecond).toLocaleString('en'),
    row.ratio.toFixed(2),
    row.cpuMicros.toFixed(1),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
  ])
  return table(head, lines)
}

function startTable({ coldStarts }: FieldResults): string {
  if (coldStarts.length === 0) return ''
  const lines = coldStarts.map(({ server, millis }) => [server, String(millis)])
  return `#### From the start of the process to the first answer from the table\n\n${table(['server', 'ms'], lines)}`
}

function memoryTable({ runs }: FieldResults): string {
  if (runs.length === 0) return ''
  const servers = [...Map.groupBy(runs, ({ server }) => server)]
  const lines = servers.map(([server, own]) => [
    server,
    mebibytes(own[0]!.atRest),
    mebibytes(Math.max(...own.map(({ resident }) => resident))),
  ])
  return `#### Memory, MiB\n\n${table(['server', 'at rest', 'most under load'], lines)}`
}

function sizeTable({ sizes }: FieldResults): string {
  const lines = Object.entries(sizes).map(([server, { packages, mebibytes }]) => [
    server,
    String(packages),
    mebibytes.toFixed(1),
  ])
  return lines.length > 0 ? `#### A fresh install\n\n${table(['server', 'packages', 'MiB'], lines)}` : ''
}

/** Where Monobloc stands in each row that touches the table, and the ratios that it must reach. */
function verdicts(rows: readonly FieldRow[], { sizes }: FieldResults): string {
  const of = (workload: FieldWorkload, server: string) =>
    rows.find((row) => row.workload === workload && row.server === server)?.requestsPerSecond
  const lines: string[] = []
  for (const workload of ofTable) {
    const own = of(workload, 'monobloc')
    const others = rows.filter((row) => row.workload === workload && row.server !== 'raw' && row.server !== 'monobloc')
    if (own === undefined || others.length === 0) continue
    const best = others.reduce((one, other) => (other.requestsPerSecond > one.requestsPerSecond ? other : one))
    const ratio = own / best.requestsPerSecond
    lines.push(
      `- ${ratio > 1 ? 'reached' : 'MISSED '} ${workload}: ${ratio.toFixed(2)} of the best peer, ${best.server}`,
    )
  }
  for (const server of ['nest-express', 'nest-fastify', 'express-prisma']) {
    const [own, other] = [of('include', 'monobloc'), of('include', server)]
    if (own !== undefined && other !== undefined)
      lines.push(
        `- ${own / other >= 3 ? 'reached' : 'MISSED '} include: ${(own / other).toFixed(1)} times ${server} (at least 3)`,
      )
  }
  const size = sizes.monobloc
  if (size) {
    lines.push(`- ${size.mebibytes < 40 ? 'reached' : 'MISSED '} a fresh install: ${size.mebibytes} MiB (under 40)`)
    lines.push(
      `- ${size.packages < 100 ? 'reached' : 'MISSED '} a fresh install: ${size.packages} packages (under 100)`,
    )
  }
  return lines.join('\n')
}

const mebibytes = (bytes: number) => String(Math.round(bytes / 2 ** 20))
