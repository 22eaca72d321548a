import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeSection } from '../docs-sections.ts'
import { describePostgres, type PostgresResults } from './report.ts'
import { connectionsOfPool } from './servers.ts'

/** Writes that part of docs/benchmarks.md, and its raw results. */
export function writePostgresSection(
  results: PostgresResults,
  { rounds, seconds, warmUp, connections }: { rounds: number; seconds: number; warmUp: number; connections: number },
): void {
  writeSection(
    'On PostgreSQL',
    `Written by \`npm run bench -- --postgres --write-docs\`: ${rounds} interleaved rounds of ${seconds} s after a warm-up of ${warmUp} s, ${connections} keep-alive
connections, PostgreSQL ${results.server.split(' ')[0]} on the same machine as servers and load, which are pinned to no core and share all of them
with it: *machine* is what a request cost all but the load generator, in microseconds of processor time. Both servers have a
pool of ${connectionsOfPool} connections, the same table of 100,000 rows and no further index, and \`synchronous_commit=on\`.

- *fastify*: Fastify ${versionOf('fastify')} with pg ${versionOf('pg')} as who knows both writes it by hand: named statements, each a transaction of its own.
- *monobloc*: \`resource()\` with policy, ETag, request id, serializable transactions and the commit log.

Answers are compared before anything is timed, and after each run of writes the rows are counted: as many as were
acknowledged, no more and no less. Raw results: [bench-postgres.json](results/bench-postgres.json).

${describePostgres(results)}`,
  )
  const raw = fileURLToPath(new URL('../../docs/results/bench-postgres.json', import.meta.url))
  writeFileSync(raw, `${JSON.stringify(results, undefined, 1)}\n`)
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
}
