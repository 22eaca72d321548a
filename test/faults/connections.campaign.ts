import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign } from '../campaign/campaign.ts'
import { Bouncer } from './bouncer.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import { whyNoBouncer, whyNoPostgres } from './postgres-programs.ts'
import { cuts, PostgresProxy } from './postgres-proxy.ts'
import { type RoundsResult, runRounds } from './postgres-rounds.ts'
import { PostgresServer } from './postgres-server.ts'
import type { Random } from './random.ts'
import type { Testing } from './server.ts'

const nodes = 2

/** When a moment to cut does not come: nothing is sent, or every connection was cut already. */
const longestWait = 10_000

/**
 * Connections to the database end: by a proxy before, while and after a COMMIT or its answer passes, or because the server
 * ends them. Two thirds of the seeds go to the server directly, the others through PgBouncer.
 */
export const campaign: Campaign = {
  name: 'connections',
  chance: 'The seed gives what is sent and which cut comes next; which transaction it hits is up to the machine.',
  unit: 'faults',
  engines: ['postgres'],
  // 120 cuts.
  seeds: 12,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed, { lean }) => runCuts(seed, lean ? 3 : 10, { pooler: seed % 3 === 0 && whyNoBouncer() === undefined }),
}

export async function runCuts(
  seed: number,
  faults: number,
  { pooler = false, testing = {} }: { pooler?: boolean; testing?: Testing },
): Promise<RoundsResult> {
  const server = await PostgresServer.create()
  const proxy = await PostgresProxy.listen(server.port)
  const bouncer = pooler ? await Bouncer.start(proxy.port) : undefined
  let fleet: Fleet | undefined
  try {
    await server.query('create database app')
    const url = bouncer ? `${bouncer.url('app')}?pgbouncer=true` : proxy.url('app')
    fleet = await Fleet.start(Array(nodes).fill(url), testing, bouncer && { direct: server.url('app') })
    const result = await runRounds({
      ...{ seed, faults, fleet },
      read: () => readPostgres(server.url('app')),
      strike: async (random) => ({ name: await strike(random, server, proxy), over: proxy.heard() }),
    })
    return { ...result, pooler }
  } finally {
    fleet?.end()
    await bouncer?.remove()
    await proxy.close()
    await server.remove()
  }
}

async function strike(random: Random, server: PostgresServer, proxy: PostgresProxy): Promise<string> {
  if (random.chance(0.2)) return terminate(random, server)
  if (random.chance(0.1)) {
    proxy.cutAll()
    return 'cut: every connection'
  }
  const cut = random.pick(cuts)
  await Promise.race([proxy.strike(cut), wait(longestWait, undefined, { ref: false })])
  proxy.disarm()
  return `cut: ${cut}`
}

/** The server ends one connection of those that are in a transaction, or any, or all. */
async function terminate(random: Random, server: PostgresServer): Promise<string> {
  const which = random.pick(['one that works', 'any', 'all'] as const)
  const pids = await server.query<{ pid: number }>(`
    select pid from pg_stat_activity where datname = 'app' and backend_type = 'client backend'
    ${which === 'one that works' ? "and state <> 'idle'" : ''}`)
  const some = which === 'all' || pids.length === 0 ? pids : [random.pick(pids)]
  for (const { pid } of some) await server.query('select pg_terminate_backend($1)', [pid])
  return `terminated: ${which}`
}
