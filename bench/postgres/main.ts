import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { listOf, numberOf } from '../bench-options.ts'
import { type LoadProcess, startLoadProcess } from '../load/load-process.ts'
import { requestsOf, type Workload } from '../workload.ts'
import { checkPostgresAnswers, countRows } from './answers.ts'
import { type BenchDatabases, createDatabases } from './databases.ts'
import { writePostgresSection } from './page.ts'
import { describePostgres, type PostgresResults, type Run } from './report.ts'
import { kinds, type Running, startOn } from './servers.ts'

export const postgresWorkloads = ['read', 'list', 'write'] as const satisfies Workload[]

const help = `npm run bench -- --postgres [options]

Measures Monobloc on PostgreSQL beside Fastify with hand-written pg statements, on the same table and server.

  --url URL          a server whose user may create databases; default: postgres://127.0.0.1:5432/postgres as this user
  --workloads LIST   of ${postgresWorkloads.join(', ')}; default: all
  --rounds N         default 5
  --seconds S        of each timed run; default 3
  --warm-up S        before the first round, for each workload and server; default 2
  --connections N    default 32
  --json FILE        writes the rows
  --write-docs       writes docs/benchmarks.md and its raw results
  --help
`

/** @returns the exit code */
export async function benchPostgres(args: string[], say: (line: string) => void): Promise<number> {
  let options: PostgresOptions | 'help'
  try {
    options = readPostgresOptions(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (options === 'help') {
    console.log(help)
    return 0
  }
  const results = await measure(options, say)
  console.log(describePostgres(results))
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 1)}\n`)
  if (options.writeDocs) writePostgresSection(results, options)
  return 0
}

export interface PostgresOptions {
  url: string
  workloads: readonly Workload[]
  rounds: number
  /** Of each timed run. */
  seconds: number
  warmUp: number
  connections: number
  json: string | undefined
  writeDocs: boolean
}

/** @throws TypeError for what is no option, with a message for people */
function readPostgresOptions(args: string[]): PostgresOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      postgres: { type: 'boolean' },
      url: { type: 'string', default: `postgres://${process.env.USER ?? 'root'}@127.0.0.1:5432/postgres` },
      workloads: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '2' },
      connections: { type: 'string', default: '32' },
      json: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    url: values.url,
    workloads: listOf('--workloads', values.workloads, postgresWorkloads),
    rounds: numberOf('--rounds', values.rounds, Number.isInteger),
    seconds: numberOf('--seconds', values.seconds),
    warmUp: numberOf('--warm-up', values['warm-up']),
    connections: numberOf('--connections', values.connections, Number.isInteger),
    json: values.json,
    writeDocs: values['write-docs'],
  }
}

/** Servers and databases end with it, whatever happens. */
async function measure(options: PostgresOptions, say: (line: string) => void): Promise<PostgresResults> {
  const databases = await createDatabases(options.url, say)
  const running: Running[] = []
  const load = startLoadProcess()
  try {
    running.push(await startOn('fastify', databases.peer), await startOn('monobloc', databases.monobloc))
    for (const server of running) await checkPostgresAnswers(server, databases)
    say(`Answers of ${kinds.join(', ')} checked.`)
    const runs: Run[] = []
    for (const workload of options.workloads)
      runs.push(...(await rounds(workload, running, databases, load, options, say)))
    const server = (await databases.query(options.url, 'show server_version'))[0]!.server_version as string
    return { server, runs, unlogged: await measureUnlogged(running, databases, load, options, say) }
  } finally {
    await Promise.all([load.stop(), ...running.map((one) => one.stop())])
    await databases.drop()
  }
}

async function rounds(
  workload: Workload,
  running: readonly Running[],
  databases: BenchDatabases,
  load: LoadProcess,
  options: PostgresOptions,
  say: (line: string) => void,
  label = '',
): Promise<Run[]> {
  const runs: Run[] = []
  const run = async (server: Running, seconds: number) => {
    const before = workload === 'write' ? await countRows(server, databases) : 0
    const { port, pid, kind } = server
    const requests = requestsOf(workload, port)
    const { connections } = options
    const result = await load.run({
      name: workload,
      requests,
      port,
      pid,
      connections,
      maySleep: true,
      leadIn: 0.3,
      seconds,
    })
    const wanted = workload === 'write' ? '201' : '200'
    const others = Object.keys(result.statuses).filter((status) => status !== wanted)
    if (others.length > 0) throw new Error(`${kind} answered ${JSON.stringify(result.statuses)} to ${workload}`)
    const written = workload === 'write' ? (await countRows(server, databases)) - before : 0
    if (workload === 'write' && written !== result.statuses[201])
      throw new Error(`${kind} acknowledged ${result.statuses[201]} writes, and its database has ${written} of them`)
    return result
  }
  for (const server of running) await run(server, options.warmUp)
  for (let round = 1; round <= options.rounds; round++) {
    for (const server of running) {
      const result = await run(server, options.seconds)
      runs.push({ workload, server: server.kind, round, ...result })
      const rate = Math.round(result.requests / result.seconds)
      say(`${workload}${label} ${round}/${options.rounds} ${server.kind}: ${rate} requests/s`)
    }
  }
  return runs
}

/** The same writes with the triggers of the log asleep: what is missing then is the log's share. */
async function measureUnlogged(
  running: readonly Running[],
  databases: BenchDatabases,
  load: LoadProcess,
  options: PostgresOptions,
  say: (line: string) => void,
): Promise<Run[]> {
  if (!options.workloads.includes('write')) return []
  await databases.query(databases.monobloc, 'alter table item disable trigger user')
  const own = running.filter(({ kind }) => kind === 'monobloc')
  return rounds('write', own, databases, load, options, say, ' without log')
}
