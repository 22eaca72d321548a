import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { listOf, numberOf } from '../bench-options.ts'
import { installJobPeers } from './install.ts'
import { writeJobsSection } from './jobs-page.ts'
import { type QueueKind, queues, runRound } from './queues.ts'
import { describeJobs, type JobResults, type JobRun, targetsOfJobs } from './report.ts'

const help = `npm run bench -- --jobs [options]

Measures Monobloc's jobs beside BullMQ, graphile-worker and pg-boss. Installs them first.

  --queues LIST      of ${queues.map(({ name }) => name).join(', ')}; default: all
  --rounds N         rounds, each with every queue; default 3
  --backlog N        jobs that are enqueued while nobody works, and then processed; default 50000
  --passing N        jobs that are enqueued while a worker runs; default 10000
  --singles N        jobs of which each comes alone; default 300
  --url URL          a PostgreSQL whose user may create databases; default: postgres://127.0.0.1:5432/postgres as this user
  --data FOLDER      where databases are made; default build
  --json FILE        writes the rounds
  --check            ends with 1 when a target is missed
  --write-docs       writes docs/benchmarks.md and its raw results
  --help
`

/** @returns the exit code */
export async function benchJobs(args: string[], say: (line: string) => void): Promise<number> {
  let options: JobsOptions | 'help'
  try {
    options = readJobsOptions(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (options === 'help') {
    console.log(help)
    return 0
  }
  installJobPeers(say)
  const results = await measure(options, say)
  console.log(describeJobs(results))
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 1)}\n`)
  if (options.writeDocs) writeJobsSection(results)
  return options.check && targetsOfJobs(results.runs).some(({ reached }) => !reached) ? 1 : 0
}

interface JobsOptions {
  queues: readonly QueueKind[]
  rounds: number
  backlog: number
  passing: number
  singles: number
  url: string
  folder: string
  json: string | undefined
  check: boolean
  writeDocs: boolean
}

/** @throws TypeError for what is no option, with a message for people */
function readJobsOptions(args: string[]): JobsOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: 'boolean' },
      queues: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      backlog: { type: 'string', default: '50000' },
      passing: { type: 'string', default: '10000' },
      singles: { type: 'string', default: '300' },
      url: { type: 'string', default: `postgres://${process.env.USER ?? 'root'}@127.0.0.1:5432/postgres` },
      data: { type: 'string', default: fileURLToPath(new URL('../../build', import.meta.url)) },
      json: { type: 'string' },
      check: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const names = queues.map(({ name }) => name)
  const asked = listOf('--queues', values.queues, names)
  return {
    queues: queues.filter(({ name }) => asked.includes(name)),
    rounds: numberOf('--rounds', values.rounds, Number.isInteger),
    backlog: numberOf('--backlog', values.backlog, Number.isInteger),
    passing: numberOf('--passing', values.passing, Number.isInteger),
    singles: numberOf('--singles', values.singles, Number.isInteger),
    url: values.url,
    folder: path.join(values.data, 'monobloc-bench-jobs'),
    json: values.json,
    check: values.check,
    writeDocs: values['write-docs'],
  }
}

// As many as the other comparisons have connections.
const callers = 32

async function measure(options: JobsOptions, say: (line: string) => void): Promise<JobResults> {
  const { folder, url, rounds, backlog, passing, singles } = options
  mkdirSync(folder, { recursive: true })
  const runs: JobRun[] = []
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const kind of options.queues) {
        const found = await runRound(kind, { backlog, passing, singles, callers }, { folder, postgres: url })
        runs.push({ queue: kind.name, round, ...found })
        const rate = Math.round(found.processedPerSecond)
        say(
          `${round}/${rounds} ${kind.name}: ${rate} jobs/s processed, ${found.latencyMedian.toFixed(2)} ms to start one`,
        )
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { rounds, backlog, passing, singles, callers, runs }
}
