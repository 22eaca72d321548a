import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { checkAnswers, countItems } from './answers.ts'
import type { BenchOptions } from './bench-options.ts'
import { startLoadProcess } from './load/load-process.ts'
import { type Measurement, rateOf } from './measurement.ts'
import { usageOf } from './process-usage.ts'
import { createSeeds } from './seeds.ts'
import { type RunningServer, startServer } from './server-kind.ts'
import { requestsOf, type Workload } from './workload.ts'

// So that whoever was measured before has nothing left to do: checkpoints, garbage.
const leadInSeconds = 0.3

/**
 * Every workload on every server, round after round: A B C A B C. All servers stay up through all rounds, each on a
 * fresh copy of the table.
 *
 * @throws Error when an answer is wrong, or a row is missing after the writes
 */
export async function measureThroughput(options: BenchOptions, say: (line: string) => void): Promise<Measurement[]> {
  const { workloads, servers, rounds } = options
  if (workloads.length === 0) return []
  mkdirSync(options.folder, { recursive: true })
  const seeds = await createSeeds(options.folder, servers, say)
  const load = startLoadProcess()
  const running: RunningServer[] = []
  const measurements: Measurement[] = []
  try {
    for (const kind of servers) running.push(await startServer(kind, seeds[kind], path.join(options.folder, kind)))
    for (const server of running) await checkAnswers(server, workloads)
    say(`Answers of ${servers.join(', ')} checked.`)
    const run = async (server: RunningServer, workload: Workload, seconds: number) => {
      const { port, pid, file } = server
      const before = workload === 'write' && file ? countItems(server) : 0
      const result = await load.run({
        name: workload,
        requests: requestsOf(workload, port),
        port,
        pid,
        connections: options.connections,
        leadIn: leadInSeconds,
        seconds,
      })
      checkStatuses(server, workload, result.statuses)
      if (workload === 'write' && file) checkWritten(server, before, result.statuses[201]!)
      return result
    }
    for (const workload of workloads) {
      for (const server of running) await run(server, workload, options.warmUp)
      for (let round = 1; round <= rounds; round++) {
        for (const server of running) {
          const result = await run(server, workload, options.seconds)
          const measurement = {
            workload,
            server: server.kind,
            round,
            resident: usageOf(server.pid).resident,
            ...result,
          }
          measurements.push(measurement)
          say(`${workload} ${round}/${rounds} ${server.kind}: ${Math.round(rateOf(measurement))} requests/s`)
        }
      }
    }
    return measurements
  } finally {
    await Promise.all([load.stop(), ...running.map((server) => server.stop())])
  }
}

function checkStatuses({ kind }: RunningServer, workload: Workload, statuses: Record<number, number>): void {
  const expected = workload === 'write' ? '201' : '200'
  const others = Object.entries(statuses).filter(([status]) => status !== expected)
  if (others.length > 0) throw new Error(`${kind} answered ${JSON.stringify(statuses)} to ${workload}`)
}

function checkWritten(server: RunningServer, before: number, acknowledged: number): void {
  const written = countItems(server) - before
  if (written !== acknowledged) {
    throw new Error(`${server.kind} acknowledged ${acknowledged} writes, and its database has ${written} of them`)
  }
}
