import { existsSync } from 'node:fs'
import path from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged } from './acknowledged.ts'
import { checkDatabase } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import { holdersOf } from './open-files.ts'
import { Random } from './random.ts'
import { retryKeys } from './retry.ts'
import { Server, type Testing } from './server.ts'
import { Workload } from './workload.ts'

const clients = 8

// The processes that read for a server see its end at once; on a busy machine they need a moment to act on it.
const goneMilliseconds = 5000

// A server that answers nothing is killed after this long; what it owes then shows at the next start.
const longestLoad = 30_000

/** One database is killed so many times, so that what one crash left behind is there at the next. */
const killsPerSeed = 15

/** A server under concurrent writes is killed, looked at and started again. */
export const campaign: Campaign = {
  name: 'crash',
  chance:
    'The seed gives what each client sends and when the server is killed; how far it has come by then is up to the machine, so that a violation may need more than one run to come back.',
  unit: 'faults',
  engines: ['sqlite'],
  // 540 kills.
  seeds: 36,
  slice: [1],
  // Half of them move the WAL into the database all the time, which is rare otherwise.
  run: (seed, { folder, lean }) => runCrashes(seed, folder, lean ? 6 : killsPerSeed, { smallWal: seed % 2 === 0 }),
}

export async function runCrashes(seed: number, folder: string, kills: number, testing: Testing = {}) {
  const file = path.join(folder, 'app.db')
  const random = new Random(seed)
  const ledger = new Acknowledged()
  const workload = new Workload(seed, clients, ledger)
  const violations: string[] = []
  const underWay: number[] = []
  let retried = 0
  let count = 0
  while (count < kills && violations.length === 0) {
    const server = Server.spawn({ database: file, testing })
    const kill = count === 0 ? drawFirstKill(random) : drawKill(random)
    void killAt(kill, server, workload, file)
    if (kill.at === 'time' || kill.at === 'answer') {
      const port = await server.listening()
      if (port === null) return { count, violations: [`it does not start: ${server.output}`] }
      const retry = await retryKeys(port, ledger, random)
      retried += retry.count
      violations.push(...retry.violations)
      underWay.push(await workload.run(port))
    }
    const { code, signal } = await server.ended
    count++
    const holders = await holdersOf(file, goneMilliseconds)
    const found = [
      ...(signal === 'SIGKILL' ? [] : [`it ended by itself with ${signal ?? code}: ${server.output}`]),
      ...(holders.length === 0 ? [] : [`process ${holders.join()} still has the database open`]),
      ...(await checkDatabase(file, ledger)),
    ]
    violations.push(...found.map((text) => `after kill ${count}: ${text}`))
  }
  violations.push(...workload.violations, ...checkAnswers(ledger))
  return {
    count,
    violations,
    requests: ledger.all().length,
    acknowledged: ledger.count('acknowledged'),
    refused: ledger.count('refused'),
    kept: ledger.count('kept'),
    gone: ledger.count('gone'),
    retried,
    underWay,
  }
}

type Kill = { at: 'creation' | 'start' | 'time'; milliseconds: number } | { at: 'answer'; answers: number }

/** While the database, its tables and the first rows are made. */
function drawFirstKill(random: Random): Kill {
  return { at: 'creation', milliseconds: random.below(80) }
}

/** Most kills fall among the first writes; some right upon an answer, some while it starts and recovers. */
function drawKill(random: Random): Kill {
  const dice = random.next()
  if (dice < 0.1) return { at: 'start', milliseconds: random.below(800) }
  if (dice < 0.4) return { at: 'answer', answers: 1 + random.below(150) }
  return { at: 'time', milliseconds: random.next() < 0.8 ? random.below(80) : random.below(1000) }
}

/** Times of load begin with its first request. */
async function killAt(kill: Kill, server: Server, workload: Workload, file: string): Promise<void> {
  switch (kill.at) {
    case 'creation':
      while (!existsSync(file) && !server.hasEnded) await setImmediate()
      break
    case 'time':
      await workload.started()
      break
    case 'answer':
      await workload.started()
      await Promise.race([
        workload.answered(workload.answers + kill.answers),
        setTimeout(longestLoad, undefined, { ref: false }),
      ])
  }
  if (kill.at !== 'answer') await setTimeout(kill.milliseconds)
  server.kill()
}
