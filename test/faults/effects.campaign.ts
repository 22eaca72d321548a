import type { Campaign, CampaignResult } from '../campaign/campaign.ts'
import { runOn } from './effects-engines.ts'
import { pointsOf } from './effects-points.ts'
import { whyNoPostgres } from './postgres-programs.ts'

/** Several processes serve one database; they are killed at named points, stand still, and the clock they share is moved. */
export const campaign: Campaign = {
  name: 'effects',
  chance:
    'The seed gives what is sent, who is struck and at which point; how far all have come by then is up to the machine.',
  unit: 'faults',
  engines: ['sqlite', 'postgres'],
  // Some thousand faults on each engine, in about half an hour. Each point must be met 20 times by a whole run.
  seeds: 200,
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? whyNoPostgres() : undefined),
  run: (seed, { engine, folder, lean }) => runOn(engine, { seed, folder, faults: lean ? 3 : 8 }),
  conclude: (seeds, results) => ({ report: reportOf(results), violations: seeds < 200 ? [] : seldom(results) }),
}

/** How often a process of a whole run is killed at each named point, at least. */
const leastOften = 20

function strokesOf(results: readonly CampaignResult[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const result of results)
    for (const [name, count] of Object.entries((result.faults ?? {}) as Record<string, number>))
      counts.set(name, (counts.get(name) ?? 0) + count)
  return counts
}

function reportOf(results: readonly CampaignResult[]): string {
  const counts = [...strokesOf(results)].sort(([one], [other]) => (one < other ? -1 : 1))
  return counts.map(([name, count]) => `${String(count).padStart(5)}  ${name}`).join('\n')
}

function seldom(results: readonly CampaignResult[]): string[] {
  const counts = strokesOf(results)
  const engine = String(results.find((result) => result.engine)?.engine)
  const rare = pointsOf(engine).filter((name) => (counts.get(name) ?? 0) < leastOften)
  return rare.map((name) => `only ${counts.get(name) ?? 0} processes were killed at ${name}`)
}
