import type { LoggedTransaction } from '../../src/storage/index.ts'
import { LogTail } from '../../src/storage/postgres/postgres-tail.ts'
import type { Campaign, CampaignResult } from '../campaign/campaign.ts'
import { whyNoPostgres } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { Random } from '../faults/random.ts'
import { type Contents, checkOrder, replayed } from './log-order-check.ts'
import { connectOutside, connectTo, makeTables, type Sabotage } from './log-order-database.ts'
import { Tormentor } from './log-order-faults.ts'
import { NaiveReader, Reader } from './log-order-reader.ts'
import type { Transaction } from './log-order-truth.ts'
import { Writer } from './log-order-writer.ts'

let databases = 0

/** Seeds that `npm test` runs: few writers, some seconds. */
const leanSeeds = 3

/**
 * The order of the log on PostgreSQL: writers in all isolation levels, alone and in groups, with savepoints, rollbacks,
 * deadlocks, cascades and prepared transactions, beside long transactions here and in another database; whoever gives
 * positions is stopped, killed, cut off or silent; readers follow from several places.
 */
export const campaign: Campaign = {
  name: 'log-order',
  chance: 'The seed gives what is written; who overtakes whom is up to the machine.',
  unit: 'entries',
  engines: ['postgres'],
  seeds: 38,
  slice: [1],
  unavailable: whyNoPostgres,
  run: (seed) =>
    runSeed(seed, seed <= leanSeeds ? { writers: 16, transactions: 20 } : { writers: 64, transactions: 25 }),
}

export interface OrderResult extends CampaignResult {
  transactions: number
  /** What readers do that go by numbers alone: entries that `sequence > last` never saw, and rows that (xid, sequence) had in another order. */
  naive: { skipped: number; misordered: number }
}

export interface OrderSize {
  writers: number
  /** Of each. */
  transactions: number
}

export interface OrderFlaws {
  /** Where positions are given. */
  sabotage?: Sabotage
  /** Run on the database before anyone writes. */
  setup?: string
  /** Nodes are neither stopped nor killed, and nobody is silent: it takes half the time. */
  isCalm?: boolean
}

/** A server that takes more connections than most, and looks for deadlocks at once: some are meant. */
export function orderServer(): Promise<PostgresServer> {
  return PostgresServer.create({ max_connections: 120, max_prepared_transactions: 80, deadlock_timeout: '50ms' })
}

async function runSeed(seed: number, size: OrderSize): Promise<OrderResult> {
  const server = await orderServer()
  try {
    return await runOrder(server, seed, size)
  } finally {
    await server.remove()
  }
}

/** One seed on a server that may have served others. */
export async function runOrder(
  server: PostgresServer,
  seed: number,
  { writers, transactions }: OrderSize,
  { sabotage, setup, isCalm }: OrderFlaws = {},
): Promise<OrderResult> {
  const random = new Random(seed)
  const database = `log_${seed}_${databases++}`
  const url = server.url(database)
  await server.query(`create database ${database}`)
  const rows = Math.ceil(writers * 0.75)
  await makeTables(url, rows)
  if (setup) await server.query(setup, [], database)
  const truth: Transaction[] = [start(rows)]
  const long = await connectOutside(server.url())
  await long.query('begin')
  await long.query('select pg_current_xact_id()')

  let last: number | undefined
  const readers = [0, 0, 1].map((from) => new Reader(url, new Random(random.below(2 ** 31)), from))
  const following = readers.map((reader) => reader.follow(() => last, sabotage))
  const naive = new NaiveReader()
  const naively = naive.follow(url)
  const tormentor = new Tormentor(url, new Random(random.below(2 ** 31)))
  const tormenting = tormentor.run(isCalm ? 0 : 2)
  const writing = Array.from({ length: writers }, (_, at) =>
    new Writer(url, `w${at}`, new Random(random.below(2 ** 31)), rows, truth).run(transactions),
  )
  // Whoever fails ends the seed: the others would wait for what never comes.
  const failing = Promise.all([...following, naively, tormenting])
  await Promise.race([Promise.all([...writing, holdLong(url)]), failing.then(() => {})])
  await Promise.all(writing)
  tormentor.stop()
  naive.stop()
  const log = await readAll(url, sabotage)
  last = log.length
  await failing
  await long.end()

  const violations = [
    ...checkOrder(log, truth, await contentsOf(url)),
    ...readers.flatMap((reader) => reader.check(log, truth)).slice(0, 20),
  ]
  const entries = log.reduce((sum, logged) => sum + logged.entries.length, 0)
  return {
    count: entries,
    violations,
    transactions: truth.length,
    outcomes: Object.fromEntries(
      (['committed', 'rolled back', 'unknown'] as const).map((outcome) => [
        outcome,
        truth.filter((one) => one.outcome === outcome).length,
      ]),
    ),
    faults: tormentor.faults,
    naive: {
      skipped: log.flatMap((logged) => logged.entries).filter(({ sequence }) => !naive.seen.has(sequence)).length,
      misordered: replayed(await byNumber(url, log), await contentsOf(url)).length,
    },
  }
}

/** What was there before anyone wrote. */
function start(rows: number): Transaction {
  const changes = Array.from({ length: rows }, (_, at) => `insert item start.${at + 1}`)
  return {
    id: 'start',
    begun: -Infinity,
    ended: performance.now(),
    outcome: 'committed',
    units: [{ changes, actor: undefined, saw: [] }],
  }
}

/** A transaction of this database that lasts. */
async function holdLong(url: string): Promise<void> {
  const client = await connectOutside(url, 'long')
  await client.query('begin')
  await client.query('select pg_current_xact_id(), pg_sleep(1)')
  await client.query('rollback')
  await client.end()
}

async function readAll(url: string, sabotage?: Sabotage): Promise<LoggedTransaction[]> {
  const { ask, close } = await connectTo(url, 'monobloc', sabotage)
  const tail = new LogTail()
  const log: LoggedTransaction[] = []
  for (;;) {
    const access = { ask, now: Date.now(), deadlineAt: performance.now() + 60_000 }
    const page = await tail.read(access, log.length, 5_000)
    if (page.length === 0) break
    log.push(...page)
  }
  await close()
  return log
}

async function contentsOf(url: string): Promise<Contents> {
  const client = await connectOutside(url)
  const contents: Contents = new Map()
  for (const table of ['item', 'part', 'scratch']) {
    const { rows } = await client.query(`select * from ${table}`)
    for (const row of rows) {
      const numbers = Object.entries(row).map(([name, value]) => [name, name === 'note' ? value : Number(value)])
      contents.set(`${table} ${row.id}`, Object.fromEntries(numbers))
    }
  }
  await client.end()
  return contents
}

/** The entries as a consumer gets them that goes by (xid, sequence), each alone. */
async function byNumber(url: string, log: readonly LoggedTransaction[]): Promise<LoggedTransaction[]> {
  const client = await connectOutside(url)
  const { rows } = await client.query('select sequence from monobloc_log where operation <> 5 order by xid, sequence')
  await client.end()
  const all = new Map(
    log.flatMap((logged) => logged.entries.map((entry) => [entry.sequence, { ...logged, entries: [entry] }])),
  )
  return rows.flatMap(({ sequence }) => all.get(Number(sequence)) ?? [])
}
