import { type Measurement, median, rateOf } from './measurement.ts'
import type { Results } from './results.ts'
import type { Workload } from './workload.ts'

export interface Target {
  what: string
  /** Undefined when this run did not measure it. */
  found: number | undefined
  /** The least or the most that `found` may be. */
  bound: { least: number } | { most: number }
}

/** What Monobloc must reach, and what it did in this run. */
export function targetsOf({ measurements, rows, coldStarts, disturbed, logShares }: Results): Target[] {
  const toRaw = (workload: Workload) =>
    rows.find((row) => row.workload === workload && row.server === 'monobloc')?.ratioToRaw ?? undefined
  return [
    {
      what: 'durable POST, to the best peer that commits each request on its own',
      found: besideBest(measurements, 'write', ['express', 'fastify']),
      bound: { least: 6 },
    },
    { what: 'read by id, to raw', found: toRaw('read'), bound: { least: 0.6 } },
    { what: 'list of 20, to raw', found: toRaw('list'), bound: { least: 0.4 } },
    { what: 'read by id, to Fastify', found: besideBest(measurements, 'read', ['fastify']), bound: { least: 1 } },
    { what: 'list of 20, to Fastify', found: besideBest(measurements, 'list', ['fastify']), bound: { least: 1 } },
    // What people install is the built package; the sources are TypeScript that is stripped at each start.
    ...coldStarts.slice(0, 1).map(({ form, medianMillis }) => ({
      what: `first 200 of an app of three lines (${form}), ms`,
      found: medianMillis,
      bound: { most: 500 },
    })),
    ...disturbed.flatMap(({ ratio, health }) => [
      { what: 'median beside queries of seconds, to the calm one', found: ratio, bound: { most: 2 } },
      { what: 'health answered meanwhile, share', found: health.ok / health.asked, bound: { least: 1 } },
    ]),
    ...logShares.map(({ share }) => ({ what: "the log's share of a POST", found: share, bound: { most: 0.25 } })),
  ]
}

export function isMissed({ found, bound }: Target): boolean {
  if (found === undefined) return false
  return 'least' in bound ? found < bound.least : found > bound.most
}

export function describeTargets(targets: readonly Target[]): string {
  return targets
    .filter(({ found }) => found !== undefined)
    .map((target) => {
      const { what, found, bound } = target
      const limit = 'least' in bound ? `at least ${bound.least}` : `at most ${bound.most}`
      return `${isMissed(target) ? 'MISSED ' : 'reached'} ${what}: ${Number(found!.toFixed(2))} (${limit})`
    })
    .join('\n')
}

/** The median over the rounds of Monobloc's rate over the best of these in the same round. */
function besideBest(
  measurements: readonly Measurement[],
  workload: Workload,
  peers: readonly string[],
): number | undefined {
  const here = measurements.filter((one) => one.workload === workload)
  const ratios = here
    .filter(({ server }) => server === 'monobloc')
    .flatMap((own) => {
      const rates = here.filter(({ server, round }) => round === own.round && peers.includes(server)).map(rateOf)
      return rates.length > 0 ? [rateOf(own) / Math.max(...rates)] : []
    })
  return ratios.length > 0 ? median(ratios) : undefined
}
