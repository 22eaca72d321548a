import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign } from '../campaign/campaign.ts'
import { readPostgres } from './contents-postgres.ts'
import { Fleet } from './fleet.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresProxy } from './postgres-proxy.ts'
import { type RoundsResult, runRounds } from './postgres-rounds.ts'
import { PostgresServer } from './postgres-server.ts'
import type { Testing } from './server.ts'

/** The primary is killed under load, its synchronous standby takes over, and the nodes go on without a restart. */
export const campaign: Campaign = {
  name: 'failover',
  chance: 'The seed gives what is sent and when the primary dies; how far all have come by then is up to the machine.',
  unit: 'faults',
  engines: ['postgres'],
  // 30 failovers.
  seeds: 10,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed, { lean }) => runFailovers(seed, lean ? 1 : 3),
}

/**
 * How the primary dies.
 *
 * - `at once`.
 * - `cut off`: some time after the standby has heard from it for the last time.
 * - `ended`, `cancelled`: before that, those commits that wait for the standby are made to wait no longer. They are visible
 *   then, and on the primary only, so that they must not be acknowledged.
 */
const ways = ['at once', 'at once', 'cut off', 'ended', 'cancelled'] as const

async function stopWaiting(server: PostgresServer, how: 'ended' | 'cancelled'): Promise<void> {
  const end = how === 'ended' ? 'pg_terminate_backend' : 'pg_cancel_backend'
  const until = performance.now() + longestSearch
  let ended = 0
  while (ended === 0 && performance.now() < until) {
    ended = (await server.query(`select ${end}(pid) from pg_stat_activity where wait_event = 'SyncRep'`)).length
    await wait(20)
  }
  // Time to acknowledge what should not be.
  await wait(longestLook)
}

/** Milliseconds until a commit waits for a standby that is not there. */
const longestSearch = 5_000

/** Milliseconds in which a node, whose connection has ended, can have looked what became of its commit. */
const longestLook = 700

/**
 * One node knows both servers by a URL with two hosts; the other one talks to a proxy that is switched over.
 *
 * @param synchronous false: commits wait for nobody, so that those are lost which the standby has not heard of
 */
export async function runFailovers(
  seed: number,
  faults: number,
  { synchronous = true, testing = {} }: { synchronous?: boolean; testing?: Testing } = {},
): Promise<RoundsResult> {
  let primary = await PostgresServer.create()
  let standby: PostgresServer | undefined
  const proxy = await PostgresProxy.listen(primary.port)
  // What the standby hears of the primary goes through here.
  const wire = await PostgresProxy.listen(primary.port)
  let fleet: Fleet | undefined
  try {
    await primary.query('create database app')
    standby = await PostgresServer.standbyOf(primary, wire.port)
    await primary.waitForStandby(synchronous ? undefined : false)
    const both = `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`
    const url = `postgres://root@${both}/app?target_session_attrs=read-write`
    fleet = await Fleet.start([url, proxy.url('app')], testing)
    return await runRounds({
      ...{ seed, faults, fleet },
      read: () => readPostgres(primary.url('app')),
      async strike(random, round) {
        const [dying, next] = [primary, standby!]
        const how = synchronous ? random.pick(ways) : 'cut off'
        if (how !== 'at once') {
          // The standby hears nothing more, so that whatever is acknowledged now would be on the primary only.
          wire.isClosed = true
          wire.cutAll()
          if (synchronous) await Promise.race([round.answers(5), wait(random.below(1_000))])
          else await round.answers(30)
        }
        if (how === 'ended' || how === 'cancelled') await stopWaiting(dying, how)
        await dying.kill()
        proxy.cutAll()
        await wait(random.below(500))
        await next.promote()
        proxy.target = next.port
        ;[primary, standby] = [next, dying]
        wire.target = next.port
        wire.isClosed = false
        await dying.follow(next, wire.port)
        await next.waitForStandby(synchronous ? undefined : false)
        return { name: how }
      },
    })
  } finally {
    fleet?.end()
    await proxy.close()
    await wire.close()
    await primary.remove()
    await standby?.remove()
  }
}
