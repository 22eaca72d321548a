import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { BenchOptions } from './bench-options.ts'
import { pinning } from './child.ts'
import { describeResults } from './result-tables.ts'
import type { Results } from './results.ts'
import { describeTargets, targetsOf } from './targets.ts'

/** `docs/benchmarks.md` of one run. */
export function docsPage(results: Results, options: BenchOptions): string {
  const { rounds, seconds, warmUp, connections } = options
  return `# Benchmarks

Written by \`npm run bench -- --write-docs\`, from one run on the machine below. Nothing here is quoted from elsewhere.

## Method

- **Servers**, each a process of its own${pinning.possible ? ', pinned to core 0' : ''}: *raw*, \`node:http\` that answers a constant of the size that the
  real answer has; *express* and *fastify* with \`node:sqlite\` written by hand (statements prepared once, WAL,
  \`synchronous=FULL\`, a cache that holds the table, validation by Zod and by JSON Schema, each request a transaction of
  its own); *monobloc* by \`resource()\`, with policy, ETag, \`Link\` to the next page, request id and commit log. Logging is off
  for all, \`NODE_ENV=production\`.
- **Table**: 100,000 rows \`item(id, title, body, done, createdAt)\`, the body of 200 characters, the same types and no further
  index for all; each server has a fresh copy.
- **Load**: ${connections} keep-alive connections in one process of our own (\`bench/load/\`)${pinning.possible ? ' on core 1' : ''}, each with one request under way. It
  never sleeps: to wake a process costs whoever sends to it microseconds on a virtual machine, and more the slower it is.
- **Rounds**: ${rounds} interleaved (A B C A B C) of ${seconds} s after a warm-up of ${warmUp} s for each workload and server. Rates are medians;
  ratios to raw are of the same round, their median and range.
- **CPU** is what the server's processes used for one request, in microseconds, from \`/proc\`; *core* is the share of its
  core that this made: below 1 the server waited, for the disk or for the load. *others* is what the rest of the
  machine used meanwhile, of one core: where it is not near 0, trust the CPU column more than the rates.
- Answers are compared with the database before anything is timed, and after each run of writes the rows are counted: as
  many as were acknowledged, no more and no less.
- The page of the list is the same in every round. Monobloc reads and makes it anew each time, and keeps only the hash that
  its ETag shows while the page stays the same; the peers' lists have no \`Link\`, and Fastify's answers no ETag.

## Machine

Node.js ${process.version} (V8 ${process.versions.v8}, SQLite ${process.versions.sqlite}); express ${versionOf('express')}, fastify ${versionOf('fastify')}, zod ${versionOf('zod')}. ${cpus().length} × ${cpus()[0]!.model.trim()},
${Math.round(totalmem() / 2 ** 30)} GiB of memory, ${process.platform} ${release()}.

## Results

${describeResults(results)}

## Targets

${describeTargets(targetsOf(results)).replaceAll(/^/gm, '- ')}
`
}

function versionOf(name: string): string {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}
