import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged } from './acknowledged.ts'
import { checkDatabase } from './check.ts'
import { checkAnswers } from './check-answers.ts'
import { answeredAt } from './durability.campaign.ts'
import { losePower } from './power-loss.ts'
import { Random } from './random.ts'
import { Server } from './server.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace, traced } from './trace.ts'
import { Workload } from './workload.ts'

const clients = 6

// The first dozen syncs make the database, its tables and the seed; the later ones are of commits and checkpoints.
const latestOfStart = 14
const latestSync = 150

/**
 * An fsync fails: once, or from then on. The server must end and say so, and answer nothing that is not on disk, where
 * what the failed fsync should have written is lost.
 */
export const campaign: Campaign = {
  name: 'fsync',
  unit: 'faults',
  engines: ['sqlite'],
  seeds: 30,
  slice: [1, 2],
  unavailable: whyNoStrace,
  run: (seed, { folder }) => failSync(seed, folder),
}

async function failSync(seed: number, folder: string) {
  const random = new Random(seed)
  const latest = random.chance(0.3) ? latestOfStart : latestSync
  const which = `${1 + random.below(latest)}${random.chance(0.5) ? '+' : ''}`
  const ledger = new Acknowledged()
  const data = path.join(folder, 'data')
  const file = path.join(data, 'app.db')
  const traceFile = path.join(folder, 'trace')
  mkdirSync(data)
  const server = Server.spawn({ file, under: traced(traceFile, `fsync,fdatasync:error=EIO:when=${which}`) })
  const port = await server.listening()
  if (port !== null) await new Workload(seed, clients, ledger).run(port)
  const ended = await server.ended
  const trace = readTrace(traceFile, data)
  const failed = trace.events.find((event) => event.kind === 'sync' && event.failed)
  if (!failed) throw new Error(`sync ${which} was never reached: ${server.output}`)
  const violations = checkAnswers(ledger, ({ refusal }) => refusal?.status === 503)
  if (ended.code === 0 || ended.signal !== null) violations.push(`it ended with ${ended.signal ?? ended.code}`)
  if (!/disk|I\/O/i.test(server.output)) violations.push(`it did not say why it ended: ${server.output}`)
  const late = trace.events.filter((event) => event.kind === 'answer' && event.status < 300 && event.start > failed.end)
  return { count: 1, violations, late: late.length, which, where: port === null ? 'start' : 'load', ...(await after()) }

  /** What the disk holds, and whether a server starts from it. */
  async function after() {
    const lost = path.join(folder, 'lost')
    mkdirSync(lost)
    losePower(trace, trace.lines, 'synced', random, data, lost)
    const known = ledger.when(answeredAt(trace, trace.lines))
    violations.push(
      ...(await checkDatabase(path.join(lost, 'app.db'), known)).map((text) => `from synced bytes: ${text}`),
    )
    violations.push(...(await checkDatabase(file, ledger)))
    const again = Server.spawn({ file })
    if ((await again.listening()) === null) violations.push(`it does not start again: ${again.output}`)
    await again.stop()
    violations.push(...(await checkDatabase(file, ledger)).map((text) => `after another start: ${text}`))
    return {
      acknowledged: ledger.count('acknowledged'),
      failedPath: path.basename((failed as { path: string }).path),
      bytes: readFileSync(file).length,
    }
  }
}
