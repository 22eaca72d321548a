import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { type BenchOptions, help, readOptions } from './bench-options.ts'
import { pinning } from './child.ts'
import { measureColdStarts } from './cold-start.ts'
import { measureDisturbed } from './disturbed.ts'
import { docsPage } from './docs-page.ts'
import { writeFirstSection } from './docs-sections.ts'
import { measureLogShare } from './log-share.ts'
import { hasProcessUsage } from './process-usage.ts'
import { describeResults } from './result-tables.ts'
import { jsonOf, resultsOf } from './results.ts'
import { describeTargets, isMissed, targetsOf } from './targets.ts'
import { measureThroughput } from './throughput.ts'

// What goes on is said on standard error, the results on standard output.
const say = (line: string) => console.error(line)

const args = process.argv.slice(2)
// What this takes, the peers and their packages, is looked at only when it is asked for.
if (args.includes('--field')) process.exit(await (await import('./field/main.ts')).benchField(args, say))
if (args.includes('--cached')) process.exit(await (await import('./cached/main.ts')).benchCached(args, say))
if (args.includes('--postgres')) process.exit(await (await import('./postgres/main.ts')).benchPostgres(args, say))
if (args.includes('--jobs')) process.exit(await (await import('./jobs/main.ts')).benchJobs(args, say))
process.exit(await run(readOrExit(args)))

function readOrExit(args: string[]): BenchOptions {
  try {
    const read = readOptions(args)
    if (read !== 'help') return read
    console.log(help)
    process.exit(0)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    process.exit(2)
  }
}

async function run(options: BenchOptions): Promise<number> {
  const { folder, scenarios } = options
  mkdirSync(folder, { recursive: true })
  warnOfWhatIsMissing(folder)
  const measurements = await measureThroughput(options, say)
  const coldStarts = scenarios.includes('coldstart') ? await measureColdStarts(say) : []
  const disturbed = scenarios.includes('disturbed') ? [await measureDisturbed(folder, say)] : []
  const logShares = scenarios.includes('log') ? [await measureLogShare(options, say)] : []
  rmSync(folder, { recursive: true, force: true })

  const results = resultsOf(measurements, coldStarts, disturbed, logShares)
  const targets = targetsOf(results)
  console.log(`${describeResults(results)}\n\n${describeTargets(targets)}`)
  if (options.json) writeFileSync(options.json, jsonOf(results))
  if (options.writeDocs) writeFirstSection(docsPage(results, options))
  return options.check && targets.some(isMissed) ? 1 : 0
}

function warnOfWhatIsMissing(folder: string): void {
  if (!pinning.possible) say(`Server and load generator share cores, since ${pinning.why}: expect rates that vary.`)
  if (!hasProcessUsage) say('The processor time of a process can be read on Linux only: cpuMicros is null.')
  const tmpfs = 0x01021994
  if (statfsSync(folder).type === tmpfs)
    say(`${folder} is in memory, where a commit costs nothing: choose a disk with --data.`)
}
