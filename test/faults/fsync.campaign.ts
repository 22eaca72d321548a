import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged } from './acknowledged.ts'
import { checkAftermath } from './aftermath.ts'
import { checkAnswers } from './check-answers.ts'
import { Random } from './random.ts'
import { Server } from './server.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace, type Trace, type TraceEvent } from './trace.ts'
import { Workload } from './workload.ts'

const clients = 6

// The first dozen syncs make the database, its tables and the seed; the later ones are of commits and checkpoints.
const syncsOfStart = 14
const latestSync = 150

// Enough for half as many syncs again.
const requestsPerClient = 100

/**
 * An fsync fails: once, or from then on. The server must ask nothing more of its database, end with 74 and say so, and
 * answer nothing that is not on disk, where what the failed fsync should have written is lost. (SQLite goes on when the
 * sync of a folder fails; Monobloc syncs the folder again before it serves.)
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
    database: file,
    testing: { smallWal: seed % 2 === 0 },
    trace: { file: traceFile, inject: [`fsync,fdatasync:error=EIO:when=${which}`] },
  })
  const port = await server.listening()
  if (port !== null) await new Workload(seed, clients, ledger).run(port, requestsPerClient)
  const isUp = await server.isUp()
  if (isUp) server.kill()
  const { code, signal } = await server.ended
  const trace = readTrace(traceFile, disk)
  const failures = trace.events.filter((event) => event.kind === 'sync').filter((event) => event.failed)
  if (failures.length === 0) throw new Error(`sync ${which} was never reached: ${server.output}`)
  const ignored = ignoredBySqlite(trace, path.dirname(file))
  const failed = failures.find((event) => !ignored.includes(event))
  const violations = [
    ...(failed ? lateEvents(trace, failed) : []),
    ...checkAnswers(ledger),
    ...(isUp && failed ? ['it went on after the failure'] : []),
    ...(isUp || code === 74 ? [] : [`it ended with ${signal ?? code}`]),
    ...(isUp || /disk I\/O error|EIO/.test(server.output) ? [] : [`it did not say why it ended: ${server.output}`]),
    ...(await checkAftermath(file, ledger, { trace, disk, scratch: path.join(folder, 'lost'), random })),
  ]
  return {
    count: 1,
    violations,
    which,
    during: port === null ? 'start' : 'load',
    of: path.basename((failed ?? failures[0]!).path),
    code,
    acknowledged: ledger.count('acknowledged'),
  }
}

/**
 * SQLite syncs the folder when it has made the journal of a new database, and again for the WAL, and goes on when that
 * fails. Monobloc syncs it once more before it serves: that one counts.
 */
function ignoredBySqlite({ events }: Trace, folder: string): TraceEvent[] {
  return events.filter((event) => event.kind === 'sync' && event.path === folder).slice(0, 2)
}

/** What may not follow upon a failed sync. While there is no WAL nothing is committed, and SQLite undoes what it began. */
function lateEvents({ events }: Trace, failed: TraceEvent): string[] {
  const late = events.filter(({ start }) => start > failed.end)
  const hasWal = events.some(
    (event) => event.kind === 'create' && event.path.endsWith('-wal') && event.start < failed.start,
  )
  return late.flatMap((event) => {
    if (event.kind === 'answer')
      return event.status < 300 ? [`${event.request} was acknowledged after the failure`] : []
    const isOfDatabase = hasWal && !event.path.endsWith('-shm')
    return isOfDatabase ? [`${event.kind} of ${path.basename(event.path)} after the failure`] : []
  })
}

/** Each sync of the start once alone and once with all after it; then any. */
function drawSync(seed: number, random: Random): string {
  if (seed <= 2 * syncsOfStart) return `${Math.ceil(seed / 2)}${seed % 2 === 0 ? '+' : ''}`
  return `${1 + random.below(latestSync)}${random.chance(0.5) ? '+' : ''}`
}
