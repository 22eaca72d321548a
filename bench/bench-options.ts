import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type ServerKind, servers } from './server-kind.ts'
import { type Workload, workloads } from './workload.ts'

export const scenarios = ['coldstart', 'disturbed', 'log'] as const
export type Scenario = (typeof scenarios)[number]

export interface BenchOptions {
  workloads: readonly Workload[]
  scenarios: readonly Scenario[]
  servers: readonly ServerKind[]
  rounds: number
  /** Of each timed run. */
  seconds: number
  /** Seconds, once for each workload and server. */
  warmUp: number
  connections: number
  /** Where databases are made: on a disk, not in memory, or a commit costs nothing. */
  folder: string
  json: string | undefined
  check: boolean
  writeDocs: boolean
}

export const help = `npm run bench -- [options]

Measures Monobloc beside node:http answering a constant (raw), and Express and Fastify on hand-written node:sqlite.

  --workloads LIST   of ${[...workloads, ...scenarios].join(', ')}; default: all
  --servers LIST     of ${servers.join(', ')}; default: all
  --rounds N         rounds, each with every server; default 5
  --seconds S        of each timed run; default 4
  --warm-up S        before the first round, for each workload and server; default 2
  --connections N    default 32
  --quick            2 rounds of 1 second: whether it runs, not how fast
  --data FOLDER      where databases are made; default build
  --json FILE        writes the rows
  --check            ends with 1 when a target is missed
  --write-docs       writes docs/benchmarks.md
  --field            instead: beside frameworks and ORMs; has options of its own (--field --help)
  --cached           instead: reads that are kept, beside writes; has options of its own (--cached --help)
  --postgres         instead: on PostgreSQL, beside Fastify with pg; has options of its own (--postgres --help)
  --jobs             instead: jobs, beside BullMQ, graphile-worker and pg-boss; has options of its own (--jobs --help)
  --help
`

/** @throws TypeError for what is no option, with a message for people */
export function readOptions(args: string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      workloads: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      connections: { type: 'string', default: '32' },
      quick: { type: 'boolean', default: false },
      data: { type: 'string', default: fileURLToPath(new URL('../build', import.meta.url)) },
      json: { type: 'string' },
      check: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const asked = listOf('--workloads', values.workloads, [...workloads, ...scenarios])
  const usual = values.quick ? { rounds: '2', seconds: '1', warmUp: '0.5' } : { rounds: '5', seconds: '4', warmUp: '2' }
  return {
    workloads: workloads.filter((one) => asked.includes(one)),
    scenarios: scenarios.filter((one) => asked.includes(one)),
    servers: listOf('--servers', values.servers, servers),
    rounds: numberOf('--rounds', values.rounds ?? usual.rounds, Number.isInteger),
    seconds: numberOf('--seconds', values.seconds ?? usual.seconds),
    warmUp: numberOf('--warm-up', values['warm-up'] ?? usual.warmUp),
    connections: numberOf('--connections', values.connections, Number.isInteger),
    // One of its own, since it is removed at the end.
    folder: path.join(values.data, 'monobloc-bench'),
    json: values.json,
    check: values.check,
    writeDocs: values['write-docs'],
  }
}

/** The names of a list that was given, all where none was. @throws TypeError for one that is not allowed */
export function listOf<T extends string>(name: string, given: string | undefined, allowed: readonly T[]): readonly T[] {
  if (given === undefined) return allowed
  const asked = given.split(',')
  const unknown = asked.find((one) => !allowed.includes(one as T))
  if (unknown !== undefined) throw new TypeError(`${name}: ${unknown} is not one of ${allowed.join(', ')}`)
  return allowed.filter((one) => asked.includes(one))
}

/** @throws TypeError for what is not above 0, or does not fit */
export function numberOf(name: string, text: string, isRight: (value: number) => boolean = Number.isFinite): number {
  const value = Number(text)
  if (!isRight(value) || value <= 0) throw new TypeError(`${name}: ${text} is not a number that fits`)
  return value
}
