import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign } from '../campaign/campaign.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresProxy } from './postgres-proxy.ts'
import { type RoundsResult, runRounds } from './postgres-rounds.ts'
import { PostgresServer } from './postgres-server.ts'
import { signal } from './processes.ts'
import type { Random } from './random.ts'
import type { Testing } from './server.ts'

const nodes = 2

/** The PostgreSQL server dies and comes again: wholly, one of its processes, or it stands still. The nodes stay. */
export const campaign: Campaign = {
  name: 'server',
  chance:
    'The seed gives what is sent and what happens to the server; how far all have come by then is up to the machine.',
  unit: 'faults',
  engines: ['postgres'],
  // 40 faults.
  seeds: 8,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed, { lean }) => runServerDeaths(seed, lean ? 1 : 5),
}

export async function runServerDeaths(seed: number, faults: number, testing: Testing = {}): Promise<RoundsResult> {
  const server = await PostgresServer.create()
  const proxy = await PostgresProxy.listen(server.port)
  let fleet: Fleet | undefined
  try {
    await server.query('create database app')
    fleet = await Fleet.start([server.url('app'), proxy.url('app')].slice(0, nodes), testing)
    return await runRounds({
      ...{ seed, faults, fleet },
      read: () => readPostgres(server.url('app')),
      strike: async (random) => ({ name: await strike(random, server, proxy) }),
    })
  } finally {
    fleet?.end()
    await proxy.close()
    await server.remove()
  }
}

async function strike(random: Random, server: PostgresServer, proxy: PostgresProxy): Promise<string> {
  const kind = random.pick([
    'killed',
    'killed',
    'killed at a COMMIT',
    'stopped',
    'one process',
    'stands still',
  ] as const)
  switch (kind) {
    case 'killed':
      await server.kill()
      break
    case 'killed at a COMMIT':
      // It has not been flushed, and what it is called may be given to another one after the start.
      await Promise.race([proxy.strike(random.pick(['silent', 'deaf'])), wait(5_000, undefined, { ref: false })])
      proxy.disarm()
      await server.kill()
      proxy.cutAll()
      break
    case 'stopped':
      await server.stop()
      break
    case 'one process': {
      const backends = server.processes('app')
      if (backends.length > 0) signal(random.pick(backends), 'SIGKILL')
      return kind
    }
    case 'stands still': {
      const processes = server.processes('')
      for (const one of processes) signal(one, 'SIGSTOP')
      await wait(200 + random.below(2_000))
      for (const one of processes) signal(one, 'SIGCONT')
      return kind
    }
  }
  await wait(random.chance(0.5) ? 0 : random.below(1_500))
  await server.start()
  return kind
}
