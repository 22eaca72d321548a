import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Campaign, runSeed } from './campaign.ts'
import { loadCampaigns, withFolder } from './campaign-files.ts'
import { Progress, type Result, revision } from './campaign-progress.ts'

const usage = `Usage: [CAMPAIGN] [options]
  --seeds N        seeds per campaign, instead of its own number
  --from N         the first seed (1)
  --resume         go on where the last run of these seeds stopped
  --minutes N      begin no more seeds after so many minutes; --resume goes on
  --engine NAME    the storage engine: sqlite or postgres (each that a campaign runs on)
  --only NAME      the same as CAMPAIGN`

/**
 * The program behind `npm run faults` and `npm run fuzz`. Ends with a line like `512 faults, 0 violations`, and with 1 if
 * there were any. Raw results go to `KIND-CAMPAIGN-ENGINE.json`, where KIND is the folder's name: what ran, then a line
 * for each seed.
 *
 * @param folder where the campaigns are
 * @param results where raw results go
 */
export async function runCampaigns(folder: string, args: string[], results: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seeds: { type: 'string' },
      from: { type: 'string', default: '1' },
      engine: { type: 'string' },
      resume: { type: 'boolean', default: false },
      minutes: { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const only = values.only ?? positionals[0]
  const runs = (await loadCampaigns(folder))
    .filter(({ name }) => only === undefined || only === name)
    .flatMap((campaign) => campaign.engines.map((engine) => ({ kind: path.basename(folder), campaign, engine })))
    .filter(({ engine }) => values.engine === undefined || engine === values.engine)
  if (runs.length === 0) throw new Error(`no campaign here is called so or runs on ${values.engine ?? 'any engine'}`)
  const totals = new Map<string, number>()
  let violations = 0
  for (const run of runs) {
    const { campaign, engine } = run
    const missing = campaign.unavailable?.(engine)
    if (missing !== undefined) {
      console.error(`${campaign.name} on ${engine} is skipped: ${missing}`)
      if (only !== undefined && (values.engine !== undefined || campaign.engines.length === 1)) return 1
      continue
    }
    const first = Number(values.from)
    const seeds = Array.from({ length: Number(values.seeds ?? campaign.seeds) }, (_, index) => first + index)
    const progress = new Progress(results, run, { seeds, resume: values.resume })
    const until = performance.now() + Number(values.minutes ?? Infinity) * 60_000
    const { results: all, isWhole } = await runCampaign(run, seeds, progress, until)
    const found = sum(all, (result) => result.violations.length)
    violations += found
    totals.set(campaign.unit, (totals.get(campaign.unit) ?? 0) + sum(all, ({ count }) => count))
    if (!isWhole) {
      console.log(`${campaign.name} on ${engine}: ${all.length} of ${seeds.length} seeds; --resume goes on`)
      continue
    }
    const concluded = campaign.conclude?.(seeds.length, all) ?? { report: '', violations: [] }
    if (concluded.report) console.log(concluded.report)
    for (const violation of concluded.violations) console.error(`${campaign.name}: ${violation}`)
    violations += concluded.violations.length
    writeResults(path.join(results, `${run.kind}-${campaign.name}-${engine}.json`), run, all, concluded)
    progress.remove()
  }
  console.log(`${[...totals].map(([unit, count]) => `${count} ${unit}`).join(', ')}, ${violations} violations`)
  return violations > 0 ? 1 : 0
}

interface Run {
  /** `faults` or `fuzz`. */
  kind: string
  campaign: Campaign
  engine: string
}

async function runCampaign(
  { kind, campaign, engine }: Run,
  seeds: number[],
  progress: Progress,
  until: number,
): Promise<{ results: Result[]; isWhole: boolean }> {
  const results: Result[] = progress.results
  const done = new Set(results.map(({ seed }) => seed))
  for (const seed of seeds) {
    if (done.has(seed)) continue
    if (performance.now() > until) return { results, isWhole: false }
    const result = await withFolder((folder) => runSeed(campaign, seed, { engine, folder }))
    results.push({ seed, ...result })
    progress.add({ seed, ...result })
    for (const violation of result.violations) console.error(`${campaign.name} seed ${seed}: ${violation}`)
    if (result.violations.length > 0) {
      console.error(
        result.folder ? `  its files are in ${result.folder}` : '  its files are not kept: those of others are',
      )
      console.error(`  again: npm run ${kind} -- ${campaign.name} --engine ${engine} --seeds 1 --from ${seed}`)
      if (campaign.chance) console.error(`  ${campaign.chance}`)
    }
    if (results.length % 100 === 0) console.error(`${campaign.name}: ${results.length} of ${seeds.length} seeds`)
  }
  return { results, isWhole: true }
}

function writeResults(
  file: string,
  { campaign, engine }: Run,
  results: Result[],
  concluded: { report: string; violations: string[] },
): void {
  const ran = {
    campaign: campaign.name,
    engine,
    ...revisionsOf(results),
    node: process.version,
    seeds: results.length,
    from: results[0]?.seed,
    [campaign.unit]: sum(results, ({ count }) => count),
    violations: sum(results, (result) => result.violations.length) + concluded.violations.length,
    ...(concluded.report ? { report: concluded.report.split('\n'), concluded: concluded.violations } : {}),
  }
  mkdirSync(path.dirname(file), { recursive: true })
  const lines = results.map(({ revision: _, ...result }) => `    ${JSON.stringify(result)}`).join(',\n')
  writeFileSync(file, `${JSON.stringify(ran, null, 2).slice(0, -2)},\n  "results": [\n${lines}\n  ]\n}\n`)
}

/** Those that the seeds ran on: several where it was resumed on another one. */
function revisionsOf(results: Result[]): object {
  const all = [...new Set(results.map(({ revision: of }) => of ?? revision()))]
  return all.length === 1 ? { revision: all[0] } : { revisions: all }
}

function sum<T>(items: T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
