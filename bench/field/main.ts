import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { countItems } from '../answers.ts'
import { listOf, numberOf } from '../bench-options.ts'
import { startLoadProcess } from '../load/load-process.ts'
import { median } from '../measurement.ts'
import { checkFieldAnswers } from './answers.ts'
import { createFieldDatabase } from './database.ts'
import { writeFieldSection } from './field-page.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import { installPeers } from './install.ts'
import { type Peer, peers } from './peers.ts'
import { describeField, type FieldResults, type Run, type Start } from './report.ts'
import { type RunningPeer, seedMonobloc, startPeer, timeStart } from './server.ts'
import { type FieldWorkload, fieldRequests, fieldWorkloads } from './workloads.ts'

const help = `npm run bench -- --field [options]

Measures Monobloc beside frameworks and ORMs as their documentation writes them, on the same table. Installs them first.

  --workloads LIST   of ${fieldWorkloads.join(', ')}, coldstart, size; default: all
  --servers LIST     of ${peers.map(({ name }) => name).join(', ')}; default: all
  --rounds N         default 3
  --seconds S        of each timed run; default 2
  --data FOLDER      where databases are made; default build
  --write-docs       writes docs/benchmarks.md, its chart and its raw results
  --help
`

const starts = 5
const connections = 32

/** @returns the exit code */
export async function benchField(args: string[], say: (line: string) => void): Promise<number> {
  const options = readOrSay(args)
  if (typeof options === 'number') return options
  await runField(options, say)
  return 0
}

/** The options, or the exit code where there is nothing to do. */
function readOrSay(args: string[]): FieldOptions | number {
  try {
    const options = readFieldOptions(args)
    if (options !== 'help') return options
    console.log(help)
    return 0
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
}

type FieldOptions = Exclude<ReturnType<typeof readFieldOptions>, 'help'>

/** @throws TypeError for what is no option, with a message for people */
function readFieldOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      field: { type: 'boolean' },
      workloads: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      data: { type: 'string', default: fileURLToPath(new URL('../../build', import.meta.url)) },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help' as const
  const names = peers.map(({ name }) => name)
  const servers = listOf('--servers', values.servers, names)
  return {
    asked: listOf('--workloads', values.workloads, [...fieldWorkloads, 'coldstart', 'size']),
    chosen: peers.filter(({ name }) => servers.includes(name)),
    rounds: numberOf('--rounds', values.rounds, Number.isInteger),
    seconds: numberOf('--seconds', values.seconds),
    data: values.data,
    writeDocs: values['write-docs'],
  }
}

async function runField(options: FieldOptions, say: (line: string) => void): Promise<void> {
  const { asked, chosen, rounds, seconds, data } = options
  installPeers(say)
  const folder = path.join(data, 'monobloc-bench-field')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    const workloads = fieldWorkloads.filter((name) => asked.includes(name))
    const seeds = await makeSeeds(folder, say)
    const runs = await measure({ chosen, workloads, seeds, folder, rounds, seconds }, say)
    const coldStarts = asked.includes('coldstart') ? await measureStarts(chosen, seeds, folder, say) : []
    const sizes: Record<string, Footprint> = {}
    for (const peer of asked.includes('size') ? chosen : []) {
      say(`installing ${peer.name} into an empty folder`)
      const found = footprintOf(peer)
      if (found) sizes[peer.name] = found
    }
    const results: FieldResults = { runs, coldStarts, sizes }
    console.log(describeField(results))
    if (options.writeDocs) writeFieldSection(results, { rounds, seconds })
    else writeFileSync(path.join(data, 'bench-field.json'), JSON.stringify(results))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Seeds = { peers: string; monobloc: string }

async function makeSeeds(folder: string, say: (line: string) => void): Promise<Seeds> {
  say('Filling the tables.')
  const seeds = { peers: path.join(folder, 'peers.db'), monobloc: path.join(folder, 'seed/app.db') }
  createFieldDatabase(seeds.peers)
  await seedMonobloc(path.dirname(seeds.monobloc))
  return seeds
}

interface Plan {
  chosen: readonly Peer[]
  workloads: readonly FieldWorkload[]
  seeds: Seeds
  folder: string
  rounds: number
  seconds: number
}

async function measure(plan: Plan, say: (line: string) => void): Promise<Run[]> {
  const { chosen, workloads, seeds, folder, rounds, seconds } = plan
  if (workloads.length === 0) return []
  const load = startLoadProcess()
  const running: RunningPeer[] = []
  const runs: Run[] = []
  try {
    for (const peer of chosen) running.push(await startPeer(peer, seeds, folder))
    for (const { peer, port } of running) await checkFieldAnswers(peer, port)
    say('Answers checked.')
    const atRest = new Map(running.map((one) => [one, one.resident()]))
    for (const workload of workloads) {
      const run = async (one: RunningPeer, time: number) => {
        const { peer, port, pid } = one
        const before = workload === 'write' && peer.name !== 'raw' ? countItems(one) : 0
        const requests = fieldRequests(workload, peer, port)
        const result = await load.run({
          name: `${workload} of ${peer.name}`,
          requests,
          port,
          pid,
          connections,
          leadIn: 0.3,
          seconds: time,
        })
        const wrong = Object.keys(result.statuses).filter((status) => status !== '200' && status !== '201')
        if (wrong.length > 0) throw new Error(`${peer.name} answered ${wrong} to ${workload}`)
        if (workload === 'write' && peer.name !== 'raw' && countItems(one) - before !== result.statuses[201])
          throw new Error(
            `${peer.name} acknowledged ${result.statuses[201]} writes and wrote ${countItems(one) - before}`,
          )
        return result
      }
      for (const one of running) await run(one, 1)
      for (let round = 1; round <= rounds; round++) {
        for (const one of running) {
          const result = await run(one, seconds)
          const rest = atRest.get(one)!
          runs.push({ workload, server: one.peer.name, round, resident: one.resident(), atRest: rest, ...result })
          say(
            `${workload} ${round}/${rounds} ${one.peer.name}: ${Math.round(result.requests / result.seconds)} requests/s`,
          )
        }
      }
    }
    return runs
  } finally {
    await Promise.all([load.stop(), ...running.map((one) => one.stop())])
  }
}

async function measureStarts(
  chosen: readonly Peer[],
  seeds: Seeds,
  folder: string,
  say: (line: string) => void,
): Promise<Start[]> {
  const found: Start[] = []
  for (const peer of chosen) {
    const millis: number[] = []
    // The first one finds files that are not read yet, and is not counted.
    for (let at = 0; at <= starts; at++) millis.push(await timeStart(peer, seeds, folder))
    found.push({ server: peer.name, millis: Math.round(median(millis.slice(1))) })
    say(`${peer.name} answers ${found.at(-1)!.millis} ms after its start`)
  }
  return found
}
