/**
 * A search for violations of a promise by many seeded cases. It stands in `test/faults/NAME.campaign.ts` or
 * `test/fuzz/NAME.campaign.ts`, exported as `campaign`. `npm run faults` and `npm run fuzz` run it whole; `npm test` runs
 * its slice.
 */
export interface Campaign {
  name: string
  /** What one count is, in the plural: `faults`, `cases`. */
  unit: string
  /** The storage engines it can run on. */
  engines: readonly string[]
  /** How many seeds the whole campaign has, from 1 on. */
  seeds: number
  /** Seeds that `npm test` runs: few, and those that once found something. */
  slice: readonly number[]
  /** What a seed does not fix, where there is something: printed with how to run it again. */
  chance?: string
  /** Why it can't run on this machine, such as a missing tool or a missing server; undefined when it can. */
  unavailable?(engine: string): string | undefined
  /** One seed. All its randomness comes from the seed, so that a violation comes back with it. */
  run(seed: number, options: CampaignOptions): Promise<CampaignResult>
  /** After all seeds of a whole run: what they show together, such as a table of what was covered. It is printed and kept. */
  conclude?(seeds: number, results: readonly CampaignResult[]): { report: string; violations: string[] }
}

export interface CampaignOptions {
  engine: string
  /** A new empty folder for this seed; it is kept when the seed found a violation. */
  folder: string
  /** In `npm test`: where a seed tries many, fewer will do. */
  lean?: boolean
}

export interface CampaignResult {
  /** How many faults or cases this seed tried. A seed that tried nothing is a violation: it showed nothing. */
  count: number
  /** One sentence each. */
  violations: string[]
  /** Anything that belongs to the raw results. */
  [detail: string]: unknown
}

/** Runs one seed; a throw is a violation too. */
export async function runSeed(campaign: Campaign, seed: number, options: CampaignOptions): Promise<CampaignResult> {
  try {
    const result = await campaign.run(seed, options)
    return result.count > 0 ? result : { ...result, violations: [...result.violations, 'nothing was tried'] }
  } catch (error) {
    return { count: 1, violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
  }
}
