import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { listOf, numberOf } from '../bench-options.ts'
import { nextMessage, startChild, stopChild } from '../child.ts'
import { startLoadProcess } from '../load/load-process.ts'
import type { LoadResult } from '../load/load-protocol.ts'
import { median, rounded } from '../measurement.ts'
import { createMonoblocSeed } from '../seeds.ts'
import type { Ready } from '../servers/listening.ts'
import { writeCachedSection } from './cached-page.ts'
import { type Checked, startChecker } from './checker.ts'
import { type Mix, mixes, requestsOf, titles, writeEvery } from './workloads.ts'

const help = `npm run bench -- --cached [options]

Reads that are kept, while every ${writeEvery}th request writes to the same table, beside node:http answering constants (raw).

  --mixes LIST       of ${mixes.join(', ')}; default: all
  --rounds N         default 5
  --seconds S        of each timed run; default 4
  --warm-up S        default 2
  --connections N    default 32
  --off              the same without a cache
  --data FOLDER      where the database is made; default build
  --json FILE        writes the rows
  --check            ends with 1 when a target is missed
  --write-docs       writes docs/benchmarks.md and its raw results
  --help
`

/** Of what raw does. */
const least: Partial<Record<Mix, number>> = { read: 0.85, list: 0.85 }

interface Counters {
  hits: number
  misses: number
  invalidations: number
}

export interface Row {
  mix: Mix
  requestsPerSecond: number
  rawPerSecond: number
  ratioToRaw: number
  hitRate: number
  cpuMicros: number
  rawCpuMicros: number
  checks: number
  stale: number
}

