import type { LoadResult } from '../load/load-protocol.ts'
import { median } from '../measurement.ts'
import { table } from '../result-tables.ts'
import type { Workload } from '../workload.ts'
import type { Kind } from './servers.ts'

export interface Run extends LoadResult {
  workload: Workload
  server: Kind
  round: number
}

export interface PostgresResults {
  /** Its version, as it says it. */
  server: string
  runs: readonly Run[]
  /** Monobloc's writes with the log's triggers disabled. */
  unlogged: readonly Run[]
}

/** What Monobloc must reach beside the peer. */
const least: Partial<Record<Workload, number>> = { read: 1, list: 1, write: 1.5 }

/** Markdown. */
export function describePostgres({ runs, unlogged }: PostgresResults): string {
  const workloads = [...new Set(runs.map(({ workload }) => workload))]
  const lines = workloads.flatMap((workload) =>
    (['fastify', 'monobloc'] as const).map((server) => {
      const own = runs.filter((run) => run.workload === workload && run.server === server)
      return lineOf(workload, server, own, server === 'fastify' ? undefined : ratioOf(runs, workload, server))
    }),
  )
  if (unlogged.length > 0) lines.push(lineOf('write', 'monobloc, log off', unlogged, undefined))
  const head = [
    'workload',
    'server',
    'requests/s',
    'to fastify',
    'CPU µs/request',
    'machine µs/request',
    'p50 ms',
    'p99 ms',
  ]
  return [table(head, lines), verdicts(runs), share(runs, unlogged)].filter(Boolean).join('\n\n')
}

function lineOf(workload: string, server: string, runs: readonly Run[], ratio: number | undefined): string[] {
  const micros = (seconds: (run: Run) => number) => median(runs.map((run) => (seconds(run) / run.requests) * 1e6))
  return [
    workload,
    server,
    Math.round(median(runs.map(rateOf))).toLocaleString('en'),
    ratio === undefined ? '' : ratio.toFixed(2),
    micros(({ serverCpu }) => serverCpu).toFixed(1),
    micros(({ serverCpu, othersCpu }) => serverCpu + othersCpu).toFixed(1),
    median(runs.map(({ p50 }) => p50)).toFixed(2),
    median(runs.map(({ p99 }) => p99)).toFixed(2),
  ]
}

/** To the peer in the same round: the median. */
function ratioOf(runs: readonly Run[], workload: Workload, server: Kind): number {
  const of = (kind: Kind, round: number) =>
    runs.find((run) => run.workload === workload && run.server === kind && run.round === round)!
  const rounds = new Set(runs.map(({ round }) => round))
  return median([...rounds].map((round) => rateOf(of(server, round)) / rateOf(of('fastify', round))))
}

function verdicts(runs: readonly Run[]): string {
  const workloads = [...new Set(runs.map(({ workload }) => workload))]
  return workloads
    .map((workload) => {
      const ratio = ratioOf(runs, workload, 'monobloc')
      const bound = least[workload]!
      const verdict = ratio >= bound ? 'reached' : 'MISSED '
      return `- ${verdict} ${workload}: ${ratio.toFixed(2)} of Fastify with pg (at least ${bound})`
    })
    .join('\n')
}

/** What of a write is the log's: its entry by the trigger, and the row of its transaction. */
function share(runs: readonly Run[], unlogged: readonly Run[]): string {
  const logged = runs.filter(({ workload, server }) => workload === 'write' && server === 'monobloc')
  if (logged.length === 0 || unlogged.length === 0) return ''
  const time = (some: readonly Run[]) => 1 / median(some.map(rateOf))
  const part = 1 - time(unlogged) / time(logged)
  return `The log takes ${Math.round(part * 100)} % of the time of a POST: with its triggers disabled, ${(1 / (1 - part)).toFixed(2)} times as many are answered.`
}

function rateOf({ requests, seconds }: Run): number {
  return requests / seconds
}
