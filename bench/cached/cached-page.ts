import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeSection } from '../docs-sections.ts'
import { describe, type Row } from './main.ts'
import { writeEvery } from './workloads.ts'

export interface CachedResults {
  rounds: number
  seconds: number
  connections: number
  rows: readonly Row[]
}

/** Writes that part of docs/benchmarks.md, and its raw results. */
export function writeCachedSection(results: CachedResults): void {
  const { rounds, seconds, connections, rows } = results
  writeSection(
    'Cached reads',
    `Written by \`npm run bench -- --cached --write-docs\`: ${rounds} interleaved rounds of ${seconds} s with ${connections} connections, medians. Every
${writeEvery}th request is a durable write to the table that is read, and *raw*, \`node:http\` with a constant for each request, is sent the
same mix and writes nothing. Meanwhile, in a run of its own, rows are changed and read when that was acknowledged, through
the same cache: *checked* is how often, and *stale* how often the answer was older.

${describe(rows)}

A kept answer costs about what a constant costs. What is missing to raw is the writes: each is validated, logged and on disk
before it is answered, and nine reads wait on each connection for it.

Raw results: [bench-cached.json](results/bench-cached.json).`,
  )
  const raw = fileURLToPath(new URL('../../docs/results/bench-cached.json', import.meta.url))
  writeFileSync(raw, `${JSON.stringify(results, undefined, 1)}\n`)
}
