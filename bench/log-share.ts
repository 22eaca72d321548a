import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startLoadProcess } from './load/load-process.ts'
import { median, rounded } from './measurement.ts'
import { createMonoblocSeed } from './seeds.ts'
import { startServer } from './server-kind.ts'
import { requestsOf } from './workload.ts'

/** What the commit log adds to a durable POST. */
export interface LogShare {
  workload: 'log'
  server: 'monobloc'
  /** POSTs per second. */
  logged: number
  unlogged: number
  /** Of the time of a POST, 0 to 1: the median of the rounds. */
  share: number
  shareRange: [number, number]
}

interface Options {
  folder: string
  connections: number
  rounds: number
  seconds: number
  warmUp: number
}

/** The same POSTs with the triggers of the log and without them, in turns. */
export async function measureLogShare(options: Options, say: (line: string) => void): Promise<LogShare> {
  say('Filling the table for the share of the log.')
  const seed = path.join(options.folder, 'seed')
  await createMonoblocSeed(seed)
  const server = await startServer('monobloc', path.join(seed, 'app.db'), path.join(options.folder, 'log'))
  const load = startLoadProcess()
  const { port, pid } = server
  const run = async (seconds: number) => {
    const requests = requestsOf('write', port)
    const { connections } = options
    const order = { name: 'the log', requests, port, pid, connections, leadIn: 0.3, seconds }
    const result = await load.run(order)
    if (Object.keys(result.statuses).some((status) => status !== '201'))
      throw new Error(`monobloc answered ${JSON.stringify(result.statuses)} to writes`)
    return result.requests / result.seconds
  }
  try {
    await run(options.warmUp)
    const rounds: { logged: number; unlogged: number }[] = []
    for (let round = 1; round <= options.rounds; round++) {
      const logged = await run(options.seconds)
      const wake = putTriggersToSleep(server.file!)
      const unlogged = await run(options.seconds)
      wake()
      rounds.push({ logged, unlogged })
      say(`log ${round}/${options.rounds}: ${Math.round(logged)} requests/s, ${Math.round(unlogged)} without it`)
    }
    const shares = rounds.map(({ logged, unlogged }) => 1 - logged / unlogged)
    return {
      workload: 'log',
      server: 'monobloc',
      logged: Math.round(median(rounds.map(({ logged }) => logged))),
      unlogged: Math.round(median(rounds.map(({ unlogged }) => unlogged))),
      share: rounded(median(shares), 3),
      shareRange: [rounded(Math.min(...shares), 3), rounded(Math.max(...shares), 3)],
    }
  } finally {
    await Promise.all([load.stop(), server.stop()])
  }
}

/** Takes the triggers of the log away. @returns puts them back */
function putTriggersToSleep(file: string): () => void {
  const change = (statements: readonly string[]) => {
    const db = new DatabaseSync(file, { timeout: 10_000 })
    try {
      for (const sql of statements) db.exec(sql)
    } finally {
      db.close()
    }
  }
  const db = new DatabaseSync(file, { readOnly: true })
  const triggers = db
    .prepare("select name, sql from sqlite_schema where type = 'trigger' and name like 'monobloc_log_%'")
    .all() as { name: string; sql: string }[]
  db.close()
  if (triggers.length === 0) throw new Error(`${file} has no triggers of the log`)
  change(triggers.map(({ name }) => `drop trigger "${name}"`))
  return () => change(triggers.map(({ sql }) => sql))
}
