// What became of a COMMIT, asked of the storage itself: fast, so that many are cut, and with nothing above it that could
// hide what it says.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MonoblocError } from '../../src/errors.ts'
import { createPostgresStorage, type Statement, type Storage } from '../../src/storage/index.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { Bouncer } from './bouncer.ts'
import { whyNoBouncer, whyNoPostgres } from './postgres-programs.ts'
import { cuts, PostgresProxy } from './postgres-proxy.ts'
import { PostgresServer } from './postgres-server.ts'
import { Random } from './random.ts'

const writersPerStorage = 8

/** Milliseconds of each write: short, so that those on a silent connection do not hold the others up for long. */
const deadline = 4_000

/** Moments to cut come many times a second, unless everything stands still until the deadline. */
const longestWait = 2 * deadline

export const campaign: Campaign = {
  name: 'outcome',
  chance: 'The seed gives which cut comes next; which COMMIT it hits is up to the machine.',
  unit: 'faults',
  engines: ['postgres'],
  // 600 cuts.
  seeds: 15,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed, { lean }) => runOutcomes(seed, lean ? 8 : 40, { pooler: seed % 5 === 0 && whyNoBouncer() === undefined }),
}

const insert: Statement = { sql: 'insert into unit values ($1)', reach: 'bounded' }
const count: Statement = { sql: 'update counter set value = value + 1 where name = $1', reach: 'bounded' }
const look: Statement = { sql: 'select count(*)::int from unit where id = $1', reach: 'bounded' }

type Known = 'acknowledged' | 'refused' | 'unknown'

export async function runOutcomes(
  seed: number,
  faults: number,
  { pooler = false, testing = {} }: { pooler?: boolean; testing?: { acknowledgeEarly?: boolean } } = {},
) {
  const random = new Random(seed)
  const server = await PostgresServer.create()
  const proxy = await PostgresProxy.listen(server.port)
  const bouncer = pooler ? await Bouncer.start(proxy.port) : undefined
  const url = bouncer ? `${bouncer.url('app')}?pgbouncer=true` : proxy.url('app')
  const storages = [url, url].map((url) => createPostgresStorage({ url, testing } as { url: string }))
  const known = new Map<string, Known>()
  const violations: string[] = []
  const struck: Record<string, number> = {}
  let isOver = false
  try {
    await server.query('create database app')
    const tables = `create table unit (id text); create table counter (name text primary key, value int);
      insert into counter select generate_series(1, 4), 0`
    await server.query(tables, [], 'app')
    await Promise.all(storages.map((storage) => storage.open()))
    const writing = storages.flatMap((storage, at) =>
      Array.from({ length: writersPerStorage }, async (_, place) => {
        const draw = new Random(seed, 1 + at * writersPerStorage + place)
        while (!isOver) violations.push(...(await writeOne(storage, storages[1 - at]!, draw, known)))
      }),
    )
    for (let at = 0; at < faults; at++) {
      const name = await strike(random, server, proxy)
      struck[name] = (struck[name] ?? 0) + 1
    }
    isOver = true
    await Promise.all(writing)
    violations.push(...(await check(server, known)))
  } finally {
    isOver = true
    await Promise.all(storages.map((storage) => storage.close()))
    await bouncer?.remove()
    await proxy.close()
    await server.remove()
  }
  const of = (what: Known) => [...known.values()].filter((one) => one === what).length
  return {
    ...{ count: faults, violations: violations.slice(0, 10), faults: struck, pooler, writes: known.size },
    ...{ acknowledged: of('acknowledged'), refused: of('refused'), unknown: of('unknown') },
  }
}

/** @returns what its answer, or a read after it, should not have been */
async function writeOne(
  storage: Storage,
  other: Storage,
  random: Random,
  known: Map<string, Known>,
): Promise<string[]> {
  const id = randomUUID()
  // Some of them meet others at the same row.
  const isShared = random.chance(0.3)
  try {
    await storage.write({ deadline }, async (session) => {
      await session.run(insert, [id])
      if (isShared) await session.run(count, [String(1 + random.below(4))])
    })
    known.set(id, 'acknowledged')
  } catch (error) {
    const code = error instanceof MonoblocError ? error.code : String(error)
    known.set(id, code === 'commit_unknown' ? 'unknown' : 'refused')
    return error instanceof MonoblocError && error.status === 503 ? [] : [`a write was answered with ${error}`]
  }
  if (!random.chance(0.2)) return []
  try {
    const found = await other.read({ deadline }, (session) => session.value(look, [id]))
    return Number(found) === 1 ? [] : [`${id} was acknowledged, and is there ${found} times for the next who looks`]
  } catch (error) {
    return error instanceof MonoblocError && error.status === 503 ? [] : [`a read was answered with ${error}`]
  }
}

async function strike(random: Random, server: PostgresServer, proxy: PostgresProxy): Promise<string> {
  await wait(random.below(30))
  if (random.chance(0.04)) {
    await server.kill()
    await server.start()
    return 'the server was killed'
  }
  const cut = random.pick(cuts)
  await Promise.race([proxy.strike(cut), wait(longestWait, undefined, { ref: false })])
  proxy.disarm()
  if (!random.chance(0.1)) return cut
  // Upon that the server dies, so that what had not been flushed is gone, and its number is given to another one.
  await server.kill()
  await server.start()
  return `${cut}, and the server was killed`
}

async function check(server: PostgresServer, known: Map<string, Known>): Promise<string[]> {
  const busy = `select from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle'`
  while ((await server.query(busy)).length > 0) await wait(20)
  const rows = await server.query<{ id: string; count: number }>(
    'select id, count(*)::int as count from unit group by id',
    [],
    'app',
  )
  const found = new Map(rows.map(({ id, count }) => [id, count]))
  return [...known].flatMap(([id, what]) => {
    const count = found.get(id) ?? 0
    const isRight = what === 'acknowledged' ? count === 1 : what === 'refused' ? count === 0 : count <= 1
    return isRight ? [] : [`${id} was ${what}, and is there ${count} times`]
  })
}
