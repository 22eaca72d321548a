import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Campaign, type CampaignResult, runSeed } from './campaign.ts'
import { loadCampaigns, withFolder } from './campaign-files.ts'

const usage = `Usage: [CAMPAIGN] [options]
  --seeds N        seeds per campaign, instead of its own number
  --from N         the first seed (1)
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
    const all = await runCampaign(run, seeds)
    const concluded = campaign.conclude?.(seeds.length) ?? { report: '', violations: [] }
    if (concluded.report) console.log(concluded.report)
    for (const violation of concluded.violations) console.error(`${campaign.name}: ${violation}`)
    violations += concluded.violations.length
    writeResults(path.join(results, `${run.kind}-${campaign.name}-${engine}.json`), run, all, concluded)
    totals.set(campaign.unit, (totals.get(campaign.unit) ?? 0) + sum(all, ({ count }) => count))
    violations += sum(all, (result) => result.violations.length)
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

async function runCampaign({ kind, campaign, engine }: Run, seeds: number[]): Promise<Result[]> {
  const results: Result[] = []
  for (const seed of seeds) {
    const result = await withFolder((folder) => runSeed(campaign, seed, { engine, folder }))
    results.push({ seed, ...result })
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
  return results
}

type Result = CampaignResult & { seed: number }

function writeResults(
  file: string,
  { campaign, engine }: Run,
  results: Result[],
  concluded: { report: string; violations: string[] },
): void {
  const ran = {
    campaign: campaign.name,
    engine,
    revision: revision(),
    node: process.version,
    seeds: results.length,
    from: results[0]?.seed,
    [campaign.unit]: sum(results, ({ count }) => count),
    violations: sum(results, (result) => result.violations.length) + concluded.violations.length,
    ...(concluded.report ? { report: concluded.report.split('\n'), concluded: concluded.violations } : {}),
  }
  mkdirSync(path.dirname(file), { recursive: true })
  const lines = results.map((result) => `    ${JSON.stringify(result)}`).join(',\n')
  writeFileSync(file, `${JSON.stringify(ran, null, 2).slice(0, -2)},\n  "results": [\n${lines}\n  ]\n}\n`)
}

/** The commit, and whether files differ from it. Without git there is none. */
function revision(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}

function sum<T>(items: T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
