import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeSection } from '../docs-sections.ts'
import { drawChart } from './chart.ts'
import { peers } from './peers.ts'
import { describeField, type FieldResults, fieldRows } from './report.ts'

const docs = (file: string) => fileURLToPath(new URL(`../../docs/${file}`, import.meta.url))

/** Writes that part of docs/benchmarks.md, its chart and its raw results. */
export function writeFieldSection(
  results: FieldResults,
  { rounds, seconds }: { rounds: number; seconds: number },
): void {
  const versions = JSON.parse(readFileSync(new URL('peers/package.json', import.meta.url), 'utf8'))
    .dependencies as Record<string, string>
  const lines = peers.map(({ name, what, packages }) => {
    const shown = packages?.filter((one) => versions[one]).map((one) => `${one} ${versions[one]}`)
    return `- *${name}*: ${what}${shown?.length ? ` (${shown.join(', ')})` : ''}`
  })
  const section = `Written by \`npm run bench -- --field --write-docs\`, which installs the peers into a folder of its own: ${rounds} interleaved rounds of
${seconds} s after a warm-up of 1 s, 32 connections, one machine and the method of above. Each server is written as its own
documentation does and compiled to JavaScript, on a fresh copy of the same table, WAL and \`synchronous=FULL\` for all, and each
answer is compared before anything is timed. Raw results: [bench-field.json](results/bench-field.json).

${lines.join('\n')}

![Requests per second, as a part of what node:http reaches with a constant](results/bench-field.svg)

${describeField(results).replaceAll('####', '###')}
`
  writeSection('Against the field', section)
  writeFileSync(docs('results/bench-field.svg'), drawChart(fieldRows(results)))
  writeFileSync(docs('results/bench-field.json'), `${JSON.stringify(results, undefined, 1)}\n`)
}
