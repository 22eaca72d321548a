import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign } from '../campaign/campaign.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { type RoundsResult, runRounds } from './postgres-rounds.ts'
import { PostgresServer } from './postgres-server.ts'
import type { Testing } from './server.ts'

const nodes = 3

/** Several nodes serve one PostgreSQL database; one of them is killed while the others go on. */
export const campaign: Campaign = {
  name: 'nodes',
  chance:
    'The seed gives what is sent and which node is killed when; how far all have come by then is up to the machine.',
  unit: 'faults',
  engines: ['postgres'],
  // 60 kills.
  seeds: 10,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed, { lean }) => runNodeKills(seed, lean ? 2 : 6),
}

export async function runNodeKills(seed: number, faults: number, testing: Testing = {}): Promise<RoundsResult> {
  const server = await PostgresServer.create()
  const url = server.url('app')
  let fleet: Fleet | undefined
  try {
    await server.query('create database app')
    // All at once, on an empty database: one of them makes the tables, and one fills them.
    fleet = await Fleet.start(Array(nodes).fill(url), testing)
    const started = fleet
    return await runRounds({
      ...{ seed, faults, fleet },
      read: () => readPostgres(url),
      async strike(random) {
        const victims = random.chance(0.15) ? started.all() : [random.below(nodes)]
        await wait(random.below(40))
        await Promise.all(victims.map((at) => started.kill(at)))
        if (random.chance(0.2)) await started.killWhileStarting(victims[0]!, random.below(500))
        await Promise.all(victims.map((at) => started.begin(at)))
        return { name: victims.length > 1 ? 'every node' : 'one node' }
      },
    })
  } finally {
    fleet?.end()
    await server.remove()
  }
}
