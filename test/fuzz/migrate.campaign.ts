import type { Campaign } from '../campaign/campaign.ts'
import { Random } from '../faults/random.ts'
import { runChain } from './migrate-case.ts'

/** Migrations of one database, one after another, each between random models with rows. */
const chain = 5

/**
 * Random models with rows and what a developer does to them: plan and apply keep every value that should survive, or
 * refuse with the reason and change nothing. What should survive is worked out without SQL.
 */
export const campaign: Campaign = {
  name: 'migrate',
  unit: 'migrations',
  engines: ['sqlite'],
  seeds: 60,
  slice: [1, 2],
  async run(seed, { folder }) {
    const { violations, applied, refused } = await runChain(new Random(seed), folder, chain)
    return { count: applied + refused, violations, applied, refused }
  },
}
