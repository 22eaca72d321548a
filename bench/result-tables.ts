import type { ColdStart } from './cold-start.ts'
import type { Disturbed } from './disturbed.ts'
import type { LogShare } from './log-share.ts'
import type { Row } from './measurement.ts'
import type { Results } from './results.ts'
import { type Workload, workloads } from './workload.ts'

/** Markdown, which reads well on a terminal too. */
export function describeResults(results: Results): string {
  return [
    ...workloads.map((workload) => describeWorkload(workload, results.rows)),
    describeColdStarts(results.coldStarts),
    ...results.disturbed.map(describeDisturbed),
    ...results.logShares.map(describeLogShare),
  ]
    .filter(Boolean)
    .join('\n\n')
}

const titles: Record<Workload, string> = {
  hello: '`GET /`: a small JSON answer, no database',
  read: '`GET /items/:id`: one row of 100,000 by its key',
  list: '`GET /items?sort=-id&limit=20`: the newest 20 rows',
  write: '`POST /items`: a validated row, answered when it is on disk',
}

function describeWorkload(workload: Workload, rows: readonly Row[]): string {
  const shown = rows.filter((row) => row.workload === workload)
  if (shown.length === 0) return ''
  const head = [
    'server',
    'requests/s',
    'to raw (range)',
    'CPU µs/request (least)',
    'p50 ms',
    'p99 ms',
    'RSS MiB',
    'core',
    'others',
  ]
  const lines = shown.map((row) => [
    row.server,
    row.requestsPerSecond.toLocaleString('en'),
    row.ratioToRaw === null
      ? ''
      : `${row.ratioToRaw.toFixed(2)} (${row.ratioRange!.map((ratio) => ratio.toFixed(2)).join('–')})`,
    row.cpuMicros === null ? '' : `${row.cpuMicros.toFixed(1)} (${row.cpuMicrosLeast!.toFixed(1)})`,
    row.p50Millis.toFixed(2),
    row.p99Millis.toFixed(2),
    String(row.residentMebibytes),
    row.serverShare.toFixed(2),
    row.othersShare.toFixed(2),
  ])
  return `### ${titles[workload]}\n\n${table(head, lines)}`
}

function describeColdStarts(coldStarts: readonly ColdStart[]): string {
  if (coldStarts.length === 0) return ''
  const lines = coldStarts.map(({ form, medianMillis, leastMillis, greatestMillis, starts }) => [
    form,
    String(medianMillis),
    `${leastMillis}–${greatestMillis}`,
    String(starts),
  ])
  return `### From the start of the process to the first 200\n\n${table(['app of three lines', 'median ms', 'range', 'starts'], lines)}`
}

function describeDisturbed(disturbed: Disturbed): string {
  const { requestsPerSecond, calm, beside, ratio, queries, longestQueryMillis, health } = disturbed
  const lines = [
    ['calm', String(calm.requests), calm.p50Millis.toFixed(2), calm.p99Millis.toFixed(2), calm.mostMillis.toFixed(1)],
    [
      'beside the queries',
      String(beside.requests),
      beside.p50Millis.toFixed(2),
      beside.p99Millis.toFixed(2),
      beside.mostMillis.toFixed(1),
    ],
  ]
  return `### Reads by key, ${requestsPerSecond} a second, while one client runs queries that take seconds

${table(['', 'reads', 'p50 ms', 'p99 ms', 'most ms'], lines)}

The median beside the queries is ${ratio.toFixed(2)} times the calm one. There were ${queries} queries, the longest took
${(longestQueryMillis / 1000).toFixed(1)} s. \`/livez\` and \`/readyz\` answered 200 to ${health.ok} of ${health.asked} questions, the slowest
in ${health.mostMillis.toFixed(1)} ms.`
}

function describeLogShare({ logged, unlogged, share, shareRange }: LogShare): string {
  const percent = (part: number) => `${Math.round(part * 100)} %`
  const lines = [
    ['with the commit log', logged.toLocaleString('en')],
    ['without its triggers', unlogged.toLocaleString('en')],
  ]
  return `### What the commit log costs a durable POST

${table(['', 'POST/s'], lines)}

The log takes ${percent(share)} (${shareRange.map(percent).join(' to ')}) of the time of a POST.`
}

export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(cell.length, ...lines.map((line) => line[at]!.length), 3))
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [row(head), rule, ...lines.map(row)].join('\n')
}
