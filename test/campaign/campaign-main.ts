import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Campaign, type CampaignResult, runSeed } from './campaign.ts'
import { loadCampaigns, withFolder } from './campaign-files.ts'

const usage = `Options:
  --seeds N        seeds per campaign, instead of its own number
  --from N         the first seed (1)
  --engine NAME    the storage engine (sqlite)
  --only NAME      one campaign`

/**
 * The program behind `npm run faults` and `npm run fuzz`. Ends with a line like `512 faults, 0 violations`, and with 1 if
 * there were any. Raw results go to `results/CAMPAIGN-ENGINE.jsonl` in the folder: a first line that says what ran, then
 * a line for each seed.
 */
export async function runCampaigns(folder: string, args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seeds: { type: 'string' },
      from: { type: 'string', default: '1' },
      engine: { type: 'string', default: 'sqlite' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const engine = values.engine
  const campaigns = (await loadCampaigns(folder)).filter(
    ({ name, engines }) => engines.includes(engine) && (values.only === undefined || values.only === name),
  )
  if (campaigns.length === 0) throw new Error(`no campaign here is called so or runs on ${engine}`)
  const totals = new Map<string, number>()
  let violations = 0
  for (const campaign of campaigns) {
    const first = Number(values.from)
    const seeds = Array.from({ length: Number(values.seeds ?? campaign.seeds) }, (_, index) => first + index)
    const results = await runCampaign(campaign, seeds, engine)
    writeResults(folder, campaign, engine, results)
    totals.set(campaign.unit, (totals.get(campaign.unit) ?? 0) + sum(results, ({ count }) => count))
    violations += sum(results, (result) => result.violations.length)
  }
  console.log(`${[...totals].map(([unit, count]) => `${count} ${unit}`).join(', ')}, ${violations} violations`)
  return violations > 0 ? 1 : 0
}

async function runCampaign(campaign: Campaign, seeds: number[], engine: string): Promise<Result[]> {
  const results: Result[] = []
  for (const seed of seeds) {
    const result = await withFolder((folder) => runSeed(campaign, seed, { engine, folder }))
    results.push({ seed, ...result })
    for (const violation of result.violations) {
      console.error(`${campaign.name} seed ${seed}: ${violation}\n  (its files are in ${result.folder})`)
    }
    if (results.length % 100 === 0) console.error(`${campaign.name}: ${results.length} of ${seeds.length} seeds`)
  }
  return results
}

type Result = CampaignResult & { seed: number }

function writeResults(folder: string, campaign: Campaign, engine: string, results: Result[]): void {
  const file = path.join(folder, 'results', `${campaign.name}-${engine}.jsonl`)
  const ran = {
    campaign: campaign.name,
    engine,
    revision: revision(folder),
    node: process.version,
    seeds: results.length,
    from: results[0]?.seed,
    [campaign.unit]: sum(results, ({ count }) => count),
    violations: sum(results, (result) => result.violations.length),
  }
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, [ran, ...results].map((line) => `${JSON.stringify(line)}\n`).join(''))
}

/** The commit, and whether files differ from it. Without git there is none. */
function revision(folder: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}

function sum<T>(items: T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
