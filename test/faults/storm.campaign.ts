import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { copyDatabase } from '../../src/storage/sqlite/sqlite-backup.ts'
import { openReader } from '../../src/storage/sqlite/sqlite-migration-reading.ts'
import type { Campaign } from '../campaign/campaign.ts'
import type { Sent } from './acknowledged.ts'
import type { Contents } from './contents.ts'
import { readSqlite } from './contents-sqlite.ts'
import { Fleet } from './fleet.ts'
import { type RoundsResult, runRounds } from './postgres-rounds.ts'
import type { Random } from './random.ts'
import type { Testing } from './server.ts'

const processes = 50

/** So many take longer than three do to start on two cores, and to serve whoever waits. */
const patience = 4

/** A write has ten seconds. Who is answered sooner that the file is locked was not waited for. */
const deadline = 9_900

/**
 * Many processes that know nothing of each other serve one SQLite file, and some are killed at every moment. A 503 at the
 * deadline is an answer; any other word of a lock is a violation, in their logs too.
 */
export const campaign: Campaign = {
  name: 'storm',
  chance:
    'The seed gives what is sent and which processes are killed when; who gets the lock when is up to the machine.',
  unit: 'faults',
  engines: ['sqlite'],
  // Some 70 kills.
  seeds: 2,
  slice: [1],
  run: (seed, { folder, lean }) =>
    runStorm(seed, folder, lean ? { nodes: 4, strikes: 1 } : { nodes: processes, strikes: 4 }),
}

export async function runStorm(
  seed: number,
  folder: string,
  { nodes, strikes }: { nodes: number; strikes: number },
  testing: Testing = {},
): Promise<RoundsResult> {
  const file = path.join(folder, 'app.db')
  let kills = 0
  let reads = 0
  let fleet: Fleet | undefined
  try {
    // All at once, on no database: one of them makes and fills it.
    fleet = await Fleet.start(Array(nodes).fill(file), { smallWal: seed % 2 === 0, ...testing }, { patience })
    const started = fleet
    const result = await runRounds({
      ...{ seed, faults: strikes, fleet, clients: nodes, isRight: isBusyAtDeadline },
      read: () => readWhileOpen(file, path.join(folder, `read-${++reads}.db`)),
      async strike(random) {
        // What a process has said goes with it.
        started.violations.push(...started.lockComplaints())
        const victims = drawVictims(random, nodes)
        kills += victims.length
        await Promise.all(
          victims.map(async (at) => {
            await wait(random.below(60))
            await started.kill(at)
            if (random.chance(0.2)) await started.killWhileStarting(at, random.below(800))
            await started.begin(at)
          }),
        )
        return { name: victims.length === nodes ? 'every process' : 'some processes' }
      },
    })
    const violations = [...new Set([...result.violations, ...fleet.lockComplaints()])]
    return { ...result, violations, count: kills, processes: nodes, strikes: result.count }
  } finally {
    fleet?.end()
  }
}

function drawVictims(random: Random, nodes: number): number[] {
  if (random.chance(0.1)) return [...Array(nodes).keys()]
  const most = Math.max(1, Math.floor(nodes / 5))
  return [...new Set(Array.from({ length: 1 + random.below(most) }, () => random.below(nodes)))]
}

/** Whether a request was answered that the file is locked, and had waited for it as long as it may. */
export function isBusyAtDeadline({ refusal, sentAt = 0, answeredAt = 0 }: Sent): boolean {
  if (refusal?.status !== 503 || answeredAt - sentAt < deadline) return false
  const code = /"code":"(\w+)"/.exec(refusal.body)?.[1]
  // A request of two transactions may have begun only the first.
  return code === 'deadline_exceeded' || (code === 'database_busy' && refusal.retryAfter !== undefined)
}

/** A copy at one instant: the processes that have the file open may move the WAL at any time. */
async function readWhileOpen(file: string, copy: string): Promise<Contents> {
  await copyDatabase(openReader(file), copy)
  return (await readSqlite(copy))!
}
