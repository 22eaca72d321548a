import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { createPostgresStorage, createSqliteStorage, type Storage } from '../../src/storage/index.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { whyNoPostgres } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { Random } from './random.ts'
import { definition } from './schedules-app.ts'
import { expectedTicks } from './schedules-oracle.ts'

/** Four processes, one database and a year: each tick must have run once, and nothing else. */
export const campaign: Campaign = {
  name: 'schedules',
  chance: 'The seed gives how time goes and who is killed when; which process is faster is up to the machine.',
  unit: 'faults',
  engines: ['sqlite', 'postgres'],
  // Three years on each engine.
  seeds: 3,
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? whyNoPostgres() : undefined),
  async run(seed, { engine, folder }) {
    const clock = new YearClock(path.join(folder, 'clock'))
    if (engine === 'sqlite') return runYear(seed, path.join(folder, 'data.db'), clock)
    const server = await PostgresServer.create()
    try {
      await server.query('create database app')
      return await runYear(seed, server.url('app'), clock)
    } finally {
      await server.remove()
    }
  },
}

const processes = 4
const hour = 3_600_000
const longestJump = 12 * 24 * hour
const from = Date.parse('2026-01-01T00:00:00Z')
const until = Date.parse('2027-01-01T00:00:00Z')

class YearClock {
  readonly file: string
  readonly #handle: number
  #now = from

  constructor(file: string) {
    this.file = file
    this.#handle = openSync(file, 'w')
    this.now = from
  }

  get now(): number {
    return this.#now
  }

  // Eight bytes at once: nobody reads half of a time.
  set now(now: number) {
    this.#now = now
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(now)
    writeSync(this.#handle, bytes, 0, 8, 0)
  }

  close(): void {
    closeSync(this.#handle)
  }
}

async function runYear(seed: number, database: string, clock: YearClock) {
  const random = new Random(seed)
  const storage = database.startsWith('postgres')
    ? createPostgresStorage({ url: database })
    : createSqliteStorage({ file: database })
  await storage.open()
  await storage.apply(definition.schema, await storage.compare(definition.schema))
  const fleet = await Promise.all(Array.from({ length: processes }, () => started(database, clock.file)))
  const expected = expectedTicks(from, until)
  let kills = 0
  let backwards = 0
  try {
    while (clock.now < until) {
      const next = expected.find(({ at }) => at > clock.now)?.at ?? until
      // Mostly right to a tick, which all see at once; sometimes past several, which happened while nobody looked.
      const jump = random.chance(0.6) ? random.below(longestJump) : 0
      clock.now = Math.min(Math.max(next, clock.now + jump), until)
      const looks = fleet.map(look)
      if (random.chance(0.06)) {
        const victim = random.below(processes)
        fleet[victim]!.kill('SIGKILL')
        kills++
        fleet[victim] = await started(database, clock.file)
      }
      await Promise.all(looks)
      if (random.chance(0.1)) {
        const truth = clock.now
        // Not to before they were first served, where they begin anew.
        clock.now = Math.max(truth - random.below(50 * hour), from)
        backwards++
        await Promise.all(fleet.map(look))
        clock.now = truth
      }
    }
    await Promise.all(fleet.map(look))
    const ran = await whatRan(storage)
    const wanted = expected.map(({ name, at }) => `${name} ${new Date(at).toISOString()}`)
    const took = new Set(ran.map(({ by }) => by)).size
    const violations = compare(
      wanted,
      ran.map(({ tick }) => tick),
    )
    if (took < 2) violations.push('one process let all ticks run: the others were never tried')
    return { count: kills + backwards, violations, ticks: wanted.length, kills, backwards, processes: took }
  } finally {
    for (const child of fleet) child.kill('SIGKILL')
    await storage.close()
    clock.close()
  }
}

async function started(database: string, clock: string): Promise<ChildProcess> {
  const program = path.join(import.meta.dirname, 'schedules-process.ts')
  const child = fork(program, [database, clock], { execArgv: ['--conditions=source'] })
  const said = await answer(child)
  if (said !== 'started') throw new Error(`a process ended with ${said} before it had started`)
  return child
}

/** Resolves when it has looked what is due, or is dead. */
async function look(child: ChildProcess): Promise<void> {
  if (!child.connected) return
  const answered = answer(child)
  child.send('look', () => {})
  await answered
}

/** The next message of a process, or how it ended. */
function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => {
    const done = (said: unknown) => {
      child.off('message', done).off('exit', done)
      resolve(said)
    }
    child.on('message', done).on('exit', done)
  })
}

async function whatRan(storage: Storage): Promise<{ tick: string; by: number }[]> {
  const all = { sql: 'select job, at, "by" from ran order by id', reach: 'plan' } as const
  const rows = await storage.read({ deadline: 10_000 }, (session) => session.all(all, []))
  return rows.map(({ job, at, by }) => ({ tick: `${String(job).replace('schedule:', '')} ${at}`, by: Number(by) }))
}

function compare(wanted: readonly string[], ran: readonly string[]): string[] {
  const seen = new Map<string, number>()
  for (const tick of ran) seen.set(tick, (seen.get(tick) ?? 0) + 1)
  return [
    ...wanted.filter((tick) => !seen.has(tick)).map((tick) => `${tick} did not run`),
    ...[...seen].filter(([, count]) => count > 1).map(([tick, count]) => `${tick} ran ${count} times`),
    ...[...seen.keys()].filter((tick) => !wanted.includes(tick)).map((tick) => `${tick} ran and was no tick`),
  ]
}