/** @returns the exit code */
export async function benchCached(args: string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      cached: { type: 'boolean' },
      mixes: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      'warm-up': { type: 'string', default: '2' },
      connections: { type: 'string', default: '32' },
      off: { type: 'boolean', default: false },
      data: { type: 'string', default: fileURLToPath(new URL('../../build', import.meta.url)) },
      json: { type: 'string' },
      check: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return 0
  }
  const folder = path.join(values.data, 'monobloc-bench-cached')
  const rounds = numberOf('--rounds', values.rounds, Number.isInteger)
  const seconds = numberOf('--seconds', values.seconds)
  const connections = numberOf('--connections', values.connections, Number.isInteger)
  const servers = await startServers(folder, values.off)
  const load = startLoadProcess()
  const rows: Row[] = []
  try {
    for (const mix of listOf('--mixes', values.mixes, mixes)) {
      const run = (server: Server, time: number) =>
        load.run({
          name: mix,
          requests: requestsOf(mix, server.port),
          port: server.port,
          pid: server.pid,
          connections,
          leadIn: 0.3,
          seconds: time,
        })
      for (const server of servers.all) await run(server, numberOf('--warm-up', values['warm-up']))
      const measured: [LoadResult, LoadResult][] = []
      const before = await servers.counters()
      for (let round = 1; round <= rounds; round++) {
        const raw = await run(servers.raw, seconds)
        const own = await run(servers.monobloc, seconds)
        for (const { statuses } of [raw, own]) checkStatuses(mix, statuses)
        measured.push([own, raw])
        say(
          `${mix} ${round}/${rounds}: ${Math.round(rateOf(own))} requests/s, ${(rateOf(own) / rateOf(raw)).toFixed(3)} of raw`,
        )
      }
      const counted = difference(await servers.counters(), before)
      // Apart from what is timed, of which it would take a part.
      const checker = startChecker(servers.monobloc.port)
      await run(servers.monobloc, seconds)
      rows.push(rowOf(mix, measured, counted, await checker.stop()))
    }
  } finally {
    await Promise.all([load.stop(), servers.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(describe(rows))
  if (values['write-docs']) writeCachedSection({ rounds, seconds, connections, rows })
  if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)
  const isWrong = rows.some(({ stale }) => stale > 0)
  const isMissed = rows.some(({ mix, ratioToRaw }) => ratioToRaw < (least[mix] ?? 0))
  return isWrong || (values.check && isMissed) ? 1 : 0
}

interface Server {
  pid: number
  port: number
}

async function startServers(folder: string, isOff: boolean) {
  rmSync(folder, { recursive: true, force: true })
  const seeded = path.join(folder, 'seed')
  mkdirSync(seeded, { recursive: true })
  await createMonoblocSeed(seeded)
  const file = path.join(folder, 'own', 'app.db')
  mkdirSync(path.dirname(file))
  copyFileSync(path.join(seeded, 'app.db'), file)
  const start = async (name: string, args: string[]) => {
    const main = fileURLToPath(new URL(name, import.meta.url))
    const child = startChild(main, args, { core: 0, environment: isOff ? { BENCH_CACHE: 'off' } : {} })
    const { port } = await nextMessage<Ready>(child, name)
    return { child, pid: child.pid!, port }
  }
  const raw = await start('../servers/raw.ts', [])
  const monobloc = await start('./server.ts', [file])
  return {
    raw,
    monobloc,
    all: [raw, monobloc],
    counters(): Promise<Counters> {
      const counters = nextMessage<Counters>(monobloc.child, 'monobloc')
      monobloc.child.send('counters')
      return counters
    },
    stop: () => Promise.all([stopChild(raw.child), stopChild(monobloc.child)]),
  }
}

function checkStatuses(mix: Mix, statuses: Record<number, number>): void {
  const wrong = Object.keys(statuses).filter((status) => Number(status) >= 300)
  if (wrong.length > 0) throw new Error(`${mix} was answered with ${JSON.stringify(statuses)}`)
}

function rateOf({ requests, seconds }: LoadResult): number {
  return requests / seconds
}

function difference(after: Counters, before: Counters): Counters {
  const { hits, misses, invalidations } = after
  return {
    hits: hits - before.hits,
    misses: misses - before.misses,
    invalidations: invalidations - before.invalidations,
  }
}

function rowOf(
  mix: Mix,
  measured: readonly [LoadResult, LoadResult][],
  { hits, misses }: Counters,
  checked: Checked,
): Row {
  const cpu = ({ serverCpu, requests }: LoadResult) => (serverCpu * 1e6) / requests
  for (const sentence of checked.stale.slice(0, 5)) console.error(`STALE: ${sentence}`)
  return {
    mix,
    requestsPerSecond: Math.round(median(measured.map(([own]) => rateOf(own)))),
    rawPerSecond: Math.round(median(measured.map(([, raw]) => rateOf(raw)))),
    ratioToRaw: rounded(median(measured.map(([own, raw]) => rateOf(own) / rateOf(raw))), 3),
    hitRate: rounded(hits / (hits + misses), 4),
    cpuMicros: rounded(median(measured.map(([own]) => cpu(own))), 2),
    rawCpuMicros: rounded(median(measured.map(([, raw]) => cpu(raw))), 2),
    checks: checked.checks,
    stale: checked.stale.length,
  }
}

/** The table, and what of it misses its target. */
export function describe(rows: readonly Row[]): string {
  const head = ['', 'requests/s', 'to raw', 'raw', 'hits of reads', 'CPU µs/request', 'raw', 'checked', 'stale']
  const lines = rows.map((row) =>
    [
      titles[row.mix],
      row.requestsPerSecond,
      row.ratioToRaw,
      row.rawPerSecond,
      `${(row.hitRate * 100).toFixed(1)} %`,
      row.cpuMicros,
      row.rawCpuMicros,
      row.checks,
      row.stale,
    ].join(' | '),
  )
  const table = [head.join(' | '), head.map(() => '---').join(' | '), ...lines].map((line) => `| ${line} |`)
  const targets = rows.flatMap(({ mix, ratioToRaw }) => {
    const wanted = least[mix]
    if (wanted === undefined) return []
    return [`- ${ratioToRaw < wanted ? 'MISSED' : 'reached'} ${mix}: ${ratioToRaw} of raw (at least ${wanted})`]
  })
  return [...table, '', ...targets].join('\n')
}
