import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Campaign } from '../campaign/campaign.ts'
import { Acknowledged, type Sent } from './acknowledged.ts'
import { checkAftermath } from './aftermath.ts'
import { checkAnswers } from './check-answers.ts'
import { Random } from './random.ts'
import { Server } from './server.ts'
import { whyNoStrace } from './tools.ts'
import { readTrace } from './trace.ts'
import { Workload } from './workload.ts'

const clients = 6
const requestsPerClient = 60

// The start writes some 200 times, the load some thousand.
const latestWrite = 1500

// Without space only one that has not started ends. (SQLite calls it an I/O error where its shared memory has no room.)
const codesOfEnd = { EIO: [74], ENOSPC: [69, 74] }

// The linker reads so before Node runs.
const readsOfLinker = 30

/**
 * A write to the database's files, or a read, fails: for want of space (which may return) or because the disk is broken;
 * once, a few times, or from then on. What can't be written is refused and leaves nothing; a server that ends says why.
 */
export const campaign: Campaign = {
  name: 'write',
  chance:
    'The seed gives what each client sends and which call fails; which requests that call serves is up to the machine.',
  unit: 'faults',
  engines: ['sqlite'],
  seeds: 40,
  slice: [1, 2],
  unavailable: whyNoStrace,
  run: (seed, { folder }) => failWrite(seed, folder),
}

async function failWrite(seed: number, folder: string) {
  const random = new Random(seed)
  const call = random.pick(['pwrite64', 'pwrite64', 'pread64'])
  const error = call === 'pread64' ? 'EIO' : random.pick(['ENOSPC', 'EIO'] as const)
  const first = (call === 'pread64' ? readsOfLinker : 0) + 1 + random.below(random.chance(0.2) ? 200 : latestWrite)
  const which = `${first}${random.pick(['', `..${first + random.below(100)}`, '+'])}`
  const ledger = new Acknowledged()
  const disk = path.join(folder, 'disk')
  const file = path.join(disk, 'data/app.db')
  const traceFile = path.join(folder, 'trace')
  mkdirSync(disk)
  const server = Server.spawn({
    database: file,
    testing: { smallWal: seed % 2 === 0 },
    trace: { file: traceFile, inject: [`${call}:error=${error}:when=${which}`] },
  })
  const port = await server.listening()
  if (port !== null) await new Workload(seed, clients, ledger).run(port, requestsPerClient)
  const isUp = port !== null && (await server.isUp())
  server.kill()
  const { code, signal } = await server.ended
  const trace = readTrace(traceFile, disk)
  // Behind a read that failed SQLite suspects damage in some places.
  const codes =
    error === 'ENOSPC' ? ['database_full'] : ['database_error', ...(call === 'pread64' ? ['database_corrupt'] : [])]
  const isExpected = ({ refusal }: Sent) => codes.some((code) => refusal!.body.includes(`"${code}"`))
  const violations = [
    ...checkAnswers(ledger, isExpected),
    ...(!isUp && error === 'ENOSPC' && port !== null ? [`it ended with ${signal ?? code}: ${server.output}`] : []),
    ...(!isUp && !codesOfEnd[error].includes(code!) ? [`it ended with ${signal ?? code}`] : []),
    ...(isUp || /disk I\/O error|database or disk is full/.test(server.output)
      ? []
      : [`it did not say why it ended: ${server.output}`]),
    ...(await checkAftermath(file, ledger, { trace, disk, scratch: path.join(folder, 'lost'), random })),
  ]
  const refused = ledger.all().filter((sent) => sent.refusal && isExpected(sent)).length
  return { count: 1, violations, call, error, which, isUp, code, acknowledged: ledger.count('acknowledged'), refused }
}
