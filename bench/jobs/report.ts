import { median } from '../measurement.ts'
import { table } from '../result-tables.ts'
import type { RoundOptions, RoundResult } from './queue.ts'

export interface JobRun extends RoundResult {
  queue: string
  round: number
}

export interface JobResults extends RoundOptions {
  rounds: number
  runs: readonly JobRun[]
}

type Figure = keyof RoundResult

/** What the jobs of Monobloc must reach beside a peer: of the same round, the median. */
const bounds: readonly { own: string; peer: string; figure: Figure; least?: number; most?: number }[] = [
  { own: 'monobloc-sqlite', peer: 'bullmq', figure: 'processedPerSecond', least: 3 },
  { own: 'monobloc-sqlite', peer: 'graphile-worker', figure: 'processedPerSecond', least: 2 },
  { own: 'monobloc-sqlite', peer: 'pg-boss', figure: 'processedPerSecond', least: 8 },
  { own: 'monobloc-postgresql', peer: 'graphile-worker', figure: 'processedPerSecond', least: 1 },
  ...['monobloc-sqlite', 'monobloc-postgresql'].flatMap((own) =>
    ['bullmq', 'graphile-worker', 'pg-boss'].map((peer) => ({ own, peer, figure: 'latencyMedian' as const, most: 1 })),
  ),
]

const titles: Record<Figure, string> = {
  enqueuedPerSecond: 'enqueued/s',
  processedPerSecond: 'processed/s',
  endToEndPerSecond: 'end to end/s',
  processedCpu: 'own CPU µs/job',
  latencyMedian: 'start p50 ms',
  latencyP99: 'start p99 ms',
}

export interface JobTarget {
  line: string
  reached: boolean
}

/** Only of queues that ran. */
export function targetsOfJobs(runs: readonly JobRun[]): JobTarget[] {
  return bounds.flatMap(({ own, peer, figure, least, most }) => {
    const ratio = ratioOf(runs, own, peer, figure)
    if (ratio === undefined) return []
    const reached = ratio >= (least ?? 0) && ratio <= (most ?? Number.POSITIVE_INFINITY)
    const bound = least === undefined ? `at most ${most}` : `at least ${least}`
    const verdict = reached ? 'reached' : 'MISSED '
    return [{ line: `${verdict} ${own}, ${titles[figure]}: ${ratio.toFixed(2)} times ${peer} (${bound})`, reached }]
  })
}

function ratioOf(runs: readonly JobRun[], own: string, peer: string, figure: Figure): number | undefined {
  const ratios = runs.flatMap((run) => {
    if (run.queue !== own) return []
    const other = runs.find(({ queue, round }) => queue === peer && round === run.round)
    return other ? [run[figure] / other[figure]] : []
  })
  return ratios.length > 0 ? median(ratios) : undefined
}

/** Markdown. */
export function describeJobs({ runs }: JobResults): string {
  const figures = Object.keys(titles) as Figure[]
  const lines = [...Map.groupBy(runs, ({ queue }) => queue)].map(([queue, own]) => [
    queue,
    ...figures.map((figure) => shown(figure, median(own.map((run) => run[figure])))),
  ])
  const targets = targetsOfJobs(runs).map(({ line }) => `- ${line}`)
  return [table(['queue', ...figures.map((figure) => titles[figure])], lines), targets.join('\n')].join('\n\n')
}

function shown(figure: Figure, value: number): string {
  if (figure === 'processedCpu') return value.toFixed(1)
  return figure.startsWith('latency') ? value.toFixed(2) : Math.round(value).toLocaleString('en')
}
