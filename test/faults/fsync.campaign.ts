import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged } from './acknowledged.ts'
import { checkAftermath } from './aftermath.ts'
import { checkAnswers } from './check-answers.ts'
import { Random } from './random.ts'
import { Server } from './server.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace } from './trace.ts'
import { Workload } from './workload.ts'

const clients = 6

// The first dozen syncs make the database, its tables and the seed; the later ones are of commits and checkpoints.
const syncsOfStart = 14
const latestSync = 150

// Enough for half as many syncs again.
const requestsPerClient = 100

/**
 * An fsync fails: once, or from then on. The server must end and say so, and answer nothing that is not on disk, where
 * what the failed fsync should have written is lost. (SQLite goes on when the sync of a folder fails; Monobloc syncs the
 * folder again before it serves.)
 */
export const campaign: Campaign = {
  name: 'fsync',
  chance:
    'The seed gives what each client sends and which call fails; which requests that call serves is up to the machine.',
  unit: 'faults',
  engines: ['sqlite'],
  seeds: 68,
  slice: [13, 43],
  unavailable: whyNoStrace,
  run: (seed, { folder }) => failSync(seed, folder),
}

async function failSync(seed: number, folder: string) {
  const random = new Random(seed)
  const which = drawSync(seed, random)
  const ledger = new Acknowledged()
  const disk = path.join(folder, 'disk')
  const file = path.join(disk, 'data/app.db')
  const traceFile = path.join(folder, 'trace')
  mkdirSync(disk)
  const server = Server.spawn({
    file,
    testing: { smallWal: seed % 2 === 0 },
    trace: { file: traceFile, inject: [`fsync,fdatasync:error=EIO:when=${which}`] },
  })
  const port = await server.listening()
  if (port !== null) await new Workload(seed, clients, ledger).run(port, requestsPerClient)
  const isUp = await server.isUp()
  if (isUp) server.kill()
  const { code, signal } = await server.ended
  const trace = readTrace(traceFile, disk)
  const failed = trace.events.find((event) => event.kind === 'sync' && event.failed)
  if (failed?.kind !== 'sync') throw new Error(`sync ${which} was never reached: ${server.output}`)
  const isOfFolder = failed.path === path.dirname(file)
  const late = isOfFolder
    ? []
    : trace.events.filter((event) => event.kind === 'answer' && event.status < 300 && event.start > failed.end)
  const violations = [
    ...late.map((event) => `${event.kind === 'answer' && event.request} was acknowledged after the failure`),
    ...checkAnswers(ledger),
    ...(isUp && failed.path !== path.dirname(file)
      ? [`it went on after ${path.basename(failed.path)} could not be synced`]
      : []),
    ...(!isUp && !code ? [`it ended with ${signal ?? code}`] : []),
    ...(isUp || /disk I\/O error|EIO/.test(server.output) ? [] : [`it did not say why it ended: ${server.output}`]),
    ...(await checkAftermath(file, ledger, { trace, disk, scratch: path.join(folder, 'lost'), random })),
  ]
  return {
    count: 1,
    violations,
    which,
    during: port === null ? 'start' : 'load',
    of: path.basename(failed.path),
    code,
    acknowledged: ledger.count('acknowledged'),
  }
}

/** Each sync of the start once alone and once with all after it; then any. */
function drawSync(seed: number, random: Random): string {
  if (seed <= 2 * syncsOfStart) return `${Math.ceil(seed / 2)}${seed % 2 === 0 ? '+' : ''}`
  return `${1 + random.below(latestSync)}${random.chance(0.5) ? '+' : ''}`
}
