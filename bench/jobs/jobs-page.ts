import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeSection } from '../docs-sections.ts'
import { queues } from './queues.ts'
import { describeJobs, type JobResults } from './report.ts'

/** Writes that part of docs/benchmarks.md, and its raw results. */
export function writeJobsSection(results: JobResults): void {
  const manifest = readFileSync(new URL('peers/package.json', import.meta.url), 'utf8')
  const versions = Object.entries<string>(JSON.parse(manifest).dependencies).map((entry) => entry.join(' '))
  const { rounds, backlog, passing, singles, callers } = results
  const count = (value: number) => value.toLocaleString('en')
  writeSection(
    'Jobs',
    `Written by \`npm run bench -- --jobs --write-docs\`: ${rounds} interleaved rounds on one machine, medians; each queue is one process
with a store of its own that is new in each round, after a warm-up of 3,000 jobs (${versions.join(', ')}).
A job has the input \`{ n }\` and a handler that counts; its completion is committed before it counts as processed, each has run
exactly once, and the store is asked for it.

- *enqueued/s*: ${count(backlog)} jobs by ${callers} concurrent callers, each in a transaction of its own, while nobody works.
- *processed/s*: that backlog, from the start of the worker to the last completion.
- *end to end/s*: ${count(passing)} jobs by the same callers while the worker runs, from the first call to the last completion.
- *own CPU*: of the queue's process for each job of the backlog; that of Redis or PostgreSQL comes on top.
- *start*: of ${singles} single jobs, one after another while the worker waits, from the call that enqueues it to its handler.

${queues.map(({ name, what }) => `- *${name}*: ${what}.`).join('\n')}

${describeJobs(results)}

Raw results: [bench-jobs.json](results/bench-jobs.json).`,
  )
  const raw = fileURLToPath(new URL('../../docs/results/bench-jobs.json', import.meta.url))
  writeFileSync(raw, `${JSON.stringify(results, undefined, 1)}\n`)
}
