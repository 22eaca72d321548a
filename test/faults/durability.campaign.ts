import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged } from './acknowledged.ts'
import { checkRestart } from './aftermath.ts'
import { checkDatabase } from './check.ts'
import { answeredAt, losePower, losses } from './power-loss.ts'
import { Random } from './random.ts'
import { Server, type Testing } from './server.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace, type Trace } from './trace.ts'
import { Workload } from './workload.ts'

const clients = 6

/** In a folder that the server makes: after the power failed that must be there too. */
const database = 'data/app.db'

/** Of so many rebuilt databases one is started from, too. */
const restartEvery = 15

/**
 * The power fails. A SIGKILL can't show that, since what was written stays in the page cache: so a recorder writes down
 * what the server wrote and synced, and the files are rebuilt as a disk may hold them at some moment.
 */
export const campaign: Campaign = {
  name: 'durability',
  chance:
    'The seed gives what each client sends and how moments are drawn from the trace; the trace is another one each time. That of a violation is kept with its files.',
  unit: 'faults',
  engines: ['sqlite'],
  seeds: 20,
  slice: [1],
  unavailable: whyNoStrace,
  run: (seed, { folder, lean }) => runPowerLosses(seed, folder, lean ? 12 : 30, { smallWal: seed % 2 === 0 }),
}

export async function runPowerLosses(seed: number, folder: string, moments: number, testing: Testing = {}) {
  const random = new Random(seed)
  const ledger = new Acknowledged()
  const trace = await record(seed, folder, ledger, 100 + random.below(300), testing)
  const violations: string[] = []
  const lost: Record<string, number> = {}
  let count = 0
  for (; count < moments && violations.length < 3; count++) {
    const loss = losses[count % losses.length]!
    const at = drawMoment(trace, random)
    const to = path.join(folder, `lost-${count}`)
    mkdirSync(to)
    losePower(trace, at, loss, random, path.join(folder, 'disk'), to)
    const known = ledger.when(answeredAt(trace, at))
    const found = await checkDatabase(path.join(to, database), known)
    if (count % restartEvery === 0 && found.length === 0)
      found.push(...(await checkRestart(path.join(to, database), known)))
    violations.push(...found.map((text) => `${loss} at line ${at}, in ${to}: ${text}`))
    if (found.length === 0) rmSync(to, { recursive: true })
    else lost[loss] = (lost[loss] ?? 0) + 1
  }
  return { count, violations, lost, lines: trace.lines, acknowledged: ledger.count('acknowledged') }
}

/** Runs a server from an empty folder on, until it has given so many answers. */
async function record(
  seed: number,
  folder: string,
  ledger: Acknowledged,
  answers: number,
  testing: Testing,
): Promise<Trace> {
  const disk = path.join(folder, 'disk')
  const file = path.join(folder, 'trace')
  mkdirSync(disk)
  const server = Server.spawn({ database: path.join(disk, database), testing, trace: { file } })
  const port = await server.listening()
  if (port === null) throw new Error(`it does not start: ${server.output}`)
  const workload = new Workload(seed, clients, ledger)
  void workload.answered(answers).then(() => server.kill())
  await workload.run(port)
  await server.ended
  return readTrace(file, disk)
}

/** Mostly right after an answer left, where it must be on disk and nothing after it need be; else at the start or anywhere. */
function drawMoment(trace: Trace, random: Random): number {
  const answers = trace.events.filter((event) => event.kind === 'answer')
  const dice = random.next()
  if (dice < 0.7) return random.pick(answers).start + 1
  return random.below(dice < 0.85 ? answers[0]!.start : trace.lines)
}
